//! What goes through the pipes between daemon and worker: one job there, one answer back.
//!
//! Own framing, lengths before bytes, little-endian; both ends are always the same program, so it has no
//! versions. The daemon reads answers as a stranger's: every length, name, order and depth is checked.

use super::ExecError;
use lilypad_abi::{JobSpec, JobSpecError, Outcome};
use lilypad_runtime::{Execution, Folder, Node, ResolvedJob};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

const JOB_MAGIC: &[u8; 8] = b"lily-job";
const ANSWER_MAGIC: &[u8; 8] = b"lily-ans";

/// Magic and length.
pub(super) const HEAD_BYTES: usize = 16;

/// Most folders inside each other: more than a job can make or be given.
const DEPTH_MAX: usize = 300;

/// Most bytes of a name or a link's target.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Values smaller than this are copied together rather than written one by one.
const COPY_BYTES_MAX: usize = 4096;

const ENDED: u8 = 0;
const FAULT: u8 = 1;
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

    /// The whole message, its head in front.
    fn finish(mut self, magic: &[u8; 8]) -> Vec<Piece<'a>> {
        let mut head = magic.to_vec();
        head.extend_from_slice(&self.length.to_le_bytes());
        self.done.insert(0, Piece::Own(head));
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

/// A job on its way to a worker.
#[derive(Debug)]
pub(super) struct Request<'a>(Vec<Piece<'a>>);

impl<'a> Request<'a> {
    pub(super) fn new(job: &'a ResolvedJob) -> Result<Self, JobSpecError> {
        let mut message = Message::default();
        message.number(std::process::id().into());
        message.owned(job.spec.to_block()?);
        message.bytes(&job.module);
        message.bytes(&job.stdin);
        message.number(job.inputs.len() as u64);
        for (path, folder) in &job.inputs {
            message.bytes(path.as_bytes());
            message.folder(folder);
        }
        Ok(Self(message.finish(JOB_MAGIC)))
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Piece::as_slice)
    }
}

/// Reads a job, in the worker; also the daemon's process id.
pub(super) fn read_request(from: &mut impl Read) -> Result<(u32, ResolvedJob), WireError> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head)?;
    let mut reader = Reader { left: length(&head, JOB_MAGIC)?, from };
    let daemon = u32::try_from(reader.number()?).map_err(|_| WireError::Bad("process id"))?;
    let limit = reader.left;
    let spec = JobSpec::from_block(&reader.bytes(limit)?).map_err(|_| WireError::Bad("job"))?;
    let module = reader.bytes(limit)?;
    let stdin = reader.bytes(limit)?;
    let mut inputs = BTreeMap::new();
    for _ in 0..reader.number()? {
        let path = reader.text()?;
        inputs.insert(path, reader.folder(0)?);
    }
    reader.end()?;
    Ok((daemon, ResolvedJob { spec, module, inputs, stdin }))
}

/// Writes a worker's answer: an execution, or the fault that stood in its way.
pub(super) fn write_answer(to: &mut impl Write, answer: Result<&Execution, &str>) -> io::Result<()> {
    let mut message = Message::default();
    match answer {
        Ok(execution) => {
            message.byte(ENDED);
            message.owned(execution.outcome.to_block().map_err(io::Error::other)?);
            message.folder(&execution.outputs);
            message.byte(u8::from(execution.refusal_detail.is_some()));
            message.bytes(execution.refusal_detail.as_deref().unwrap_or_default().as_bytes());
        }
        Err(fault) => {
            message.byte(FAULT);
            message.bytes(fault.as_bytes());
        }
    }
    for piece in message.finish(ANSWER_MAGIC) {
        to.write_all(piece.as_slice())?;
    }
    to.flush()
}

/// Bytes of the answer behind this head.
pub(super) fn answer_length(head: &[u8; HEAD_BYTES]) -> Result<u64, String> {
    length(head, ANSWER_MAGIC).map_err(|e| e.to_string())
}

/// Reads an answer behind its head, in the daemon.
pub(super) fn read_answer(answer: &[u8]) -> Result<Execution, ExecError> {
    let mut from = answer;
    let mut reader = Reader { left: answer.len() as u64, from: &mut from };
    let answer = reader.answer().and_then(|answer| reader.end().map(|()| answer));
    match answer {
        Ok(Ok(execution)) => Ok(execution),
        Ok(Err(fault)) => Err(ExecError::Fault(fault)),
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

    fn answer(&mut self) -> Result<Result<Execution, String>, WireError> {
        match self.byte()? {
            ENDED => {
                let outcome = self.bytes(self.left)?;
                let outcome = Outcome::from_block(&outcome).map_err(|_| WireError::Bad("outcome"))?;
                let outputs = self.folder(0)?;
                let has_detail = self.byte()? == 1;
                let detail = self.text()?;
                Ok(Ok(Execution { outcome, outputs, refusal_detail: has_detail.then_some(detail) }))
            }
            FAULT => Ok(Err(self.text()?)),
            _ => Err(WireError::Bad("kind of answer")),
        }
    }

    fn end(&self) -> Result<(), WireError> {
        if self.left == 0 { Ok(()) } else { Err(WireError::Bad("end of the message")) }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
