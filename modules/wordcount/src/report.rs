//! The forms of the answer: two tables as files, a short one for people, a summary for a contract.

use std::io::{self, Write};

use serde::Serialize;

use crate::count::{Size, WordCount};

/// The totals; as compact JSON in this order they are the journal.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    files: u64,
    bytes: u64,
    words: u64,
    distinct: u64,
}

impl Summary {
    pub(crate) fn of(files: &[(String, Size)], words: &[WordCount]) -> Self {
        Self {
            files: files.len() as u64,
            bytes: files.iter().map(|(_, size)| size.bytes).sum(),
            words: files.iter().map(|(_, size)| size.words).sum(),
            distinct: words.len() as u64,
        }
    }
}

/// `counts.tsv`: count, word.
pub(crate) fn counts(out: &mut impl Write, words: &[WordCount]) -> io::Result<()> {
    for WordCount { word, count } in words {
        write!(out, "{count}\t")?;
        out.write_all(word)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// `files.tsv`: bytes, words, path.
pub(crate) fn files(out: &mut impl Write, files: &[(String, Size)]) -> io::Result<()> {
    for (path, Size { bytes, words }) in files {
        writeln!(out, "{bytes}\t{words}\t{}", escaped(path))?;
    }
    Ok(())
}

/// What people see: the totals and the most frequent words.
pub(crate) fn table(out: &mut impl Write, summary: &Summary, top: &[WordCount]) -> io::Result<()> {
    let Summary { files, bytes, words, distinct } = summary;
    writeln!(out, "{files} files, {bytes} bytes, {words} words, {distinct} distinct")?;
    let columns = top.first().map_or(0, |first| first.count.to_string().len());
    for WordCount { word, count } in top {
        writeln!(out, "{count:>columns$}  {}", String::from_utf8_lossy(word))?;
    }
    out.flush()
}

/// A path that stays in its column: tabs, line breaks and backslashes are escaped.
fn escaped(path: &str) -> String {
    path.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_not_break_its_row() {
        let rows = [("a\tb\nc\\d\r".to_owned(), Size { bytes: 1, words: 2 })];
        let mut out = Vec::new();
        files(&mut out, &rows).unwrap();
        assert_eq!(out, b"1\t2\ta\\tb\\nc\\\\d\\r\n");
    }
}
