//! What running jobs say, kept within their caps for whoever follows, now or later.

use crate::container::{Listener, Stream};
use lilypad_bacalhau::model::ExecutionLog;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Most bytes of one frame's text.
const FRAME_BYTES: usize = 16 * 1024;

/// What the jobs that run have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs(Arc<Mutex<BTreeMap<String, Arc<Log>>>>);

#[derive(Debug)]
struct Log {
    /// In the order that they came.
    pieces: Mutex<Vec<(Stream, Vec<u8>)>>,
    /// Whether there will be no more; says so after each piece.
    ended: watch::Sender<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked had not begun to change anything: each change is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logs {
    /// Begins to keep what a job says; ends when the speaker is dropped.
    pub(super) fn begin(&self, job: &str) -> Speaker {
        let log = Arc::new(Log { pieces: Mutex::default(), ended: watch::Sender::new(false) });
        lock(&self.0).insert(job.to_owned(), log.clone());
        Speaker { logs: self.clone(), job: job.to_owned(), log }
    }

    /// What a job says from its beginning; nothing when it doesn't run.
    pub(super) fn follow(&self, job: &str) -> Option<Follower> {
        let log = lock(&self.0).get(job)?.clone();
        let ended = log.ended.subscribe();
        Some(Follower { log, next: 0, ended, text: Text::default() })
    }
}

/// The one whose words are kept.
#[derive(Debug)]
pub(super) struct Speaker {
    logs: Logs,
    job: String,
    log: Arc<Log>,
}

impl Speaker {
    /// For an executor, which keeps to the job's caps.
    pub(super) fn listener(&self) -> Listener {
        let log = self.log.clone();
        Arc::new(move |stream, bytes: &[u8]| {
            lock(&log.pieces).push((stream, bytes.to_vec()));
            log.ended.send_replace(false);
        })
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        lock(&self.logs.0).remove(&self.job);
        self.log.ended.send_replace(true);
    }
}

/// One who follows a job's words.
#[derive(Debug)]
pub(super) struct Follower {
    log: Arc<Log>,
    next: usize,
    ended: watch::Receiver<bool>,
    text: Text,
}

impl Follower {
    /// What came since; waits for it if `wait`. Nothing means that there is no more.
    pub(super) async fn next(&mut self, wait: bool) -> Option<Vec<ExecutionLog>> {
        loop {
            // First, so that what comes after the look is noticed.
            let ended = *self.ended.borrow_and_update();
            {
                let pieces = lock(&self.log.pieces);
                if let Some(new) = pieces.get(self.next..).filter(|new| !new.is_empty()) {
                    self.next = pieces.len();
                    return Some(
                        new.iter().flat_map(|(stream, bytes)| self.text.frames(*stream, bytes)).collect(),
                    );
                }
            }
            if ended || !wait || self.ended.changed().await.is_err() {
                return None;
            }
        }
    }
}

/// Bytes of two streams as text: a letter that comes in two pieces is put together.
#[derive(Debug, Default)]
pub(super) struct Text {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Text {
    pub(super) fn frames(&mut self, stream: Stream, bytes: &[u8]) -> Vec<ExecutionLog> {
        let (kept, kind) = match stream {
            Stream::Stdout => (&mut self.stdout, ExecutionLog::STDOUT),
            Stream::Stderr => (&mut self.stderr, ExecutionLog::STDERR),
        };
        kept.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(kept) {
            // Not wrong, only not yet complete.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => kept.len(),
        };
        let whole: Vec<u8> = kept.drain(..whole).collect();
        let text = String::from_utf8_lossy(&whole);
        let mut frames = Vec::new();
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            let at = rest.floor_char_boundary(FRAME_BYTES.min(rest.len()));
            let (piece, more) = rest.split_at(at);
            frames.push(ExecutionLog { r#type: kind, line: piece.to_owned() });
            rest = more;
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_late_hears_all_and_the_end() {
        let logs = Logs::default();
        assert!(logs.follow("a").is_none());
        let speaker = logs.begin("a");
        let say = speaker.listener();
        say(Stream::Stdout, b"one ");
        say(Stream::Stdout, "gr\u{fc}n".as_bytes().get(..3).unwrap());
        let mut follower = logs.follow("a").unwrap();
        let text = |pieces: Vec<ExecutionLog>| pieces.into_iter().map(|piece| piece.line).collect::<String>();
        assert_eq!(text(follower.next(true).await.unwrap()), "one gr");
        say(Stream::Stdout, "gr\u{fc}n".as_bytes().get(3..).unwrap());
        say(Stream::Stderr, b"last");
        drop(speaker);
        assert_eq!(text(follower.next(true).await.unwrap()), "\u{fc}nlast");
        assert!(follower.next(true).await.is_none());
        assert!(logs.follow("a").is_none());
    }

    #[test]
    fn long_pieces_become_frames() {
        let frames = Text::default().frames(Stream::Stdout, &[b'x'; FRAME_BYTES + 1]);
        assert_eq!(frames.iter().map(|frame| frame.line.len()).collect::<Vec<_>>(), [FRAME_BYTES, 1]);
        assert_eq!(Text::default().frames(Stream::Stderr, b"a\xffb")[0].line, "a\u{fffd}b");
    }
}
