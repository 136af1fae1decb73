//! What goes through the socket between daemon and worker: one task there, one answer back.
//!
//! A task is to compile a module, or to run a job on code whose file is handed over with the head.
//!
//! Own framing, lengths before bytes, little-endian; both ends are always the same program, so it has no
//! versions. The daemon reads answers as a stranger's: every length, name, order and depth is checked.

use super::ExecError;
use lilypad_abi::{JobSpec, JobSpecError, Outcome, Refusal};
use lilypad_runtime::{Execution, Folder, FuelProfile, Node, ResolvedJob, Rewrite};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

const TASK_MAGIC: &[u8; 8] = b"lily-job";
const ANSWER_MAGIC: &[u8; 8] = b"lily-ans";

/// Of an answer: magic and length.
pub(super) const HEAD_BYTES: usize = 16;

/// Of a task: magic and length, kind, the daemon's process id.
pub(super) const TASK_HEAD_BYTES: usize = 32;

/// Most folders inside each other: more than a job can make or be given.
const DEPTH_MAX: usize = 300;

/// Most bytes of a name or a link's target.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Values smaller than this are copied together rather than written one by one.
const COPY_BYTES_MAX: usize = 4096;

/// Most bytes of a fuel profile.
pub(super) const PROFILE_BYTES_MAX: u64 = 64 << 20;

const ENDED: u8 = 0;
const FAULT: u8 = 1;
const NEEDS_EXACT: u8 = 2;
const COMPILED: u8 = 3;
const REFUSED: u8 = 4;
const PROFILED: u8 = 5;
const FILE: u8 = 0;
const FOLDER: u8 = 1;
const SYMLINK: u8 = 2;

/// A message under construction: large values are borrowed, so that a job's inputs aren't copied.
#[derive(Debug, Default)]
struct Message<'a> {
    done: Vec<Piece<'a>>,
    open: Vec<u8>,
    length: u64,
}

#[derive(Debug)]
enum Piece<'a> {
    Own(Vec<u8>),
    Borrowed(&'a [u8]),
}

impl<'a> Message<'a> {
    fn raw(&mut self, bytes: &'a [u8]) {
        self.length += bytes.len() as u64;
        if bytes.len() > COPY_BYTES_MAX {
            self.done.push(Piece::Own(std::mem::take(&mut self.open)));
            self.done.push(Piece::Borrowed(bytes));
        } else {
            self.open.extend_from_slice(bytes);
        }
    }

    fn number(&mut self, value: u64) {
        self.length += 8;
        self.open.extend_from_slice(&value.to_le_bytes());
    }

    fn byte(&mut self, value: u8) {
        self.length += 1;
        self.open.push(value);
    }

    fn bytes(&mut self, bytes: &'a [u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    fn owned(&mut self, bytes: Vec<u8>) {
        self.number(bytes.len() as u64);
        self.length += bytes.len() as u64;
        self.open.extend(bytes);
    }

    fn folder(&mut self, folder: &'a Folder) {
        self.number(folder.entries.len() as u64);
        for (name, node) in &folder.entries {
            self.bytes(name.as_bytes());
            match node {
                Node::File(bytes) => {
                    self.byte(FILE);
                    self.bytes(bytes);
                }
                Node::Folder(folder) => {
                    self.byte(FOLDER);
                    self.folder(folder);
                }
                Node::Symlink(target) => {
                    self.byte(SYMLINK);
                    self.bytes(target.as_bytes());
                }
            }
        }
    }

    fn execution(&mut self, execution: &'a Execution) -> io::Result<()> {
        self.owned(execution.outcome.to_block().map_err(io::Error::other)?);
        self.folder(&execution.outputs);
        self.byte(u8::from(execution.refusal_detail.is_some()));
        self.bytes(execution.refusal_detail.as_deref().unwrap_or_default().as_bytes());
        Ok(())
    }

    /// The whole message; magic, length and `head` in front.
    fn finish(mut self, magic: &[u8; 8], head: &[u64]) -> Vec<Piece<'a>> {
        let mut first = magic.to_vec();
        first.extend_from_slice(&self.length.to_le_bytes());
        first.extend(head.iter().flat_map(|number| number.to_le_bytes()));
        self.done.insert(0, Piece::Own(first));
        self.done.push(Piece::Own(self.open));
        self.done
    }
}

impl Piece<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
        }
    }
}

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Compile a module's rewrite; the module follows.
    Compile(Rewrite),
    /// Run a job on a module's rewrite; the code's file comes with the head, the job follows.
    Run(Rewrite),
}

impl Task {
    const ALL: [Self; 6] = [
        Self::Compile(Rewrite::Fast),
        Self::Compile(Rewrite::Exact),
        Self::Compile(Rewrite::Profiled),
        Self::Run(Rewrite::Fast),
        Self::Run(Rewrite::Exact),
        Self::Run(Rewrite::Profiled),
    ];

