//! The table of everything a guest can import: all of preview 1, and our own namespace.
//!
//! The order is part of nothing: engines link by name. Names and types are those of the interface.

use super::{Call, World, fuel::Stop};
use lilypad_abi::guest::{JOURNAL_WRITE, NAMESPACE};

/// Import module of preview 1.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Types of parameters and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValType2 {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function that a guest can import.
#[derive(Debug)]
pub(crate) struct HostFunction {
    /// The import's module.
    pub(crate) namespace: &'static str,
    /// The import's name.
    pub(crate) name: &'static str,
    /// Parameters in order.
    pub(crate) params: &'static [ValType2],
    /// One errno, or nothing.
    pub(crate) results: &'static [ValType2],
    pub(super) handler: Handler,
}

type Handler = fn(&mut World, &mut Call<'_>) -> Result<(), Stop>;

const fn wasi(name: &'static str, params: &'static [ValType2], handler: Handler) -> HostFunction {
    HostFunction { namespace: PREVIEW1, name, params, results: &[I32], handler }
}

use ValType2::{I32, I64};

/// Every function, ours last.
pub(crate) static FUNCTIONS: &[HostFunction] = &[
    wasi("args_get", &[I32, I32], World::args_get),
    wasi("args_sizes_get", &[I32, I32], World::args_sizes_get),
    wasi("environ_get", &[I32, I32], World::environ_get),
    wasi("environ_sizes_get", &[I32, I32], World::environ_sizes_get),
    wasi("clock_res_get", &[I32, I32], World::clock_res_get),
    wasi("clock_time_get", &[I32, I64, I32], World::clock_time_get),
    wasi("fd_advise", &[I32, I64, I64, I32], World::fd_advise),
    wasi("fd_allocate", &[I32, I64, I64], World::fd_allocate),
    wasi("fd_close", &[I32], World::fd_close),
    wasi("fd_datasync", &[I32], World::fd_sync),
    wasi("fd_fdstat_get", &[I32, I32], World::fd_fdstat_get),
    wasi("fd_fdstat_set_flags", &[I32, I32], World::fd_fdstat_set_flags),
    wasi("fd_fdstat_set_rights", &[I32, I64, I64], World::fd_fdstat_set_rights),
    wasi("fd_filestat_get", &[I32, I32], World::fd_filestat_get),
    wasi("fd_filestat_set_size", &[I32, I64], World::fd_filestat_set_size),
    wasi("fd_filestat_set_times", &[I32, I64, I64, I32], World::fd_filestat_set_times),
    wasi("fd_pread", &[I32, I32, I32, I64, I32], World::fd_pread),
    wasi("fd_prestat_get", &[I32, I32], World::fd_prestat_get),
    wasi("fd_prestat_dir_name", &[I32, I32, I32], World::fd_prestat_dir_name),
    wasi("fd_pwrite", &[I32, I32, I32, I64, I32], World::fd_pwrite),
    wasi("fd_read", &[I32, I32, I32, I32], World::fd_read),
    wasi("fd_readdir", &[I32, I32, I32, I64, I32], World::fd_readdir),
    wasi("fd_renumber", &[I32, I32], World::fd_renumber),
    wasi("fd_seek", &[I32, I64, I32, I32], World::fd_seek),
    wasi("fd_sync", &[I32], World::fd_sync),
    wasi("fd_tell", &[I32, I32], World::fd_tell),
    wasi("fd_write", &[I32, I32, I32, I32], World::fd_write),
    wasi("path_create_directory", &[I32, I32, I32], World::path_create_directory),
    wasi("path_filestat_get", &[I32, I32, I32, I32, I32], World::path_filestat_get),
    wasi("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32], World::path_filestat_set_times),
    wasi("path_link", &[I32, I32, I32, I32, I32, I32, I32], World::path_link),
    wasi("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32], World::path_open),
    wasi("path_readlink", &[I32, I32, I32, I32, I32, I32], World::path_readlink),
    wasi("path_remove_directory", &[I32, I32, I32], World::path_remove_directory),
    wasi("path_rename", &[I32, I32, I32, I32, I32, I32], World::path_rename),
    wasi("path_symlink", &[I32, I32, I32, I32, I32], World::path_symlink),
    wasi("path_unlink_file", &[I32, I32, I32], World::path_unlink_file),
    wasi("poll_oneoff", &[I32, I32, I32, I32], World::poll_oneoff),
    HostFunction {
        namespace: PREVIEW1,
        name: "proc_exit",
        params: &[I32],
        results: &[],
        handler: World::proc_exit,
    },
    wasi("proc_raise", &[I32], World::proc_raise),
    wasi("random_get", &[I32, I32], World::random_get),
    wasi("sched_yield", &[], World::sched_yield),
    wasi("sock_accept", &[I32, I32, I32], World::sock_call),
    wasi("sock_recv", &[I32, I32, I32, I32, I32, I32], World::sock_call),
    wasi("sock_send", &[I32, I32, I32, I32, I32], World::sock_call),
    wasi("sock_shutdown", &[I32, I32], World::sock_call),
    HostFunction {
        namespace: NAMESPACE,
        name: JOURNAL_WRITE,
        params: &[I32, I32],
        results: &[I32],
        handler: World::journal_write,
    },
];
