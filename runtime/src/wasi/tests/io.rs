//! Bytes in and out: stdio, files, seeking, growing, quotas.

use super::*;
use crate::wasi::types::fdflags;

#[test]
fn stdin_is_read_once() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(STDIN, 8).unwrap(), b"standard");
    assert_eq!(guest.read(STDIN, 100).unwrap(), b" input");
    assert_eq!(guest.read(STDIN, 100).unwrap(), b"");
    assert_eq!(guest.write(STDIN, b"x"), errno(Errno::Badf));
}

#[test]
fn stdout_and_stderr_are_cut_and_the_guest_is_told_otherwise() {
    let mut guest = Guest::with(Limits { stdout_bytes_max: 4, stderr_bytes_max: 0, ..Limits::default() });
    assert_eq!(guest.write(STDOUT, b"abc"), Ok(3));
    assert_eq!(guest.write(STDOUT, b"defg"), Ok(4));
    assert_eq!(guest.write(STDERR, b"lost"), Ok(4));
    assert_eq!(guest.read(STDOUT, 1), errno(Errno::Badf));
    assert_eq!(guest.seek(STDOUT, 0, 1), errno(Errno::Spipe));
    let finished = guest.finish();
    assert_eq!(finished.stdout, b"abcd");
    assert_eq!(finished.stderr, b"");
}

#[test]
fn vectors_are_filled_and_drained_in_order() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.put(DATA_AT, b"onetwothree");
    let vectors: Vec<u8> = [DATA_AT, 3, DATA_AT + 6, 5, DATA_AT + 3, 3]
        .iter()
        .flat_map(|value| u32::try_from(*value).unwrap().to_le_bytes())
        .collect();
    guest.put(VECTOR_AT, &vectors);
    guest.call("fd_write", &[file, VECTOR_AT, 3, RESULT_AT]).unwrap();
    assert_eq!(guest.get_u32(RESULT_AT), 11);
    guest.put(DATA_AT, &[b'.'; 16]);
    guest.call("fd_pread", &[file, VECTOR_AT, 3, 3, RESULT_AT]).unwrap();
    assert_eq!(guest.get_u32(RESULT_AT), 8);
    // 8 bytes from offset 3, "threetwo": 3, then 5 into the second vector, none left for the third.
    assert_eq!(guest.get(DATA_AT, 11), b"thr...eetwo");
    assert_eq!(*bytes_of(guest.finish().out.at("f")), b"onethreetwo");
}

#[test]
fn seeking_past_the_end_and_writing_leaves_zeros() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    assert_eq!(guest.write(file, b"ab"), Ok(2));
    assert_eq!(guest.seek(file, 3, 2), Ok(5));
    assert_eq!(guest.read(file, 10).unwrap(), b"");
    assert_eq!(guest.write(file, b"z"), Ok(1));
    assert_eq!(guest.seek(file, -7, 2), errno(Errno::Inval));
    assert_eq!(guest.seek(file, 0, 3), errno(Errno::Inval));
    assert_eq!(guest.seek(file, i64::MAX, 1), errno(Errno::Inval));
    assert_eq!(guest.seek(file, 0, 1), Ok(6));
    guest.call("fd_tell", &[file, RESULT_AT]).unwrap();
    assert_eq!(guest.get_u64(RESULT_AT), 6);
    assert_eq!(*bytes_of(guest.finish().out.at("f")), b"ab\0\0\0z");
}

#[test]
fn positioned_calls_leave_the_offset() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.write(file, b"abcdef").unwrap();
    guest.put(DATA_AT, b"XY");
    let (at, count) = guest.vector(2);
    guest.call("fd_pwrite", &[file, at, count, 1, RESULT_AT]).unwrap();
    assert_eq!(guest.seek(file, 0, 1), Ok(6));
    assert_eq!(guest.contents(OUT, "f").unwrap(), b"aXYdef");
    // An offset that a signed 64-bit place can't hold.
    assert_eq!(guest.call("fd_pwrite", &[file, at, count, u64::MAX, RESULT_AT]), errno(Errno::Fbig));
    guest.call("fd_pread", &[file, at, count, u64::MAX, RESULT_AT]).unwrap();
    assert_eq!(guest.get_u32(RESULT_AT), 0);
}

