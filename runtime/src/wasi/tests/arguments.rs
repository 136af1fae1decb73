//! For every function: a pointer outside memory is `EFAULT` and changes nothing, a descriptor that isn't open
//! is `EBADF`, and a memory of no bytes is no special case.

use super::*;

/// One argument of a good call.
#[derive(Debug, Clone, Copy)]
enum Arg {
    /// A descriptor.
    Fd(u64),
    /// An address that the call needs.
    At(u64),
    /// Anything else.
    Value(u64),
}
use Arg::{At, Fd, Value};

const HELLO: (Arg, Arg) = (At(PATH_AT), Value(9));
const NEW: (Arg, Arg) = (At(PATH2_AT), Value(3));

/// A call of each function that succeeds. The file open as 6 is `/out/old`; 7 is `/out/empty`, a folder.
fn good_calls() -> Vec<(&'static str, Vec<Arg>)> {
    let v = Value;
    let all = v(u64::MAX);
    vec![
        ("args_get", vec![At(RESULT_AT), At(DATA_AT)]),
        ("args_sizes_get", vec![At(RESULT_AT), At(DATA_AT)]),
        ("environ_get", vec![At(RESULT_AT), At(DATA_AT)]),
        ("environ_sizes_get", vec![At(RESULT_AT), At(DATA_AT)]),
        ("clock_res_get", vec![v(0), At(RESULT_AT)]),
        ("clock_time_get", vec![v(0), v(0), At(RESULT_AT)]),
        ("fd_advise", vec![Fd(6), v(0), v(1), v(0)]),
        ("fd_allocate", vec![Fd(6), v(0), v(100)]),
        ("fd_close", vec![Fd(6)]),
        ("fd_datasync", vec![Fd(6)]),
        ("fd_fdstat_get", vec![Fd(6), At(RESULT_AT)]),
        ("fd_fdstat_set_flags", vec![Fd(6), v(1)]),
        ("fd_fdstat_set_rights", vec![Fd(6), v(0), v(0)]),
        ("fd_filestat_get", vec![Fd(6), At(RESULT_AT)]),
        ("fd_filestat_set_size", vec![Fd(6), v(50)]),
        ("fd_filestat_set_times", vec![Fd(6), v(1), v(1), v(5)]),
        ("fd_pread", vec![Fd(6), At(VECTOR_AT), v(1), v(0), At(RESULT_AT)]),
        ("fd_prestat_get", vec![Fd(OUT), At(RESULT_AT)]),
        ("fd_prestat_dir_name", vec![Fd(OUT), At(DATA_AT), v(4)]),
        ("fd_pwrite", vec![Fd(6), At(VECTOR_AT), v(1), v(0), At(RESULT_AT)]),
        ("fd_read", vec![Fd(6), At(VECTOR_AT), v(1), At(RESULT_AT)]),
        ("fd_readdir", vec![Fd(IN), At(DATA_AT), v(100), v(0), At(RESULT_AT)]),
        ("fd_renumber", vec![Fd(6), Fd(TMP)]),
        ("fd_seek", vec![Fd(6), v(1), v(0), At(RESULT_AT)]),
        ("fd_sync", vec![Fd(6)]),
        ("fd_tell", vec![Fd(6), At(RESULT_AT)]),
        ("fd_write", vec![Fd(6), At(VECTOR_AT), v(1), At(RESULT_AT)]),
        ("path_create_directory", vec![Fd(OUT), NEW.0, NEW.1]),
        ("path_filestat_get", vec![Fd(IN), v(0), HELLO.0, HELLO.1, At(RESULT_AT)]),
        ("path_filestat_set_times", vec![Fd(OUT), v(0), At(DATA_AT), v(3), v(1), v(1), v(5)]),
        ("path_link", vec![Fd(OUT), v(0), At(DATA_AT), v(3), Fd(OUT), NEW.0, NEW.1]),
        ("path_open", vec![Fd(OUT), v(0), NEW.0, NEW.1, v(1), all, all, v(0), At(RESULT_AT)]),
        ("path_readlink", vec![Fd(IN), At(DATA_AT + 8), v(4), At(DATA_AT + 16), v(4), At(RESULT_AT)]),
        ("path_remove_directory", vec![Fd(OUT), At(DATA_AT + 24), v(5)]),
        ("path_rename", vec![Fd(OUT), At(DATA_AT), v(3), Fd(OUT), NEW.0, NEW.1]),
        ("path_symlink", vec![At(DATA_AT), v(3), Fd(OUT), NEW.0, NEW.1]),
        ("path_unlink_file", vec![Fd(OUT), At(DATA_AT), v(3)]),
        ("poll_oneoff", vec![At(DATA_AT + 256), At(DATA_AT + 512), v(1), At(RESULT_AT)]),
        ("random_get", vec![At(DATA_AT), v(8)]),
        ("sched_yield", vec![]),
        ("journal_write", vec![At(DATA_AT), v(3)]),
    ]
}

