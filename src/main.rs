//! The `hilum` command.

use std::process::ExitCode;

/// What was freed is gone: see there.
#[global_allocator]
static ALLOCATOR: hilum::plane::Forgetful = hilum::plane::Forgetful;

fn main() -> ExitCode {
    hilum::cli::main()
}
