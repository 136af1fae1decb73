//! Standard input from the job; standard output and error captured, and cut at the job's limits.
//!
//! A guest that floods an output is told that every byte was written: the cut must not change what it does.

/// Standard input: the job's bytes, read once from the front.
#[derive(Debug)]
pub(super) struct Input {
    bytes: Vec<u8>,
    at: usize,
}

impl Input {
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes up to `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.at.min(self.bytes.len());
        let end = start.saturating_add(count).min(self.bytes.len());
        self.at = end;
        &self.bytes[start..end]
    }
}

/// A captured output.
#[derive(Debug)]
pub(super) struct Capture {
    bytes: Vec<u8>,
    room: usize,
}

impl Capture {
    /// Keeps the first `bytes_max` bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes: Vec::new(), room: usize::try_from(bytes_max).unwrap_or(usize::MAX) }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.room);
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.room -= kept;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_keeps_the_front() {
        let mut capture = Capture::new(5);
        capture.write(b"abc");
        capture.write(b"def");
        capture.write(b"ghi");
        assert_eq!(capture.into_bytes(), b"abcde");
    }

    #[test]
    fn input_ends() {
        let mut input = Input::new(b"abc".to_vec());
        assert_eq!(input.take(2), b"ab");
        assert_eq!(input.rest(), b"c");
        assert_eq!(input.take(usize::MAX), b"c");
        assert_eq!(input.take(1), b"");
    }
}
