//! What the author of a job module sees: one typed input, files in, files out, a journal, an exit code.
//!
//! Nothing here is needed to be a valid job: any WASI preview 1 program is one.
//! This crate only saves its author the reading of stdin, the folder names and the one import of ours.
//! There is no clock, network or thread to offer, because a job has none.
//! The same program builds natively, where [`testing`] stands in for the host.

pub mod entry;
mod field;
pub mod input;
pub mod journal;
mod sys;
#[cfg(not(target_os = "wasi"))]
pub mod testing;

use std::{fmt::Display, path::PathBuf};

pub use lilypad_guest_macros::main;

/// What a progress line on stderr begins with, so that a host can tell it from the job's other messages.
pub const PROGRESS_PREFIX: &str = "progress: ";

/// Folder of the job's input files; what is written there is dropped. Absent when the job names no inputs.
pub fn input_dir() -> PathBuf {
    sys::dir(lilypad_abi::guest::INPUT_DIR)
}

/// Folder whose contents become the job's output files.
pub fn output_dir() -> PathBuf {
    sys::dir(lilypad_abi::guest::OUTPUT_DIR)
}

/// Scratch folder, dropped when the job ends.
pub fn tmp_dir() -> PathBuf {
    sys::dir(lilypad_abi::guest::TMP_DIR)
}

/// Tells whoever watches how far the job is, as one line on stderr.
///
/// stderr is part of the result, so say only what every run of the same job would say.
pub fn progress(message: impl Display) {
    eprintln!("{PROGRESS_PREFIX}{message}");
}

/// The next `N` bytes of the job's random stream.
///
/// The stream is seeded by the job: the same job gets the same bytes on every machine, another seed gives others.
/// It is therefore no secret, and no key should come from it.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    sys::random_fill(&mut bytes);
    bytes
}

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