/// A guest with memory laid out for [`good_calls`].
fn ready() -> Guest {
    let mut guest = Guest::new();
    assert_eq!(guest.create(OUT, "old"), Ok(6));
    guest.mkdir(OUT, "empty").unwrap();
    guest.path(PATH_AT, "hello.txt");
    guest.path(PATH2_AT, "new");
    guest.put(DATA_AT, b"old");
    guest.put(DATA_AT + 8, b"link");
    guest.put(DATA_AT + 24, b"empty");
    guest.put(VECTOR_AT, &[0x00, 0x60, 0, 0, 8, 0, 0, 0]);
    guest
}

fn values(args: &[Arg]) -> Vec<u64> {
    args.iter()
        .map(|arg| match arg {
            Fd(value) | At(value) | Value(value) => *value,
        })
        .collect()
}

#[test]
fn every_function_is_here_and_its_good_call_succeeds() {
    let never_succeeds =
        ["proc_exit", "proc_raise", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"];
    let mut names: Vec<_> = good_calls().into_iter().map(|(name, _)| name).collect();
    names.extend(never_succeeds);
    names.sort_unstable();
    let mut table: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    table.sort_unstable();
    assert_eq!(names, table);
    for (name, args) in good_calls() {
        assert_eq!(ready().call(name, &values(&args)), Ok(()), "{name}");
    }
}

#[test]
fn bad_addresses_are_faults_and_change_nothing() {
    for (name, args) in good_calls() {
        for (index, arg) in args.iter().enumerate() {
            let At(_) = arg else { continue };
            for bad in [MEMORY_BYTES as u64 - 1, MEMORY_BYTES as u64, u64::from(u32::MAX)] {
                let mut guest = ready();
                let mut args = values(&args);
                args[index] = bad;
                let memory = guest.memory.clone();
                assert_eq!(guest.call(name, &args), errno(Errno::Fault), "{name} {index} {bad:#x}");
                assert!(guest.memory == memory, "{name} {index} {bad:#x}");
                assert!(guest.world.journal.is_empty());
                let out = guest.finish().out;
                assert_eq!(out.entries.keys().collect::<Vec<_>>(), ["empty", "old"], "{name}");
                assert_eq!(out.file("old"), Some(&b""[..]), "{name}");
            }
        }
    }
}

#[test]
fn bad_descriptors_are_told() {
    for (name, args) in good_calls() {
        for (index, arg) in args.iter().enumerate() {
            let Fd(_) = arg else { continue };
            for bad in [77, 1_024, u64::from(u32::MAX)] {
                let mut args = values(&args);
                args[index] = bad;
                assert_eq!(ready().call(name, &args), errno(Errno::Badf), "{name} {index} {bad}");
            }
        }
    }
}

#[test]
fn no_memory_is_memory_too() {
    for (name, args) in good_calls() {
        let mut guest = ready();
        guest.memory.clear();
        let needs = args.iter().any(|arg| matches!(arg, At(_)));
        let expected = if needs { errno(Errno::Fault) } else { Ok(()) };
        assert_eq!(guest.call(name, &values(&args)), expected, "{name}");
    }
}

#[test]
fn a_call_without_fuel_ends_the_job() {
    for (name, args) in good_calls() {
        let mut guest = ready();
        guest.fuel_left = 100;
        assert_eq!(guest.try_call(name, &values(&args)), Err(Halt::OutOfFuel), "{name}");
        assert_eq!(guest.fuel_left, 0);
    }
}
