//! `lilypad`: for job creators, authors, and anyone who wants to look.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else is set up: a worker has one thread and no environment.
    if let Some(code) = lilypad_host::exec::worker::main_if_asked() {
        return code;
    }
    lilypad_host::cli::lilypad()
}
