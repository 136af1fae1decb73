//! A file system of its own for a job's outputs, so that neither bytes nor files can go over the job's limits.
//!
//! It is ext4 in a sparse file on a loop device: large outputs stay on disk instead of in memory, as they would in a
//! tmpfs, and making and mounting it takes about 20 ms, in which the engine makes the container. Nothing here follows
//! a path of the job's.

use rustix::mount::UnmountFlags;
use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
};

/// The user and group that containers run as.
pub(super) const GUEST_ID: u32 = 65_532;

const BLOCK_BYTES: u64 = 4_096;

/// Inodes that the file system has for itself, and a few.
const INODES_OF_ITS_OWN: u64 = 64;

/// The size of the file behind a file system for `bytes` in `files` files and folders.
pub(super) fn image_bytes(bytes: u64, files: u32) -> u64 {
    let files = u64::from(files);
    // Each file's last block, and inodes, bitmaps and extents.
    let room = bytes + files * BLOCK_BYTES + (files + INODES_OF_ITS_OWN) * 256 + bytes / 64 + (2 << 20);
    room.next_multiple_of(BLOCK_BYTES)
}

/// Makes a file system in the new file `image` for `bytes` in `files` files and folders, and mounts it at `at`.
///
/// What is in `at` already is in the new file system from its first moment, with its owners and modes.
/// A little more than that fits, since files fill their last blocks only in part: what comes out is counted again.
pub(super) fn mount(image: &Path, at: &Path, bytes: u64, files: u32) -> io::Result<()> {
    let inodes = (u64::from(files) + INODES_OF_ITS_OWN).to_string();
    let file = File::options().write(true).create_new(true).open(image)?;
    file.set_len(image_bytes(bytes, files))?;
    run(
        "mkfs.ext4",
        [
            OsStr::new("-q"),
            OsStr::new("-F"),
            OsStr::new("-b"),
            OsStr::new("4096"),
            OsStr::new("-m"),
            OsStr::new("0"),
            OsStr::new("-N"),
            OsStr::new(&inodes),
            // The seed decides in which order a folder's entries are listed, so it is the same for everybody.
            // No journal: nobody wants half a result after a power cut.
            OsStr::new("-O"),
            OsStr::new("^has_journal,^resize_inode"),
            OsStr::new("-E"),
            OsStr::new(concat!(
                "lazy_itable_init=1,nodiscard,hash_seed=",
                "6c696c79-7061-6432-8065-787434736565"
            )),
            OsStr::new("-d"),
            at.as_os_str(),
            image.as_os_str(),
        ],
    )?;
    run(
        "mount",
        [
            OsStr::new("-t"),
            OsStr::new("ext4"),
            OsStr::new("-o"),
            // Without noinit_itable the kernel would write all inodes to disk in the background.
            OsStr::new("loop,nosuid,nodev,noatime,noinit_itable"),
            image.as_os_str(),
            at.as_os_str(),
        ],
    )
}

/// Takes down whatever is mounted at `at`; nothing when nothing is.
///
/// Lazily, so that nothing waits for data that nobody will read: the file behind it is about to be removed.
pub(super) fn unmount(at: &Path) -> io::Result<()> {
    // A crash between two attempts may have left several, one on the other.
    for _ in 0..8 {
        match rustix::mount::unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other(format!("{} has too many mounts on it; unmount them", at.display())))
}

/// Whether something is mounted at `at`.
pub(super) fn is_mounted(at: &Path) -> bool {
    let Some(parent) = at.parent() else { return false };
    let device = |path: &Path| rustix::fs::lstat(path).map(|stat| stat.st_dev);
    matches!((device(at), device(parent)), (Ok(here), Ok(above)) if here != above)
}

/// Whether such file systems can be mounted here, by mounting one; `Err` says what is missing.
pub(super) fn try_out(folder: &Path) -> Result<(), String> {
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    let at = trial.join("mount");
    let tried = fs::create_dir_all(&at)
        .and_then(|()| mount(&trial.join("image"), &at, 1 << 20, 16))
        .and_then(|()| unmount(&at));
    let _ = fs::remove_dir_all(&trial);
    tried.map_err(|error| error.to_string())
}

fn run<const N: usize>(program: &str, args: [&OsStr; N]) -> io::Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(args)
        // Services and plain users don't always have the folders of the system's own tools in their path.
        .env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{program} can't be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program} failed: {}", said.trim().chars().take(300).collect::<String>())))
}
