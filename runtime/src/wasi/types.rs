//! The numbers of WASI preview 1: errno, rights, file types, flags and the layout of its records.
//!
//! Only numbers that the world uses are named. Nothing here decides anything.

/// Why a call failed, as the guest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Errno {
    Badf = 8,
    Busy = 10,
    Exist = 20,
    Fault = 21,
    Fbig = 22,
    Ilseq = 25,
    Inval = 28,
    Isdir = 31,
    Loop = 32,
    Mfile = 33,
    Nametoolong = 37,
    Noent = 44,
    Nomem = 48,
    Nospc = 51,
    Nosys = 52,
    Notdir = 54,
    Notempty = 55,
    Notsock = 57,
    Notsup = 58,
    Overflow = 61,
    Perm = 63,
    Spipe = 70,
    Xdev = 75,
    Notcapable = 76,
}

/// What a descriptor or an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FileType {
    /// WASI has no number for a pipe; this is what stdio reports, so that libc buffers it fully.
    Unknown = 0,
    Folder = 3,
    File = 4,
    Symlink = 7,
}

/// Rights of a descriptor.
pub(super) mod rights {
    pub(in crate::wasi) const FD_DATASYNC: u64 = 1;
    pub(in crate::wasi) const FD_READ: u64 = 1 << 1;
    pub(in crate::wasi) const FD_SEEK: u64 = 1 << 2;
    pub(in crate::wasi) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(in crate::wasi) const FD_SYNC: u64 = 1 << 4;
    pub(in crate::wasi) const FD_TELL: u64 = 1 << 5;
    pub(in crate::wasi) const FD_WRITE: u64 = 1 << 6;
    pub(in crate::wasi) const FD_ADVISE: u64 = 1 << 7;
    pub(in crate::wasi) const FD_ALLOCATE: u64 = 1 << 8;
    pub(in crate::wasi) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(in crate::wasi) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(in crate::wasi) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(in crate::wasi) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(in crate::wasi) const PATH_OPEN: u64 = 1 << 13;
    pub(in crate::wasi) const FD_READDIR: u64 = 1 << 14;
    pub(in crate::wasi) const PATH_READLINK: u64 = 1 << 15;
    pub(in crate::wasi) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(in crate::wasi) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(in crate::wasi) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(in crate::wasi) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(in crate::wasi) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(in crate::wasi) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(in crate::wasi) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(in crate::wasi) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(in crate::wasi) const PATH_SYMLINK: u64 = 1 << 24;
    pub(in crate::wasi) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(in crate::wasi) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(in crate::wasi) const POLL_FD_READWRITE: u64 = 1 << 27;

    /// What a descriptor of a file can have.
    pub(in crate::wasi) const FILE: u64 = FILE_ALWAYS | FD_READ | FD_WRITE | WITH_WRITE;

    /// What comes with the right to write without asking, for the same reason as [`FILE_ALWAYS`].
    pub(in crate::wasi) const WITH_WRITE: u64 = FD_ALLOCATE | FD_FILESTAT_SET_SIZE;

    /// What every descriptor of a file gets without asking: none of it touches bytes, and programs written
    /// for runtimes that ignore rights forget to ask.
    pub(in crate::wasi) const FILE_ALWAYS: u64 = FD_DATASYNC
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_ADVISE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;

    /// What a descriptor of a folder can have, and gets.
    pub(in crate::wasi) const FOLDER: u64 = FD_FDSTAT_SET_FLAGS
        | FD_DATASYNC
        | FD_SYNC
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;

    /// Standard input.
    pub(in crate::wasi) const STDIN: u64 =
        FD_READ | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;

    /// Standard output and error.
    pub(in crate::wasi) const STDOUT: u64 =
        FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
}

/// Flags of a descriptor.
pub(super) mod fdflags {
    pub(in crate::wasi) const APPEND: u32 = 1;
    /// Every flag; all but `APPEND` change nothing here: no call blocks, and memory is always in sync.
    pub(in crate::wasi) const ALL: u32 = 0b1_1111;
}

/// Flags of `path_open`.
pub(super) mod oflags {
    pub(in crate::wasi) const CREAT: u32 = 1;
    pub(in crate::wasi) const DIRECTORY: u32 = 1 << 1;
    pub(in crate::wasi) const EXCL: u32 = 1 << 2;
    pub(in crate::wasi) const TRUNC: u32 = 1 << 3;
    pub(in crate::wasi) const ALL: u32 = 0b1111;
}

/// The one flag of a path lookup: follow a symbolic link in the last place.
pub(super) const SYMLINK_FOLLOW: u32 = 1;

/// Which times a set-times call sets, and to what.
pub(super) mod fstflags {
    pub(in crate::wasi) const ATIM: u32 = 1;
    pub(in crate::wasi) const ATIM_NOW: u32 = 1 << 1;
    pub(in crate::wasi) const MTIM: u32 = 1 << 2;
    pub(in crate::wasi) const MTIM_NOW: u32 = 1 << 3;
    pub(in crate::wasi) const ALL: u32 = 0b1111;
}

/// Bytes of one `dirent` record, before the name.
pub(super) const DIRENT_BYTES: usize = 24;

/// Highest `advice` number.
pub(super) const ADVICE_MAX: u32 = 5;

/// A `filestat` record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
    pub(super) links: u64,
    pub(super) size_bytes: u64,
    pub(super) access_ns: u64,
    pub(super) modify_ns: u64,
    pub(super) change_ns: u64,
}

impl FileStat {
    /// As it stands in guest memory.
    pub(super) fn to_bytes(self) -> [u8; 64] {
        let mut out = [0; 64];
        let mut put = |at: usize, value: u64| out[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(0, self.device);
        put(8, self.inode);
        put(16, u64::from(self.file_type as u8));
        put(24, self.links);
        put(32, self.size_bytes);
        put(40, self.access_ns);
        put(48, self.modify_ns);
        put(56, self.change_ns);
        out
    }
}