    fn number(self) -> u64 {
        Self::ALL.iter().position(|task| *task == self).unwrap_or(0) as u64
    }
}

/// A task on its way to a worker; the head is the first piece.
#[derive(Debug)]
pub(super) struct Request<'a>(Vec<Piece<'a>>);

impl<'a> Request<'a> {
    pub(super) fn compile(module: &'a [u8], rewrite: Rewrite) -> Self {
        let mut message = Message::default();
        message.bytes(module);
        Self::new(message, Task::Compile(rewrite))
    }

    /// A job without its module: the code stands for it.
    pub(super) fn run(job: &'a ResolvedJob, rewrite: Rewrite) -> Result<Self, JobSpecError> {
        let mut message = Message::default();
        message.owned(job.spec.to_block()?);
        message.bytes(&job.stdin);
        message.number(job.inputs.len() as u64);
        for (path, folder) in &job.inputs {
            message.bytes(path.as_bytes());
            message.folder(folder);
        }
        Ok(Self::new(message, Task::Run(rewrite)))
    }

    fn new(message: Message<'a>, task: Task) -> Self {
        Self(message.finish(TASK_MAGIC, &[task.number(), std::process::id().into()]))
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Piece::as_slice)
    }
}

/// A task's head, read in the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskHead {
    pub(super) task: Task,
    /// Process id.
    pub(super) daemon: u32,
    length: u64,
}

impl TaskHead {
    pub(super) fn read(head: &[u8; TASK_HEAD_BYTES]) -> Result<Self, WireError> {
        let mut from = &head[HEAD_BYTES..];
        let mut numbers = Reader { left: from.len() as u64, from: &mut from };
        let kind = usize::try_from(numbers.number()?).ok().and_then(|kind| Task::ALL.get(kind));
        Ok(Self {
            task: *kind.ok_or(WireError::Bad("kind of task"))?,
            daemon: u32::try_from(numbers.number()?).map_err(|_| WireError::Bad("process id"))?,
            length: head
                .first_chunk()
                .ok_or(WireError::Bad("magic"))
                .and_then(|head| length(head, TASK_MAGIC))?,
        })
    }

    /// The module to compile.
    pub(super) fn read_module(&self, from: &mut impl Read) -> Result<Vec<u8>, WireError> {
        let mut reader = Reader { left: self.length, from };
        let module = reader.bytes(self.length)?;
        reader.end()?;
        Ok(module)
    }

    /// The job to run; its module stays empty.
    pub(super) fn read_job(&self, from: &mut impl Read) -> Result<ResolvedJob, WireError> {
        let mut reader = Reader { left: self.length, from };
        let limit = self.length;
        let spec = JobSpec::from_block(&reader.bytes(limit)?).map_err(|_| WireError::Bad("job"))?;
        let stdin = reader.bytes(limit)?;
        let mut inputs = BTreeMap::new();
        for _ in 0..reader.number()? {
            let path = reader.text()?;
            inputs.insert(path, reader.folder(0)?);
        }
        reader.end()?;
        Ok(ResolvedJob { spec, module: Vec::new(), inputs, stdin })
    }
}

/// What a worker says in the end.
#[derive(Debug)]
pub(super) enum Answer {
    /// The job is done.
    Ended(Execution),
    /// The job is done, on the profiled rewrite; and where its fuel went.
    Profiled(Execution, FuelProfile),
    /// The job must be run on the exact rewrite.
    NeedsExact,
    /// The module's code.
    Compiled(Vec<u8>),
    /// The module is not admitted; why, as a code and to people.
    Refused(Refusal, String),
    /// The runtime reported a fault of this machine.
    Fault(String),
}

/// Refusals by their number on the wire.
const REFUSALS: [Refusal; 5] =
    [Refusal::Malformed, Refusal::Feature, Refusal::Import, Refusal::EntryPoint, Refusal::TooLarge];

/// Writes a worker's answer.
pub(super) fn write_answer(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut message = Message::default();
    match answer {
        Answer::Ended(execution) => {
            message.byte(ENDED);
            message.execution(execution)?;
        }
        Answer::Profiled(execution, profile) => {
            message.byte(PROFILED);
            message.execution(execution)?;
            message.owned(serde_json::to_vec(profile)?);
        }
        Answer::NeedsExact => message.byte(NEEDS_EXACT),
        Answer::Compiled(code) => {
            message.byte(COMPILED);
            message.bytes(code);
        }
        Answer::Refused(reason, detail) => {
            message.byte(REFUSED);
            let number = REFUSALS.iter().position(|refusal| refusal == reason).unwrap_or(0);
            message.number(number as u64);
            message.bytes(detail.as_bytes());
        }
        Answer::Fault(fault) => {
            message.byte(FAULT);
            message.bytes(fault.as_bytes());
        }
    }
    for piece in message.finish(ANSWER_MAGIC, &[]) {
        to.write_all(piece.as_slice())?;
    }
    to.flush()
}

