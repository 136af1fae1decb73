//! The table, arguments, clock, poll, randomness, process and journal.

use super::*;
use crate::wasi::ValType2;

#[test]
fn the_table_is_preview_1_and_the_journal() {
    let preview1: Vec<_> =
        FUNCTIONS.iter().filter(|function| function.namespace == "wasi_snapshot_preview1").collect();
    assert_eq!(preview1.len(), 46);
    let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 47);
    let ours = FUNCTIONS.last().unwrap();
    assert_eq!((ours.namespace, ours.name, ours.params.len()), ("lilypad_1", "journal_write", 2));
    for function in FUNCTIONS {
        let expected: &[ValType2] = if function.name == "proc_exit" { &[] } else { &[ValType2::I32] };
        assert_eq!(function.results, expected, "{}", function.name);
    }
    let mut guest = Guest::new();
    let past = guest.world.call(FUNCTIONS.len(), &[], &mut guest.memory, &mut guest.fuel_left);
    assert_eq!(past, Err(Halt::Trap(lilypad_abi::TrapKind::HostCall)));
}

#[test]
fn arguments_and_environment() {
    let mut guest = Guest::new();
    for (sizes, get, texts) in [
        ("args_sizes_get", "args_get", [&b"prog\0"[..], b"arg\0"]),
        ("environ_sizes_get", "environ_get", [b"A=1\0", b"B=2\0"]),
    ] {
        guest.call(sizes, &[RESULT_AT, RESULT_AT + 4]).unwrap();
        assert_eq!(guest.get_u32(RESULT_AT), 2);
        assert_eq!(guest.get_u32(RESULT_AT + 4) as usize, texts.concat().len());
        guest.call(get, &[RESULT_AT, DATA_AT]).unwrap();
        for (index, text) in texts.iter().enumerate() {
            let at = guest.get_u32(RESULT_AT + 4 * index as u64);
            assert_eq!(guest.get(at.into(), text.len()), *text);
        }
    }
}

#[test]
fn the_clock_moves_with_fuel_alone() {
    let mut guest = Guest::new();
    let mut read = |clock: u64| {
        guest.call("clock_time_get", &[clock, 1, RESULT_AT]).unwrap();
        guest.get_u64(RESULT_AT)
    };
    let (first, second) = (read(1), read(1));
    assert!(first > 0 && second > first);
    assert!(read(0) > EPOCH_NS);
    assert!(read(2) > second && read(3) > second);
    let used = Limits::default().fuel_limit - guest.fuel_left;
    guest.call("clock_time_get", &[0, 0, RESULT_AT]).unwrap();
    assert_eq!(guest.get_u64(RESULT_AT), EPOCH_NS + (used + crate::wasi::fuel::CALL) / 8);
    for clock in [0, 1, 2, 3] {
        guest.call("clock_res_get", &[clock, RESULT_AT]).unwrap();
        assert_eq!(guest.get_u64(RESULT_AT), 1);
    }
    assert_eq!(guest.call("clock_res_get", &[4, RESULT_AT]), errno(Errno::Inval));
    assert_eq!(guest.call("clock_time_get", &[4, 0, RESULT_AT]), errno(Errno::Inval));
}

fn clock_subscription(userdata: u64, clock: u32, timeout_ns: u64, flags: u16) -> Vec<u8> {
    let mut record = vec![0; 48];
    record[..8].copy_from_slice(&userdata.to_le_bytes());
    record[16..20].copy_from_slice(&clock.to_le_bytes());
    record[24..32].copy_from_slice(&timeout_ns.to_le_bytes());
    record[40..42].copy_from_slice(&flags.to_le_bytes());
    record
}

fn fd_subscription(userdata: u64, event_type: u8, fd: u64) -> Vec<u8> {
    let mut record = vec![0; 48];
    record[..8].copy_from_slice(&userdata.to_le_bytes());
    record[8] = event_type;
    record[16..20].copy_from_slice(&u32::try_from(fd).unwrap().to_le_bytes());
    record
}

impl Guest {
    /// Userdata, errno, type and bytes of each event.
    fn poll(&mut self, subscriptions: &[Vec<u8>]) -> Result<Vec<(u64, u16, u8, u64)>, u32> {
        self.put(DATA_AT, &subscriptions.concat());
        let count = subscriptions.len() as u64;
        // Events are written over the subscriptions, which a guest may ask for.
        self.call("poll_oneoff", &[DATA_AT, DATA_AT, count, RESULT_AT])?;
        let events = (0..u64::from(self.get_u32(RESULT_AT))).map(|index| {
            let event = self.get(DATA_AT + 32 * index, 32);
            let number = |at: usize| u64::from_le_bytes(event[at..at + 8].try_into().unwrap());
            (number(0), u16::from_le_bytes([event[8], event[9]]), event[10], number(16))
        });
        Ok(events.collect())
    }

    fn monotonic_ns(&mut self) -> u64 {
        self.call("clock_time_get", &[1, 0, RESULT_AT]).unwrap();
        self.get_u64(RESULT_AT)
    }
}

