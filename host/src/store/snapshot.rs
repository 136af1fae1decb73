//! Folders of the host as values, and values as folders of the host.
//!
//! Reading takes names, bytes and links, never owners, modes or times, and refuses what has no place in a
//! job. Writing never leaves its folder and never follows a link, whatever a hostile job put in its outputs.

use lilypad_runtime::{Folder, Node};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a folder of the host may hold to be taken as an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Most bytes of all files together.
    pub content_bytes_max: u64,
    /// Most files, folders and links together.
    pub entries_max: u64,
    /// Most folders inside each other.
    pub depth_max: usize,
}

impl Default for SnapshotLimits {
    /// What [`super::TreeLimits`] lets the other side read: 1 GiB, 131,072 entries, 260 deep.
    fn default() -> Self {
        let super::TreeLimits { content_bytes_max, entries_max, depth_max } = super::TreeLimits::default();
        Self { content_bytes_max, entries_max, depth_max }
    }
}

/// Why a folder of the host can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The operating system said no.
    #[error("can't read {path}; check that it exists and that you may read it")]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Not a folder.
    #[error("{0} is not a folder; give the folder that holds the files")]
    NotAFolder(PathBuf),
    /// A name that jobs can't see.
    #[error("{0} has a name that is not UTF-8; rename it")]
    Name(PathBuf),
    /// A link that would mean something else on another machine.
    #[error("{path} is a link to '{target}', outside of the folder; copy the file in instead")]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: String,
    },
    /// A socket, pipe or device.
    #[error("{0} is neither file, folder nor link; leave it out")]
    Special(PathBuf),
    /// Too much.
    #[error("{path} goes over {limit}; split the data or raise the limit")]
    Limit {
        /// Where it happened.
        path: PathBuf,
        /// Which limit.
        limit: String,
    },
}

/// A folder of the host as a value; hidden files included.
///
/// # Errors
/// [`SnapshotError`], naming the file that can't be taken.
pub fn read_dir(path: &Path, limits: &SnapshotLimits) -> Result<Folder, SnapshotError> {
    let meta = fs::metadata(path).map_err(reading(path))?;
    if !meta.is_dir() {
        return Err(SnapshotError::NotAFolder(path.to_owned()));
    }
    Snapshot { limits, content_bytes: 0, entries: 0 }.folder(path, 0)
}

struct Snapshot<'a> {
    limits: &'a SnapshotLimits,
    content_bytes: u64,
    entries: u64,
}

impl Snapshot<'_> {
    fn folder(&mut self, path: &Path, depth: usize) -> Result<Folder, SnapshotError> {
        if depth > self.limits.depth_max {
            let limit = format!("{} folders inside each other", self.limits.depth_max);
            return Err(SnapshotError::Limit { path: path.to_owned(), limit });
        }
        let mut folder = Folder::default();
        for entry in fs::read_dir(path).map_err(reading(path))? {
            let entry = entry.map_err(reading(path))?;
            let path = entry.path();
            self.entries += 1;
            if self.entries > self.limits.entries_max {
                let limit = format!("{} files and folders", self.limits.entries_max);
                return Err(SnapshotError::Limit { path, limit });
            }
            let name = entry.file_name().into_string().map_err(|_| SnapshotError::Name(path.clone()))?;
            let kind = entry.file_type().map_err(reading(&path))?;
            let node = if kind.is_dir() {
                Node::Folder(self.folder(&path, depth + 1)?)
            } else if kind.is_symlink() {
                Node::Symlink(link(&path, depth)?)
            } else if kind.is_file() {
                Node::File(Arc::new(self.file(&path)?))
            } else {
                return Err(SnapshotError::Special(path));
            };
            folder.entries.insert(name, node);
        }
        Ok(folder)
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>, SnapshotError> {
        // The file may have become a link or a pipe since the folder was listed: neither is followed or waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(reading(path))?;
        if !file.metadata().map_err(reading(path))?.is_file() {
            return Err(SnapshotError::Special(path.to_owned()));
        }
        let left = self.limits.content_bytes_max - self.content_bytes;
        let mut bytes = Vec::new();
        file.take(left.saturating_add(1)).read_to_end(&mut bytes).map_err(reading(path))?;
        if bytes.len() as u64 > left {
            let limit = format!("{} bytes", self.limits.content_bytes_max);
            return Err(SnapshotError::Limit { path: path.to_owned(), limit });
        }
        self.content_bytes += bytes.len() as u64;
        Ok(bytes)
    }
}

fn link(path: &Path, depth: usize) -> Result<String, SnapshotError> {
    let target = fs::read_link(path).map_err(reading(path))?;
    let target = target.into_os_string().into_string().map_err(|_| SnapshotError::Name(path.to_owned()))?;
    if stays_inside(&target, depth) {
        Ok(target)
    } else {
        Err(SnapshotError::Link { path: path.to_owned(), target })
    }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { path, source }
}

