//! Counting words in a stream of bytes. Knows nothing of files, folders or reports.

use std::io::{self, Read};

use rustc_hash::FxHashMap;

/// Bytes read at once; the only text in memory, beside the word that is being read.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest word. It bounds the memory that one file can take; a real text stays under a hundred.
pub(crate) const WORD_BYTES_MAX: usize = 1024 * 1024;

/// Why a stream could not be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    #[error("it can't be read")]
    Read(#[source] io::Error),
    #[error("a word is longer than {WORD_BYTES_MAX} letters; is it a text?")]
    WordTooLong,
}

/// What one stream held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) words: u64,
}

/// A word and how often it occurs, over all streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WordCount {
    pub(crate) word: Box<[u8]>,
    pub(crate) count: u64,
}

/// Counts over many streams.
#[derive(Debug)]
pub(crate) struct Counter {
    // An unseeded hash is cheaper, and the fuel then does not depend on the job's seed.
    // Whoever chooses words that collide pays for it.
    counts: FxHashMap<Box<[u8]>, u64>,
    length_min: usize,
    buffer: Box<[u8]>,
}

impl Counter {
    /// Counts words of at least `length_min` letters.
    pub(crate) fn new(length_min: u32) -> Self {
        Self {
            counts: FxHashMap::default(),
            length_min: usize::try_from(length_min).unwrap_or(usize::MAX),
            buffer: vec![0; BUFFER_BYTES].into(),
        }
    }

    /// Counts one stream to its end, which also ends its last word.
    pub(crate) fn read(&mut self, mut stream: impl Read) -> Result<Size, CountError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let size = self.read_through(&mut stream, &mut buffer);
        self.buffer = buffer;
        size
    }

    fn read_through(&mut self, stream: &mut impl Read, buffer: &mut [u8]) -> Result<Size, CountError> {
        let mut carried = Vec::new(); // the beginning of a word that went to the edge of the buffer
        let mut size = Size { bytes: 0, words: 0 };
        loop {
            let filled = match stream.read(buffer) {
                Ok(0) => break,
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CountError::Read(error)),
            };
            let text = &mut buffer[..filled];
            text.make_ascii_lowercase();
            size.bytes += filled as u64;
            size.words += self.scan(text, &mut carried)?;
        }
        size.words += self.end_word(&carried)?;
        Ok(size)
    }

    /// Counts the words that end in `text`; `carried` holds the one from before, and then the one that goes on.
    fn scan(&mut self, text: &[u8], carried: &mut Vec<u8>) -> Result<u64, CountError> {
        let mut words = 0;
        let mut rest = text;
        while let Some(end) = rest.iter().position(|byte| !byte.is_ascii_lowercase()) {
            if carried.is_empty() {
                words += self.end_word(&rest[..end])?;
            } else {
                carried.extend_from_slice(&rest[..end]);
                words += self.end_word(carried)?;
                carried.clear();
            }
            rest = &rest[end + 1..];
        }
        carried.extend_from_slice(rest);
        if carried.len() > WORD_BYTES_MAX { Err(CountError::WordTooLong) } else { Ok(words) }
    }

    /// Counts a word; how many words that were, one or none.
    fn end_word(&mut self, word: &[u8]) -> Result<u64, CountError> {
        if word.is_empty() || word.len() < self.length_min {
            return Ok(0);
        }
        if word.len() > WORD_BYTES_MAX {
            return Err(CountError::WordTooLong);
        }
        // Most words are known already, so the first look must not allocate.
        match self.counts.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(word.into(), 1);
            }
        }
        Ok(1)
    }

    /// All words, the most frequent first, equally frequent ones in alphabetical order.
    pub(crate) fn into_sorted(self) -> Vec<WordCount> {
        let mut words: Vec<_> =
            self.counts.into_iter().map(|(word, count)| WordCount { word, count }).collect();
        // Both keys together are unique, so the order does not depend on the map's.
        words.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives a few bytes at a time, as a host may.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let given = self.1.min(self.0.len()).min(buffer.len());
            buffer[..given].copy_from_slice(&self.0[..given]);
            self.0 = &self.0[given..];
            Ok(given)
        }
    }

    fn counted(text: &[u8], length_min: u32, step: usize) -> (Size, Vec<(String, u64)>) {
        let mut counter = Counter::new(length_min);
        let size = counter.read(Drip(text, step)).unwrap();
        let words = counter.into_sorted();
        (size, words.into_iter().map(|w| (String::from_utf8(w.word.into()).unwrap(), w.count)).collect())
    }

    #[test]
    fn words_are_runs_of_ascii_letters() {
        let text = "It's 3D: the cat, The CAT; na\u{ef}ve\u{2014}THE end".as_bytes();
        let expected =
            [("the", 3), ("cat", 2), ("d", 1), ("end", 1), ("it", 1), ("na", 1), ("s", 1), ("ve", 1)];
        for step in [1, 2, 7, 1000] {
            let (size, words) = counted(text, 0, step);
            assert_eq!(words, expected.map(|(word, count)| (word.to_owned(), count)));
            assert_eq!(size, Size { bytes: text.len() as u64, words: 11 });
        }
    }

    #[test]
    fn bytes_that_are_no_text_separate() {
        let (size, words) = counted(b"\xff\xfea\x00b\xc3\x28a", 0, 3);
        assert_eq!(words, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(size, Size { bytes: 8, words: 3 });
        assert_eq!(counted(b"", 0, 1).0, Size { bytes: 0, words: 0 });
    }

    #[test]
    fn short_words_are_left_out_everywhere() {
        let (size, words) = counted(b"to be or not to be", 3, 4);
        assert_eq!(words, [("not".to_owned(), 1)]);
        assert_eq!(size, Size { bytes: 18, words: 1 });
    }

    #[test]
    fn the_end_of_a_stream_ends_its_word() {
        let mut counter = Counter::new(0);
        counter.read(&b"foo"[..]).unwrap();
        counter.read(&b"bar"[..]).unwrap();
        let words: Vec<_> = counter.into_sorted().into_iter().map(|w| w.word).collect();
        assert_eq!(words, [b"bar".as_slice().into(), Box::from(b"foo".as_slice())]);
    }

    #[test]
    fn a_word_has_a_limit() {
        let longest = vec![b'a'; WORD_BYTES_MAX];
        assert_eq!(Counter::new(0).read(longest.as_slice()).unwrap().words, 1);
        let longer = vec![b'a'; WORD_BYTES_MAX + 1];
        assert!(matches!(Counter::new(0).read(longer.as_slice()), Err(CountError::WordTooLong)));
    }
}
