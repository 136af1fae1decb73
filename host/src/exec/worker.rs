//! The worker's side: lock in, wait for a task, do it, answer, exit.
//!
//! The whole process does one task and holds nothing that a guest could want: no keys, no environment, no files but
//! its own code's, no network. One that compiles a module never sees a job, and one that runs a job never compiles.

use super::{
    sandbox,
    wire::{self, Answer, TASK_HEAD_BYTES, Task, TaskHead},
};
use lilypad_runtime::{Code, Rewrite, Run, Runtime, RuntimeOptions, Unprepared, on_guest_stack};
use rustix::{
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{Signal, getppid, set_parent_process_death_signal},
};
use std::{
    fs::File,
    io::{self, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
    process::ExitCode,
    sync::mpsc,
    thread,
};

/// The argument that makes a program a worker.
pub const SUBCOMMAND: &str = "worker";

/// Exit code of a worker that ran nothing.
const FAILED: u8 = 70;

/// Exit code of a worker whose daemon is gone.
const ORPHANED: i32 = 71;

/// Runs as a worker when the first argument is [`SUBCOMMAND`], and gives the exit code; otherwise nothing.
///
/// Every program that uses [`super::WorkerConfig::for_this_program`] calls this first thing in `main`.
#[must_use]
pub fn main_if_asked() -> Option<ExitCode> {
    std::env::args_os().nth(1).is_some_and(|first| first == SUBCOMMAND).then(main)
}

/// Does one task from standard input, which is a socket, and answers there.
///
/// To be called first thing in `main`, before threads start: a runtime of Tokio, for example, would keep
/// threads outside of the sandbox.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The daemon shows it as what the worker said.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(FAILED)
        }
    }
}

fn run() -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("can't follow the daemon: {e}"))?;
    let parent = getppid().and_then(|parent| u32::try_from(parent.as_raw_nonzero().get()).ok());
    // Once more for whoever watches it: locked in, no file can be opened a second time.
    let clone = || rustix::stdio::stdin().try_clone_to_owned().map(UnixStream::from);
    let (socket, watched) =
        clone().and_then(|socket| Ok((socket, clone()?))).map_err(|e| format!("no standard input: {e}"))?;
    let gate = sandbox::enter().map_err(|e| e.to_string())?;
    // Before a task is there, so that it needn't wait for this: the guest's stack, the engine, the watch.
    on_guest_stack(|| serve(&socket, watched, parent, gate)).map_err(|e| e.to_string())?
}

fn serve(
    mut socket: &UnixStream,
    watched: UnixStream,
    parent: Option<u32>,
    gate: sandbox::Gate,
) -> Result<(), String> {
    let runtime = Runtime::new(RuntimeOptions::default()).map_err(|e| chain(&e))?;
    let lifeline = follow_daemon(watched).map_err(|e| format!("can't start a thread: {e}"))?;
    let (head, file) = receive(socket).map_err(|e| format!("can't read the task: {e}"))?;
    // The daemon may have died before the kernel was asked to watch it.
    if parent != Some(head.daemon) {
        return Err("the process that started this worker is gone".to_owned());
    }
    let code = match (head.task, file) {
        (Task::Compile(_), _) => Ok(None),
        (Task::Run(_), None) => return Err("can't read the task: no code came with it".to_owned()),
        (Task::Run(rewrite), Some(file)) => load(&runtime, file, rewrite).map(Some),
    };
    gate.close().map_err(|e| e.to_string())?;
    let failed = |e| format!("can't read the task: {e}");
    let answer = match (head.task, code) {
        (Task::Compile(rewrite), _) => {
            let module = head.read_module(&mut socket).map_err(failed)?;
            let _ = lifeline.send(());
            compile(&runtime, &module, rewrite)
        }
        (Task::Run(_), code) => {
            let job = head.read_job(&mut socket).map_err(failed)?;
            let _ = lifeline.send(());
            match code {
                Ok(Some(code)) if code.rewrite() == Rewrite::Profiled => {
                    match runtime.profile_code(&code, &job) {
                        Ok((execution, profile)) => Answer::Profiled(execution, profile),
                        Err(error) => Answer::Fault(chain(&error)),
                    }
                }
                Ok(Some(code)) => match runtime.execute_code(&code, &job) {
                    Ok(Run::Ended(execution)) => Answer::Ended(execution),
                    Ok(Run::NeedsExact) => Answer::NeedsExact,
                    Err(error) => Answer::Fault(chain(&error)),
                },
                Ok(None) => Answer::Fault("no code".to_owned()),
                Err(fault) => Answer::Fault(fault),
            }
        }
    };
    wire::write_answer(&mut socket, &answer).map_err(|e| format!("can't answer: {e}"))
}

/// A task's head, and the file that came with it.
fn receive(mut socket: &UnixStream) -> Result<(TaskHead, Option<File>), wire::WireError> {
    let mut head = [0; TASK_HEAD_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut head)];
    let received =
        recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC).map_err(io::Error::from)?;
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut files) = message {
            file = files.next().map(File::from);
        }
    }
    if received.bytes == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    socket.read_exact(&mut head[received.bytes..])?;
    Ok((TaskHead::read(&head)?, file))
}

#[expect(unsafe_code, reason = "the one place where code made elsewhere is loaded")]
fn load(runtime: &Runtime, file: File, rewrite: Rewrite) -> Result<Code, String> {
    // SAFETY: the file comes from the daemon, over a socket that only it holds. It is either sealed memory, which
    // nobody can change, or a file that the daemon has checked, from a folder that only its user can write and
    // whose files are never changed once they have their name. Its code was made by a worker of this very program
    // under this rewrite: both are part of the key that the seal is for. Should all this fail, what runs amok is
    // this process, which is locked in and about to be given to a stranger's program anyway.
    unsafe { runtime.load(file, rewrite) }.map_err(|e| chain(&e))
}

fn compile(runtime: &Runtime, module: &[u8], rewrite: Rewrite) -> Answer {
    match runtime.compile(module, rewrite) {
        Ok(code) => Answer::Compiled(code),
        Err(Unprepared::Refused(reason, detail)) => Answer::Refused(reason, detail),
        Err(Unprepared::Fault(fault)) => Answer::Fault(chain(&fault)),
    }
}

/// Ends the process when the socket ends, which the daemon holds open: the kernel's own signal comes only when the
/// thread that started the worker dies, and a daemon can lose interest before that.
///
/// Watches from the moment that it is told to, when the whole task was read.
fn follow_daemon(mut socket: UnixStream) -> io::Result<mpsc::Sender<()>> {
    let (told, begin) = mpsc::channel();
    let watch = move || {
        if begin.recv().is_ok() {
            // Whatever arrives or fails here, the daemon no longer waits for this task.
            let _ = socket.read(&mut [0]);
            std::process::exit(ORPHANED)
        }
    };
    thread::Builder::new().name("follow-daemon".to_owned()).spawn(watch)?;
    Ok(told)
}

/// An error with its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
