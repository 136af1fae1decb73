//! Being written.
use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a worker must not have started anything before it locks itself in.
    if let Some(code) = lilypad_host::exec::worker::main_if_asked() {
        return code;
    }
    ExitCode::SUCCESS
}
