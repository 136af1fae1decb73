//! What a container left in an output folder, as a value.
//!
//! Read through descriptors, never by path, so that no link is followed whatever its name. Left out, because they have no
//! place in a result: sockets, pipes, devices, links that point out of their output, and names that aren't UTF-8.
//! Owners, modes and times are not read.

use crate::store::stays_inside;
use lilypad_runtime::{Folder, Node};
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

/// Most folders inside each other in an output; with the result's own this is what stores take.
pub(super) const DEPTH_MAX: usize = 256;

/// What may still come out, for all outputs of a job together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Bytes of files, each counted once for each of its names, holes included.
    pub(crate) bytes: u64,
    /// Files, folders and links, those left out too.
    pub(crate) files: u64,
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// More than allowed, or folders too deep in each other.
    #[error("the outputs go over the job's limits")]
    Over,
    /// The operating system said no.
    #[error("outputs can't be read: {0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for CollectError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Reads the folder `path`; only the path itself is trusted.
pub(crate) fn collect(path: &Path, allowance: &mut Allowance) -> Result<Folder, CollectError> {
    folder(open(CWD, path)?, allowance, 0)
}

fn open(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn folder(fd: OwnedFd, allowance: &mut Allowance, depth: usize) -> Result<Folder, CollectError> {
    if depth > DEPTH_MAX {
        return Err(CollectError::Over);
    }
    let mut folder = Folder::default();
    let mut dir = Dir::read_from(&fd)?;
    while let Some(entry) = dir.read() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        allowance.files = allowance.files.checked_sub(1).ok_or(CollectError::Over)?;
        let Ok(text) = name.to_str() else { continue };
        let stat = rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let node = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Node::Folder(self::folder(open(fd.as_fd(), name)?, allowance, depth + 1)?),
            FileType::RegularFile => Node::File(Arc::new(file(fd.as_fd(), name, allowance)?)),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&fd, name, Vec::new())?;
                match target.into_string() {
                    Ok(target) if stays_inside(&target, depth) => Node::Symlink(target),
                    _ => continue,
                }
            }
            _ => continue,
        };
        folder.entries.insert(text.to_owned(), node);
    }
    Ok(folder)
}

fn file(
    at: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    allowance: &mut Allowance,
) -> Result<Vec<u8>, CollectError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(at, name, flags, Mode::empty())?);
    // By its length first: a file of holes has any length and takes no room.
    if file.metadata()?.len() > allowance.bytes {
        return Err(CollectError::Over);
    }
    let mut bytes = Vec::new();
    file.take(allowance.bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    allowance.bytes = allowance.bytes.checked_sub(bytes.len() as u64).ok_or(CollectError::Over)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    const PLENTY: Allowance = Allowance { bytes: 1 << 20, files: 100 };

    #[test]
    fn files_folders_and_inner_links_come_out_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/f"), "text").unwrap();
        symlink("../d/f", at("d/inside")).unwrap();
        symlink("/etc/passwd", at("absolute")).unwrap();
        symlink("../../etc/passwd", at("d/up")).unwrap();
        symlink("d/../../x", at("sly")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        fs::write(
            dir.path().join(std::os::unix::ffi::OsStrExt::from_bytes(&b"\xff"[..]) as &std::ffi::OsStr),
            "x",
        )
        .unwrap();
        let folder = collect(dir.path(), &mut PLENTY.clone()).unwrap();
        assert_eq!(folder.entries.keys().collect::<Vec<_>>(), ["d"]);
        assert_eq!(folder.file("d/f"), Some(&b"text"[..]));
        assert_eq!(folder.at("d/inside"), Some(&Node::Symlink("../d/f".into())));
        assert_eq!(folder.at("d/up"), None);
    }

    #[test]
    fn what_goes_over_is_told_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let holes = File::create(dir.path().join("holes")).unwrap();
        holes.set_len(1 << 40).unwrap();
        assert!(matches!(collect(dir.path(), &mut PLENTY.clone()), Err(CollectError::Over)));
        holes.set_len(7).unwrap();
        let mut left = Allowance { bytes: 7, files: 1 };
        assert_eq!(collect(dir.path(), &mut left).unwrap().bytes(), 7);
        assert_eq!(left, Allowance { bytes: 0, files: 0 });
        assert!(matches!(collect(dir.path(), &mut left), Err(CollectError::Over)));
    }

    #[test]
    fn folders_too_deep_in_each_other_are_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/".repeat(DEPTH_MAX + 2))).unwrap();
        let mut plenty = Allowance { files: 1_000, ..PLENTY };
        assert!(matches!(collect(dir.path(), &mut plenty), Err(CollectError::Over)));
    }
}
