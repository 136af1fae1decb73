//! Compiled code on disk: a folder of sealed files that only this user can write.
//!
//! - A file is written under a temporary name and renamed, so it is there whole or not at all, whoever else writes
//!   and whenever somebody is killed. Files are never changed afterwards, only replaced and removed.
//! - A file is used only after its seal was checked (`lilypad_runtime::cache`): names and sizes are not believed.
//! - The folder has a bound; what was used least recently goes first.
//!
//! The seal can't tell who wrote a file. That is the folder's matter: it belongs to this user and is closed to all
//! others, otherwise it isn't used. No code is loaded or run here.

use lilypad_runtime::cache::{CodeKey, seal, sealed_bytes};
use rustix::fs::{MemfdFlags, OFlags, SealFlags, StatVfsMountFlags};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Ends the name of a file of code.
const SUFFIX: &str = ".code";

/// Begins the name of a file under construction.
const TEMPORARY: &str = "new-";

/// A file under construction that is older than this was left by somebody who was killed.
const ABANDONED: Duration = Duration::from_secs(600);

/// Files kept open: a daemon that runs the same modules again checks their seals once.
const OPEN_MAX: usize = 32;

/// Bound on a cache's size when nothing else is said: code of some hundred ordinary modules.
pub const CACHE_BYTES_MAX: u64 = 2 << 30;

/// Compiled code on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    bytes_max: u64,
    /// Files of this file system can't be mapped as code.
    noexec: bool,
    /// Checked files by key, with the count of the use that was last.
    open: Mutex<BTreeMap<CodeKey, (u64, Arc<File>)>>,
    uses: AtomicU64,
}

/// Why a folder is not used as a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It can't be made or read.
    #[error("{0} can't be used for compiled code; every module is compiled anew")]
    Io(PathBuf, #[source] io::Error),
    /// Others could put their code there.
    #[error(
        "{0} may be written by others, so code in it is not used; `chmod 700` it, or remove it if it isn't yours"
    )]
    Open(PathBuf),
}