#[test]
fn append_writes_at_the_end_wherever_one_stands() {
    let mut guest = Guest::new();
    guest.file(OUT, "f", b"abc");
    let file = guest.create(OUT, "f").unwrap();
    guest.call("fd_fdstat_set_flags", &[file, u64::from(fdflags::APPEND)]).unwrap();
    assert_eq!(guest.write(file, b"d"), Ok(1));
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.write(file, b"e"), Ok(1));
    assert_eq!(guest.seek(file, 0, 1), Ok(5));
    assert_eq!(guest.contents(OUT, "f").unwrap(), b"abcde");
}

#[test]
fn a_write_that_does_not_fit_is_shortened_and_then_refused() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    assert_eq!(guest.write(file, &[1; 4_000]), Ok(4_000));
    assert_eq!(guest.write(file, &[2; 100]), Ok(96));
    assert_eq!(guest.write(file, &[3; 1]), errno(Errno::Nospc));
    assert_eq!(guest.write(file, &[]), Ok(0));
    // The limit is of both folders together.
    let other = guest.create(TMP, "g").unwrap();
    assert_eq!(guest.write(other, &[3; 1]), errno(Errno::Nospc));
    // Overwriting needs no room, removing gives it back once no descriptor is left.
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.write(file, &[4; 4_096]), Ok(4_096));
    guest.unlink(OUT, "f").unwrap();
    assert_eq!(guest.write(other, &[3; 1]), errno(Errno::Nospc));
    guest.close(file).unwrap();
    assert_eq!(guest.write(other, &[3; 1]), Ok(1));
}

#[test]
fn a_gap_beyond_the_limit_is_refused_without_filling_it() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    for offset in [4_096, 1 << 40, i64::MAX] {
        guest.seek(file, offset, 0).unwrap();
        assert_eq!(guest.write(file, b"x"), errno(Errno::Nospc));
    }
    assert_eq!(guest.fd_stat(file).unwrap().size, 0);
}

#[test]
fn sizes_are_set_within_the_limit() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.write(file, b"abcdef").unwrap();
    guest.call("fd_filestat_set_size", &[file, 3]).unwrap();
    guest.call("fd_filestat_set_size", &[file, 5]).unwrap();
    assert_eq!(guest.contents(OUT, "f").unwrap(), b"abc\0\0");
    assert_eq!(guest.call("fd_filestat_set_size", &[file, 4_097]), errno(Errno::Nospc));
    assert_eq!(guest.call("fd_filestat_set_size", &[file, u64::MAX]), errno(Errno::Fbig));
    guest.call("fd_allocate", &[file, 4, 4]).unwrap();
    assert_eq!(guest.fd_stat(file).unwrap().size, 8);
    guest.call("fd_allocate", &[file, 0, 2]).unwrap();
    assert_eq!(guest.fd_stat(file).unwrap().size, 8);
    assert_eq!(guest.call("fd_allocate", &[file, 0, 0]), errno(Errno::Inval));
    assert_eq!(guest.call("fd_allocate", &[file, u64::MAX, 1]), errno(Errno::Fbig));
    assert_eq!(guest.call("fd_allocate", &[file, 0, 4_097]), errno(Errno::Nospc));
}

#[test]
fn truncating_gives_room_back_and_host_memory_too() {
    let mut guest = Guest::with(Limits { output_bytes_max: 1 << 24, ..Limits::default() });
    for index in 0..20 {
        let file = guest.create(OUT, &format!("f{index}")).unwrap();
        guest.call("fd_filestat_set_size", &[file, (1 << 24) - 1_000]).unwrap();
        guest.call("fd_filestat_set_size", &[file, 10]).unwrap();
    }
    let out = guest.finish().out;
    let held: usize = out.entries.values().map(|node| bytes_of(Some(node)).capacity()).sum();
    assert!(held < 1 << 21, "{held}");
}

#[test]
fn every_byte_written_is_paid_for_before_it_is_kept() {
    let mut guest = Guest::with(Limits { fuel_limit: 100_000, ..Limits::default() });
    let file = guest.create(OUT, "f").unwrap();
    let before = guest.fuel_left;
    guest.write(file, &[0; 1_000]).unwrap();
    assert!(before - guest.fuel_left >= 500);
    assert_eq!(guest.try_call("fd_filestat_set_size", &[file, 1 << 20]), Err(Halt::OutOfFuel));
    assert_eq!(guest.fuel_left, 0);
    assert_eq!(guest.try_call("sched_yield", &[]), Err(Halt::OutOfFuel));
    assert_eq!(guest.finish().out.file("f").unwrap().len(), 1_000);
}