/// Whether a link in a folder `depth` levels below the root can only lead to places below the root.
///
/// `..` may stand only in front: behind a name, which may itself be a link, it could lead anywhere.
pub(crate) fn stays_inside(target: &str, depth: usize) -> bool {
    if target.is_empty() || target.starts_with('/') {
        return false;
    }
    let mut ups = 0;
    let mut named = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if named => return false,
            ".." => ups += 1,
            _ => named = true,
        }
    }
    ups <= depth
}

/// What [`write_to`] does when its folder holds something already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Refuse.
    IntoEmpty,
    /// Replace files of the same names and leave the others.
    Overwrite,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Links that lead out of the folder, by path: left out, because whatever reads the folder next would
    /// follow them.
    pub links_left_out: Vec<String>,
}

/// Why a folder can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system said no.
    #[error("can't write {path}; check the disk's space and the folder's permissions")]
    Io {
        /// What was written.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder holds something.
    #[error("{0} is not empty; name another folder, or ask to overwrite")]
    NotEmpty(PathBuf),
    /// A folder stands where a file is to go, or the other way round.
    #[error("{0} is in the way: a folder where a file goes, or a file where a folder goes; remove it")]
    InTheWay(PathBuf),
    /// A name that would lead elsewhere; folders from the store and from jobs hold none.
    #[error("'{0}' can't be a file's name; nothing was written under it")]
    Name(String),
}

/// Writes a folder's entries into `path`, making it and its parents when they don't exist.
///
/// # Errors
/// [`WriteError`], naming the file; what was written before it stays.
pub fn write_to(folder: &Folder, path: &Path, mode: WriteMode) -> Result<Written, WriteError> {
    let failed = |source| WriteError::Io { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(failed)?;
    let root =
        rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| failed(e.into()))?;
    if mode == WriteMode::IntoEmpty && fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(WriteError::NotEmpty(path.to_owned()));
    }
    let mut writer = Writer { root: path, written: Written::default() };
    writer.folder(folder, root.as_fd(), &mut Vec::new())?;
    Ok(writer.written)
}

struct Writer<'a> {
    root: &'a Path,
    written: Written,
}

impl Writer<'_> {
    /// `parts` is the path below the root, for messages and for links; only descriptors are opened.
    fn folder<'f>(
        &mut self,
        folder: &'f Folder,
        at: BorrowedFd<'_>,
        parts: &mut Vec<&'f str>,
    ) -> Result<(), WriteError> {
        for (name, node) in &folder.entries {
            if !Folder::is_name(name) {
                return Err(WriteError::Name(name.clone()));
            }
            parts.push(name);
            match node {
                Node::File(bytes) => {
                    self.clear(at, name, parts)?;
                    self.check(parts, write_file(at, name, bytes))?;
                    self.written.files += 1;
                    self.written.bytes += bytes.len() as u64;
                }
                Node::Folder(child) => {
                    let fd = match open_folder(at, name) {
                        Err(Errno::NOTDIR | Errno::LOOP) => return Err(self.in_the_way(parts)),
                        fd => self.check(parts, fd.map_err(io::Error::from))?,
                    };
                    self.folder(child, fd.as_fd(), parts)?;
                }
                Node::Symlink(target) if stays_inside(target, parts.len() - 1) => {
                    self.clear(at, name, parts)?;
                    let made = rustix::fs::symlinkat(target.as_str(), at, name.as_str());
                    self.check(parts, made.map_err(io::Error::from))?;
                    self.written.files += 1;
                }
                Node::Symlink(_) => self.written.links_left_out.push(parts.join("/")),
            }
            parts.pop();
        }
        Ok(())
    }

    /// Removes a file or link of this name; a link itself, never what it points to.
    fn clear(&self, at: BorrowedFd<'_>, name: &str, parts: &[&str]) -> Result<(), WriteError> {
        match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(()),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                Err(self.in_the_way(parts))
            }
            _ => self.check(parts, rustix::fs::unlinkat(at, name, AtFlags::empty()).map_err(io::Error::from)),
        }
    }

    fn check<T>(&self, parts: &[&str], result: io::Result<T>) -> Result<T, WriteError> {
        result.map_err(|source| WriteError::Io { path: self.root.join(parts.join("/")), source })
    }

    fn in_the_way(&self, parts: &[&str]) -> WriteError {
        WriteError::InTheWay(self.root.join(parts.join("/")))
    }
}

fn write_file(at: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o666))?;
    File::from(fd).write_all(bytes)
}

fn open_folder(at: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}
