//! One worker process, from the daemon's side: start it, bound it, hand it a task, read its answer, see it end.
//!
//! What a task is for is not known here.

use super::{ExecError, WorkerConfig, wire};
use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{Pid, Resource, Rlimit, getrlimit, prlimit},
};
use std::{
    fs::File,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{fd::AsFd as _, unix::net::UnixStream as StdUnixStream},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};

/// Bytes kept of what a worker says on its standard error.
const STDERR_BYTES_MAX: usize = 16 * 1024;

/// How long a worker that has answered may take to exit by itself.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// Address space beyond a worker's private memory: the engine reserves 4 GiB and guards for each linear memory.
const RESERVED_BYTES: u64 = 16 << 30;

/// A started worker that waits for its task.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    socket: UnixStream,
    stderr: JoinHandle<String>,
}

enum Broken {
    Pipe(io::Error),
    Protocol(String),
}

impl Worker {
    /// Starts one; must be called on a thread that lives as long as the worker, because it dies with it.
    pub(super) fn start(config: &WorkerConfig) -> Result<Self, ExecError> {
        let failed = |source| ExecError::Start { program: config.program.clone(), source };
        let (ours, its) = StdUnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let socket = UnixStream::from_std(ours).map_err(failed)?;
        let answers = its.try_clone().map_err(failed)?;
        let mut child = Command::new(&config.program)
            .args(&config.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(its)))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(answers)))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stderr = child.stderr.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { child, socket, stderr: tokio::spawn(read_stderr(stderr)) })
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it have so much private memory and no more, from now on.
    ///
    /// It can't lift the bound again. Reserved address space is bounded too, though less tightly: the kernel's
    /// page tables are memory as well.
    pub(super) fn bound_memory(&self, bytes: u64) -> io::Result<()> {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // Gone already: whoever talks to it next finds out.
        let Some(id) = id else { return Ok(()) };
        for (resource, bytes) in
            [(Resource::Data, bytes), (Resource::As, bytes.saturating_add(RESERVED_BYTES))]
        {
            // A bound on the daemon itself can't be lifted for a worker.
            let bytes = getrlimit(resource).maximum.map_or(bytes, |own| own.min(bytes));
            prlimit(Some(id), resource, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
        }
        Ok(())
    }

    /// Hands it its task, with a file or without, and gives the bytes of its answer, at most `bytes_max`.
    ///
    /// Dropping the future kills the worker.
    pub(super) async fn ask(
        mut self,
        request: wire::Request<'_>,
        file: Option<&File>,
        bytes_max: u64,
    ) -> Result<Vec<u8>, ExecError> {
        match exchange(&mut self.socket, request, file, bytes_max).await {
            Ok(answer) => {
                // It has nothing more to do; nobody waits for it to be gone.
                tokio::spawn(async move { end(&mut self.child, EXIT_GRACE).await });
                Ok(answer)
            }
            Err(Broken::Protocol(reason)) => Err(ExecError::Protocol(reason)),
            Err(Broken::Pipe(error)) => {
                let status = end(&mut self.child, EXIT_GRACE).await;
                let stderr = self.stderr.await.unwrap_or_default();
                Err(match status {
                    Some(status) => ExecError::Worker { status: status.to_string(), stderr },
                    None => ExecError::Io(error),
                })
            }
        }
    }
}

/// Both ways at once: a worker that answers before it has read everything must not block either side.
async fn exchange(
    socket: &mut UnixStream,
    request: wire::Request<'_>,
    file: Option<&File>,
    bytes_max: u64,
) -> Result<Vec<u8>, Broken> {
    let mut pieces = request.pieces();
    let head = pieces.next().unwrap_or_default();
    let sent = send_head(socket, head, file).await.map_err(Broken::Pipe)?;
    let (mut from, mut to) = socket.split();
    let send = async {
        for piece in std::iter::once(&head[sent..]).chain(pieces) {
            to.write_all(piece).await.map_err(Broken::Pipe)?;
        }
        Ok(())
    };
    let receive = async {
        let mut head = [0; wire::HEAD_BYTES];
        from.read_exact(&mut head).await.map_err(Broken::Pipe)?;
        let length = wire::answer_length(&head).map_err(Broken::Protocol)?;
        if length > bytes_max {
            let reason = format!("{length} bytes where {bytes_max} are allowed");
            return Err(Broken::Protocol(reason));
        }
        let mut answer = Vec::new();
        (&mut from).take(length).read_to_end(&mut answer).await.map_err(Broken::Pipe)?;
        let whole = answer.len() as u64 == length;
        if whole { Ok(answer) } else { Err(Broken::Pipe(io::ErrorKind::UnexpectedEof.into())) }
    };
    let ((), answer) = tokio::try_join!(send, receive)?;
    Ok(answer)
}

/// Sends the first bytes and the file with them; gives how many were sent.
async fn send_head(socket: &UnixStream, head: &[u8], file: Option<&File>) -> io::Result<usize> {
    let send = || {
        let files = file.map(|file| [file.as_fd()]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(files) = &files {
            control.push(SendAncillaryMessage::ScmRights(files));
        }
        Ok(sendmsg(socket, &[IoSlice::new(head)], &mut control, SendFlags::NOSIGNAL)?)
    };
    socket.async_io(Interest::WRITABLE, send).await
}

/// Waits for the worker to exit, kills it after `grace`, and reaps it.
async fn end(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status.ok();
    }
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "can't kill a worker");
    }
    child.try_wait().ok().flatten()
}

/// All of standard error is read, so that a worker can't block on it; the beginning is kept.
async fn read_stderr(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let room = STDERR_BYTES_MAX - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
