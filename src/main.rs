//! The `hilum` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hilum::cli::main()
}
