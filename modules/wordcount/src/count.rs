//! Counting words in a stream of bytes. Knows nothing of files, folders or reports.

use std::{
    collections::HashMap,
    io::{self, Read},
};

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
    counts: HashMap<Box<[u8]>, u64>,
    length_min: usize,
}

impl Counter {
    /// Counts words of at least `length_min` letters.
    pub(crate) fn new(length_min: u32) -> Self {
        Self { counts: HashMap::new(), length_min: usize::try_from(length_min).unwrap_or(usize::MAX) }
    }

    /// Counts one stream to its end, which also ends its last word.
    pub(crate) fn read(&mut self, mut stream: impl Read) -> Result<Size, CountError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut word = Vec::new();
        let mut size = Size { bytes: 0, words: 0 };
        loop {
            let filled = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CountError::Read(error)),
            };
            size.bytes += filled as u64;
            size.words += self.scan(&buffer[..filled], &mut word)?;
        }
        size.words += self.end_word(&mut word);
        Ok(size)
    }

    /// Counts the words that end in `bytes`; `word` carries the one that goes on in the next call.
    fn scan(&mut self, bytes: &[u8], word: &mut Vec<u8>) -> Result<u64, CountError> {
        let mut words = 0;
        for &byte in bytes {
            if byte.is_ascii_alphabetic() {
                if word.len() == WORD_BYTES_MAX {
                    return Err(CountError::WordTooLong);
                }
                word.push(byte.to_ascii_lowercase());
            } else if !word.is_empty() {
                words += self.end_word(word);
            }
        }
        Ok(words)
    }

    /// Counts the word and empties it; how many words that were, one or none.
    fn end_word(&mut self, word: &mut Vec<u8>) -> u64 {
        let counts = !word.is_empty() && word.len() >= self.length_min;
        if counts {
            // Most words are known already, so the first look must not allocate.
            match self.counts.get_mut(word.as_slice()) {
                Some(count) => *count += 1,
                None => {
                    self.counts.insert(word.as_slice().into(), 1);
                }
            }
        }
        word.clear();
        u64::from(counts)
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
