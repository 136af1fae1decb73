//! Counts the words in every regular file under the input folder.
//!
//! A word is a longest run of ASCII letters, in lower case; every other byte, valid UTF-8 or not, is a separator,
//! and so is the end of a file. The counts are therefore exactly those of
//! `cat FILES | tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | sort | uniq -c` in the C locale,
//! without the empty line that `tr` makes of a leading separator, for files that do not end in the middle of a word.
//! Text is streamed: memory grows with the number of distinct words and files, not with their size.

mod count;
mod report;
mod walk;

use std::{fs, io, path::PathBuf};

use lilypad_guest::{
    input_dir,
    journal::{self, JournalError},
    output_dir, progress,
};
use serde::Deserialize;

use crate::{
    count::{CountError, Counter},
    report::Summary,
};

/// Rows on stdout when the input names no number.
const TOP_DEFAULT: u32 = 10;

/// How to count; an empty input takes the defaults.
#[derive(Debug, Default, Deserialize)]
struct Input {
    /// How many of the most frequent words to print on stdout; counts.tsv always has all.
    top: Option<u32>,
    /// Shorter words are left out everywhere.
    min_length: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
enum WordcountError {
    #[error("{path} can't be read; give the job a folder of readable files as input")]
    Read { path: String, source: io::Error },
    #[error("{path} can't be counted")]
    Count { path: String, source: CountError },
    #[error("{path} can't be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("the summary has no JSON form")]
    Encode(#[source] serde_json::Error),
    #[error("the summary does not fit the journal")]
    Journal(#[source] JournalError),
    #[error("stdout can't be written")]
    Stdout(#[source] io::Error),
}

#[lilypad_guest::main]
fn wordcount(input: Input) -> Result<(), WordcountError> {
    let root = input_dir();
    let files = walk::regular_files(&root)
        .map_err(|(path, source)| WordcountError::Read { path: path.display().to_string(), source })?;
    progress(format_args!("{} files to count", files.len()));
    if files.is_empty() {
        eprintln!("the input folder has no files, so there is nothing to count");
    }

    let mut counter = Counter::new(input.min_length.unwrap_or(0));
    let mut rows = Vec::with_capacity(files.len());
    for name in files {
        let file = fs::File::open(root.join(&name))
            .map_err(|source| WordcountError::Read { path: name.clone(), source })?;
        let size =
            counter.read(file).map_err(|source| WordcountError::Count { path: name.clone(), source })?;
        rows.push((name, size));
    }
    let words = counter.into_sorted();
    let summary = Summary::of(&rows, &words);

    write("files.tsv", |out| report::files(out, &rows))?;
    write("counts.tsv", |out| report::counts(out, &words))?;
    let line = serde_json::to_vec(&summary).map_err(WordcountError::Encode)?;
    journal::write(&line).map_err(WordcountError::Journal)?;
    let top = usize::try_from(input.top.unwrap_or(TOP_DEFAULT)).unwrap_or(usize::MAX);
    report::table(&mut io::stdout().lock(), &summary, &words[..top.min(words.len())])
        .map_err(WordcountError::Stdout)
}

/// Writes one output file through a buffer.
fn write(
    name: &str,
    fill: impl FnOnce(&mut io::BufWriter<fs::File>) -> io::Result<()>,
) -> Result<(), WordcountError> {
    let path = output_dir().join(name);
    fs::File::create(&path)
        .and_then(|file| {
            let mut out = io::BufWriter::new(file);
            fill(&mut out)?;
            io::Write::flush(&mut out)
        })
        .map_err(|source| WordcountError::Write { path, source })
}

#[cfg(test)]
mod tests;