#[test]
fn sleeping_is_free_and_exact() {
    let mut guest = Guest::new();
    let (before, fuel_before) = (guest.monotonic_ns(), guest.fuel_left);
    let hour_ns = 3_600_000_000_000;
    let subscriptions = [
        clock_subscription(1, 1, hour_ns, 0),
        clock_subscription(2, 0, 2 * hour_ns, 0),
        clock_subscription(3, 1, hour_ns, 0),
    ];
    assert_eq!(guest.poll(&subscriptions).unwrap(), [(1, 0, 0, 0), (3, 0, 0, 0)]);
    let after = guest.monotonic_ns();
    let fuel_used = fuel_before - guest.fuel_left;
    assert!((after - before - hour_ns).abs_diff(fuel_used / 8) <= 1);
    // A point in time: reached exactly, and one in the past at once.
    let point = after + hour_ns;
    assert_eq!(guest.poll(&[clock_subscription(4, 1, point, 1)]).unwrap(), [(4, 0, 0, 0)]);
    assert!((point..point + 10_000).contains(&guest.monotonic_ns()));
    assert_eq!(guest.poll(&[clock_subscription(5, 0, 1, 1)]).unwrap(), [(5, 0, 0, 0)]);
    assert!(guest.monotonic_ns() < point + 20_000);
    guest.poll(&[clock_subscription(6, 1, u64::MAX, 0)]).unwrap();
    assert_eq!(guest.monotonic_ns(), u64::MAX);
}

#[test]
fn descriptors_are_ready_and_clocks_wait() {
    let mut guest = Guest::new();
    let file = guest.open(IN, "hello.txt").unwrap();
    let before = guest.monotonic_ns();
    let subscriptions = [
        fd_subscription(1, 1, STDIN),
        fd_subscription(2, 2, STDOUT),
        fd_subscription(3, 1, file),
        fd_subscription(4, 1, 99),
        fd_subscription(5, 2, file),
        fd_subscription(6, 1, OUT),
        clock_subscription(7, 1, 1_000_000_000, 0),
        clock_subscription(8, 1, 0, 0),
    ];
    let badf = Errno::Badf as u16;
    assert_eq!(
        guest.poll(&subscriptions).unwrap(),
        [
            (1, 0, 1, 14),
            (2, 0, 2, 0),
            (3, 0, 1, 11),
            (4, badf, 1, 0),
            (5, badf, 2, 0),
            (6, badf, 1, 0),
            (8, 0, 0, 0)
        ]
    );
    assert!(guest.monotonic_ns() < before + 100_000);
}

#[test]
fn bad_subscriptions() {
    let mut guest = Guest::new();
    assert_eq!(guest.poll(&[]), errno(Errno::Inval));
    assert_eq!(guest.poll(&[fd_subscription(1, 3, STDIN)]), errno(Errno::Inval));
    assert_eq!(guest.call("poll_oneoff", &[DATA_AT, DATA_AT, 4_097, RESULT_AT]), errno(Errno::Inval));
    let (inval, notsup) = (Errno::Inval as u16, Errno::Notsup as u16);
    assert_eq!(guest.poll(&[clock_subscription(1, 9, 5, 0)]).unwrap(), [(1, inval, 0, 0)]);
    assert_eq!(guest.poll(&[clock_subscription(1, 1, 5, 2)]).unwrap(), [(1, inval, 0, 0)]);
    assert_eq!(guest.poll(&[clock_subscription(1, 2, 5, 0)]).unwrap(), [(1, notsup, 0, 0)]);
}

#[test]
fn randomness_is_a_stream_that_every_world_shares() {
    let (mut one, mut two) = (Guest::new(), Guest::new());
    one.call("random_get", &[DATA_AT, 100]).unwrap();
    two.call("random_get", &[DATA_AT, 40]).unwrap();
    two.call("random_get", &[DATA_AT + 40, 60]).unwrap();
    assert_eq!(one.get(DATA_AT, 100), two.get(DATA_AT, 100));
    assert_ne!(one.get(DATA_AT, 50), one.get(DATA_AT + 50, 50));
}

#[test]
fn the_process_ends_when_it_says() {
    let mut guest = Guest::new();
    assert_eq!(guest.try_call("proc_exit", &[3]), Err(Halt::Exit(3)));
    assert_eq!(guest.try_call("proc_exit", &[u64::from(u32::MAX)]), Err(Halt::Exit(u32::MAX)));
    assert_eq!(guest.call("proc_raise", &[9]), errno(Errno::Nosys));
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
}

#[test]
fn there_are_no_sockets() {
    let mut guest = Guest::new();
    for (name, count) in [("sock_accept", 3), ("sock_recv", 6), ("sock_send", 5), ("sock_shutdown", 2)] {
        for (fd, expected) in [(STDIN, Errno::Notsock), (OUT, Errno::Notsock), (99, Errno::Badf)] {
            let mut args = vec![0; count];
            args[0] = fd;
            assert_eq!(guest.call(name, &args), errno(expected), "{name}");
        }
    }
}

#[test]
fn the_journal_takes_all_or_nothing() {
    let mut guest = Guest::with(Limits { journal_bytes_max: 6, ..Limits::default() });
    guest.put(DATA_AT, b"abcdefg");
    guest.call("journal_write", &[DATA_AT, 4]).unwrap();
    assert_eq!(guest.call("journal_write", &[DATA_AT, 3]), errno(Errno::Nospc));
    guest.call("journal_write", &[DATA_AT + 4, 2]).unwrap();
    guest.call("journal_write", &[DATA_AT, 0]).unwrap();
    assert_eq!(guest.call("journal_write", &[DATA_AT, 1]), errno(Errno::Nospc));
    assert_eq!(guest.call("journal_write", &[MEMORY_BYTES as u64, 1]), errno(Errno::Fault));
    assert_eq!(guest.finish().journal, b"abcdef");
}
