//! `lilypad-host`: for machine owners: provider, mediator, solver.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else is set up: a worker has one thread and no environment.
    if let Some(code) = lilypad_host::exec::worker::main_if_asked() {
        return code;
    }
    lilypad_host::cli::lilypad_host()
}