/// Bytes of the answer behind this head.
pub(super) fn answer_length(head: &[u8; HEAD_BYTES]) -> Result<u64, String> {
    length(head, ANSWER_MAGIC).map_err(|e| e.to_string())
}

/// Reads an answer behind its head, in the daemon.
pub(super) fn read_answer(answer: &[u8]) -> Result<Answer, ExecError> {
    let mut from = answer;
    let mut reader = Reader { left: answer.len() as u64, from: &mut from };
    let answer = reader.answer().and_then(|answer| reader.end().map(|()| answer));
    match answer {
        Ok(Answer::Fault(fault)) => Err(ExecError::Fault(fault)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(ExecError::Protocol(error.to_string())),
    }
}

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the pipe broke")]
    Io(#[from] io::Error),
    #[error("bad {0}")]
    Bad(&'static str),
}

fn length(head: &[u8; HEAD_BYTES], magic: &[u8; 8]) -> Result<u64, WireError> {
    match (head.first_chunk::<8>(), head.last_chunk::<8>()) {
        (Some(found), Some(length)) if found == magic => Ok(u64::from_le_bytes(*length)),
        _ => Err(WireError::Bad("magic")),
    }
}

struct Reader<'r, R> {
    from: &'r mut R,
    left: u64,
}

impl<R: Read> Reader<'_, R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.left = self.left.checked_sub(N as u64).ok_or(WireError::Bad("length"))?;
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn bytes(&mut self, most: u64) -> Result<Vec<u8>, WireError> {
        let length = self.number()?;
        self.left = self.left.checked_sub(length).ok_or(WireError::Bad("length"))?;
        if length > most {
            return Err(WireError::Bad("length"));
        }
        let mut bytes = Vec::new();
        (&mut *self.from).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(WireError::Bad("end of the message")) }
    }

    fn text(&mut self) -> Result<String, WireError> {
        String::from_utf8(self.bytes(TEXT_BYTES_MAX)?).map_err(|_| WireError::Bad("text"))
    }

    fn folder(&mut self, depth: usize) -> Result<Folder, WireError> {
        if depth > DEPTH_MAX {
            return Err(WireError::Bad("depth"));
        }
        let mut folder = Folder::default();
        for _ in 0..self.number()? {
            let name = self.text()?;
            let last = folder.entries.last_key_value();
            if !Folder::is_name(&name) || last.is_some_and(|(last, _)| *last >= name) {
                return Err(WireError::Bad("name"));
            }
            let node = match self.byte()? {
                FILE => Node::File(Arc::new(self.bytes(self.left)?)),
                FOLDER => Node::Folder(self.folder(depth + 1)?),
                SYMLINK => Node::Symlink(self.text()?),
                _ => return Err(WireError::Bad("kind of entry")),
            };
            folder.entries.insert(name, node);
        }
        Ok(folder)
    }

    fn answer(&mut self) -> Result<Answer, WireError> {
        Ok(match self.byte()? {
            ENDED => Answer::Ended(self.execution()?),
            PROFILED => {
                let execution = self.execution()?;
                let profile = self.bytes(PROFILE_BYTES_MAX)?;
                let profile: FuelProfile =
                    serde_json::from_slice(&profile).map_err(|_| WireError::Bad("profile"))?;
                if !profile.is_sound() {
                    return Err(WireError::Bad("profile"));
                }
                Answer::Profiled(execution, profile)
            }
            NEEDS_EXACT => Answer::NeedsExact,
            COMPILED => Answer::Compiled(self.bytes(self.left)?),
            REFUSED => {
                let number = usize::try_from(self.number()?).ok();
                let reason =
                    number.and_then(|number| REFUSALS.get(number)).ok_or(WireError::Bad("refusal"))?;
                Answer::Refused(*reason, self.text()?)
            }
            FAULT => Answer::Fault(self.text()?),
            _ => return Err(WireError::Bad("kind of answer")),
        })
    }

    fn execution(&mut self) -> Result<Execution, WireError> {
        let outcome = self.bytes(self.left)?;
        let outcome = Outcome::from_block(&outcome).map_err(|_| WireError::Bad("outcome"))?;
        let outputs = self.folder(0)?;
        let has_detail = self.byte()? == 1;
        let detail = self.text()?;
        Ok(Execution { outcome, outputs, refusal_detail: has_detail.then_some(detail) })
    }

    fn end(&self) -> Result<(), WireError> {
        if self.left == 0 { Ok(()) } else { Err(WireError::Bad("end of the message")) }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