impl CodeCache {
    /// The cache in this folder, which is made if need be (the one above it isn't); at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`CacheError`]: the caller goes on without a cache, and says so.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        let failed = |error| CacheError::Io(dir.to_owned(), error);
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let metadata = fs::metadata(dir).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(CacheError::Open(dir.to_owned()));
        }
        let mount = rustix::fs::statvfs(dir).map_err(|error| failed(error.into()))?;
        let inner = Inner {
            dir: dir.to_owned(),
            bytes_max,
            noexec: mount.f_flag.contains(StatVfsMountFlags::NOEXEC),
            open: Mutex::default(),
            uses: AtomicU64::new(0),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The file of this code, checked and ready to be mapped; nothing when there is none that is whole.
    #[must_use]
    pub fn get(&self, key: &CodeKey) -> Option<Arc<File>> {
        if let Some(file) = self.opened(key) {
            return Some(file);
        }
        let path = self.path(key);
        match self.checked(key, &path) {
            Ok(Some(file)) => {
                // When it was used last; not worth failing for.
                let _ = file.set_modified(SystemTime::now());
                Some(self.keep_open(key, file))
            }
            Ok(None) => {
                tracing::warn!(path = %path.display(), "damaged or foreign code is thrown away and made again");
                let _ = fs::remove_file(&path);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code can't be read and is made again");
                None
            }
        }
    }

    /// Keeps code, and gives the file to be mapped. What is over the bound is removed, oldest use first.
    ///
    /// # Errors
    /// When the disk fails or is full; [`in_memory`] does without it.
    pub fn put(&self, key: &CodeKey, code: &[u8]) -> io::Result<Arc<File>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.0.dir.join(format!("{TEMPORARY}{}-{count}", std::process::id()));
        let written = self.write(key, code, &temporary);
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        let file = self.keep_open(key, written?);
        self.shrink();
        Ok(file)
    }

    fn write(&self, key: &CodeKey, code: &[u8], temporary: &Path) -> io::Result<File> {
        // The name of a killed process with the same id may be taken.
        let _ = fs::remove_file(temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
        file.write_all(code)?;
        file.write_all(&seal(key, code))?;
        file.set_permissions(Permissions::from_mode(0o400))?;
        drop(file);
        // Without waiting for the disk: a file that a power cut left half written has no valid seal.
        let file = if self.0.noexec { in_memory(code)? } else { open(temporary)? };
        fs::rename(temporary, self.path(key))?;
        Ok(file)
    }

    /// Bytes of all code kept, and how many files.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn size(&self) -> io::Result<(u64, usize)> {
        let kept = self.kept()?;
        Ok((kept.iter().map(|entry| entry.bytes).sum(), kept.len()))
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Whether its file system forbids mapping code, so that each use copies it.
    #[must_use]
    pub fn is_noexec(&self) -> bool {
        self.0.noexec
    }

    fn path(&self, key: &CodeKey) -> PathBuf {
        self.0.dir.join(format!("{key}{SUFFIX}"))
    }

    fn checked(&self, key: &CodeKey, path: &Path) -> io::Result<Option<File>> {
        let mut file = open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Ok(None);
        }
        if self.0.noexec {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let Some(length) = sealed_bytes(key, &mut &*bytes, bytes.len() as u64)? else { return Ok(None) };
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            return in_memory(&bytes).map(Some);
        }
        let sealed = sealed_bytes(key, &mut file, metadata.len())?;
        Ok(sealed.map(|_| file))
    }

    fn opened(&self, key: &CodeKey) -> Option<Arc<File>> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, file) = open.get_mut(key)?;
        *used = self.0.uses.fetch_add(1, Ordering::Relaxed);
        Some(file.clone())
    }

    fn keep_open(&self, key: &CodeKey, file: File) -> Arc<File> {
        let file = Arc::new(file);
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(*key, (self.0.uses.fetch_add(1, Ordering::Relaxed), file.clone()));
        while open.len() > OPEN_MAX {
            let oldest = open.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                open.remove(&oldest);
            }
        }
        file
    }

    fn kept(&self) -> io::Result<Vec<Entry>> {
        let entries = fs::read_dir(&self.0.dir)?.flatten();
        let entries = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX));
        Ok(entries.filter_map(|entry| Entry::of(&entry)).collect())
    }

    /// Removes what is over the bound, and what killed processes left. Others may do the same at once.
    fn shrink(&self) {
        let Ok(kept) = self.kept() else { return };
        for name in too_much(kept, self.0.bytes_max) {
            let _ = fs::remove_file(self.0.dir.join(name));
        }
        let Ok(entries) = fs::read_dir(&self.0.dir) else { return };
        for entry in entries.flatten() {
            let abandoned = entry.file_name().to_string_lossy().starts_with(TEMPORARY)
                && Entry::of(&entry)
                    .is_some_and(|entry| entry.used.elapsed().is_ok_and(|age| age > ABANDONED));
            if abandoned {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Code in memory that nobody can change any more, for where there is no disk to keep it on.
///
/// # Errors
/// When there is not enough memory.
pub fn in_memory(code: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("lilypad-code", flags)?);
    file.write_all(code)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)
}

/// A file of the cache, as evicting sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: OsString,
    bytes: u64,
    used: SystemTime,
}

impl Entry {
    fn of(entry: &fs::DirEntry) -> Option<Self> {
        let metadata = entry.metadata().ok()?;
        Some(Self { name: entry.file_name(), bytes: metadata.len(), used: metadata.modified().ok()? })
    }
}

/// The files to remove so that the rest is within the bound: least recently used first.
fn too_much(mut entries: Vec<Entry>, bytes_max: u64) -> Vec<OsString> {
    let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
    let over = entries.into_iter().take_while(|entry| {
        let over = bytes > bytes_max;
        bytes = bytes.saturating_sub(entry.bytes);
        over
    });
    over.map(|entry| entry.name).collect()
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
