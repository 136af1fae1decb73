//! Running a module's function natively, with folders and a journal in place of the host's.
//!
//! ```
//! # fn job() -> Result<(), Box<dyn std::error::Error>> {
//! #     let text = std::fs::read(lilypad_guest::input_dir().join("a.txt"))?;
//! #     std::fs::write(lilypad_guest::output_dir().join("copy.txt"), &text)?;
//! #     Ok(lilypad_guest::journal::write(&text)?)
//! # }
//! let run = lilypad_guest::testing::World::new().unwrap().file("a.txt", "hello").run(job).unwrap();
//! assert!(run.answer.is_ok());
//! assert_eq!(run.outputs["copy.txt"], b"hello");
//! assert_eq!(run.journal, b"hello");
//! ```
//!
//! Fuel, memory limits and the virtual clock exist only under a real host; stdout and stderr are not captured.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use lilypad_abi::guest::{INPUT_DIR, OUTPUT_DIR, TMP_DIR};

use crate::journal::ERRNO_NOSPC;

/// Journal limit of a test, unless [`World::journal_bytes_max`] sets another; a job's own default.
pub const JOURNAL_BYTES_MAX: usize = 4_096;

/// The small world of one test run: its input files, its limits, its seed.
#[derive(Debug)]
pub struct World {
    root: Folder,
    files: Vec<(PathBuf, Vec<u8>)>,
    input_dir: Option<PathBuf>,
    journal_bytes_max: usize,
    seed: u64,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run<R> {
    /// What the module's function returned.
    pub answer: R,
    /// The bytes in the journal.
    pub journal: Vec<u8>,
    /// Every regular file under the output folder, by its path with `/` between the parts.
    pub outputs: BTreeMap<String, Vec<u8>>,
}

impl World {
    /// An empty world in a new temporary folder, which is removed after the run.
    ///
    /// # Errors
    ///
    /// When the folder can't be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            root: Folder::new()?,
            files: Vec::new(),
            input_dir: None,
            journal_bytes_max: JOURNAL_BYTES_MAX,
            seed: 0,
        })
    }

    /// Adds a file under the input folder; its parent folders come with it.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Self {
        self.files.push((path.as_ref().to_owned(), bytes.as_ref().to_owned()));
        self
    }

    /// Takes an existing folder as the input folder, instead of files given one by one.
    #[must_use]
    pub fn input_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.input_dir = Some(folder.into());
        self
    }

    /// Sets how many bytes the journal takes.
    #[must_use]
    pub fn journal_bytes_max(mut self, bytes: usize) -> Self {
        self.journal_bytes_max = bytes;
        self
    }

    /// Sets the seed of [`crate::random`]; the stream is not the one that a host would give for it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs a module's function in this world.
    ///
    /// # Errors
    ///
    /// When the folders can't be prepared or the outputs can't be collected; the job's own error is in the answer.
    pub fn run<R>(self, job: impl FnOnce() -> R) -> io::Result<Run<R>> {
        if self.input_dir.is_some() && !self.files.is_empty() {
            // Writing test files into a folder that is not ours would change the caller's data.
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "give input files one by one or as a folder, not both",
            ));
        }
        let input_dir = self.input_dir.unwrap_or_else(|| self.root.0.join("in"));
        let output_dir = self.root.0.join("out");
        for folder in [&self.root.0.join("in"), &output_dir, &self.root.0.join("tmp")] {
            fs::create_dir(folder)?;
        }
        for (path, bytes) in &self.files {
            let path = input_dir.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        let current = Current {
            input_dir,
            output_dir: output_dir.clone(),
            tmp_dir: self.root.0.join("tmp"),
            journal: Vec::new(),
            journal_bytes_max: self.journal_bytes_max,
            random_state: self.seed,
        };
        let (answer, ended) = Entered::run(current, job);
        let mut outputs = BTreeMap::new();
        collect(&output_dir, "", &mut outputs)?;
        Ok(Run { answer, journal: ended.journal, outputs })
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// A temporary folder that goes away with its owner.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("lilypad-guest-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a killed process that had our number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that can't be removed is litter in the temporary folder, not a failed test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the functions of this crate see on the current thread.
#[derive(Debug)]
struct Current {
    input_dir: PathBuf,
    output_dir: PathBuf,
    tmp_dir: PathBuf,
    journal: Vec<u8>,
    journal_bytes_max: usize,
    random_state: u64,
}

impl Current {
    /// A native run outside a test: the guest's own paths, so that errors name them.
    fn outside() -> Self {
        Self {
            input_dir: INPUT_DIR.into(),
            output_dir: OUTPUT_DIR.into(),
            tmp_dir: TMP_DIR.into(),
            journal: Vec::new(),
            journal_bytes_max: JOURNAL_BYTES_MAX,
            random_state: 0,
        }
    }
}

thread_local! {
    // Tests run on many threads at once, each in its own world.
    static CURRENT: RefCell<Current> = RefCell::new(Current::outside());
}

/// Puts the previous world back, also when the job panics.
struct Entered(Option<Current>);

impl Entered {
    fn run<R>(current: Current, job: impl FnOnce() -> R) -> (R, Current) {
        let mut entered = Self(Some(CURRENT.replace(current)));
        let answer = job();
        let ended = CURRENT.replace(entered.0.take().unwrap_or_else(Current::outside));
        (answer, ended)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(previous) = self.0.take() {
            CURRENT.set(previous);
        }
    }
}

pub(crate) fn dir(guest_path: &'static str) -> PathBuf {
    CURRENT.with_borrow(|current| match guest_path {
        INPUT_DIR => current.input_dir.clone(),
        OUTPUT_DIR => current.output_dir.clone(),
        TMP_DIR => current.tmp_dir.clone(),
        other => other.into(),
    })
}

pub(crate) fn journal_write(bytes: &[u8]) -> i32 {
    CURRENT.with_borrow_mut(|current| {
        if current.journal.len() + bytes.len() > current.journal_bytes_max {
            return ERRNO_NOSPC;
        }
        current.journal.extend_from_slice(bytes);
        0
    })
}

/// SplitMix64: small, seeded, and good enough to stand in for a host's stream.
pub(crate) fn random_fill(bytes: &mut [u8]) {
    CURRENT.with_borrow_mut(|current| {
        for chunk in bytes.chunks_mut(8) {
            current.random_state = current.random_state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = current.random_state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    });
}
