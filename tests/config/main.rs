//! The configuration: what is right, what is wrong and how it is said, and what a change does.

mod changes;
mod faults;
mod format;
mod values;
mod world;
