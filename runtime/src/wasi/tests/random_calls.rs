//! Arbitrary calls: none panics, the same ones give the same world, and no limit is passed.

use super::*;
use proptest::prelude::*;

/// Numbers that mean something somewhere, or nothing anywhere.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..12_u64,
        4 => prop_oneof![Just(PATH_AT), Just(PATH2_AT), Just(VECTOR_AT), Just(RESULT_AT), Just(DATA_AT)],
        1 => 0..0x3_0000_u64,
        1 => any::<u64>(),
        1 => prop_oneof![Just(u64::MAX), Just(u64::from(u32::MAX)), Just(1 << 63), Just(i64::MAX as u64)],
    ]
}

fn calls() -> impl Strategy<Value = Vec<(usize, Vec<u64>)>> {
    let call = (0..FUNCTIONS.len() + 1, prop::collection::vec(number(), 0..10));
    prop::collection::vec(call, 0..60)
}

/// Names that the guest's memory starts with, so that random calls hit upon real paths.
const WORDS: &[u8] = b"a/../b/hello.txt/.//dir/link/loop/f";

fn guest(words_at: usize) -> Guest {
    let mut guest = Guest::with(Limits {
        fuel_limit: 3_000_000,
        output_bytes_max: 4_096,
        output_files_max: 8,
        stdout_bytes_max: 100,
        ..Limits::default()
    });
    for at in [PATH_AT, PATH2_AT, DATA_AT] {
        guest.put(at, &WORDS[words_at..]);
    }
    guest.vector(64);
    guest
}

fn play(words_at: usize, calls: &[(usize, Vec<u64>)]) -> (Vec<Result<u32, Halt>>, Guest) {
    let mut guest = guest(words_at);
    let answers = calls
        .iter()
        .map(|(function, args)| guest.world.call(*function, args, &mut guest.memory, &mut guest.fuel_left))
        .collect();
    (answers, guest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_make_the_same_world(words_at in 0..WORDS.len(), calls in calls()) {
        let (first, one) = play(words_at, &calls);
        let (second, two) = play(words_at, &calls);
        prop_assert_eq!(first, second);
        prop_assert!(one.memory == two.memory);
        prop_assert_eq!(one.fuel_left, two.fuel_left);
        let (one, two) = (one.finish(), two.finish());
        prop_assert!(one.out.bytes() <= 8 * 4_096);
        prop_assert!(one.stdout.len() <= 100);
        prop_assert_eq!(one.out, two.out);
        prop_assert_eq!((one.stdout, one.stderr, one.journal), (two.stdout, two.stderr, two.journal));
    }
}

/// One thing a program might do to its files.
#[derive(Debug, Clone)]
enum Op {
    Create(usize),
    Write(usize, u64, usize),
    Resize(usize, u64),
    Mkdir(usize),
    Unlink(usize),
    Rmdir(usize),
    Rename(usize, usize),
    Link(usize, usize),
    Symlink(usize, usize),
    Close(u64),
}

const PATHS: [&str; 10] = ["a", "b", "a/x", "b/x", "a/y", "b/y/z", "b/y", "c", "hello.txt", "dir/inner.txt"];

fn op() -> impl Strategy<Value = Op> {
    let path = || 0..PATHS.len();
    prop_oneof![
        path().prop_map(Op::Create),
        (path(), 0..6_000_u64, 0..3_000_usize).prop_map(|(path, at, len)| Op::Write(path, at, len)),
        (path(), 0..6_000_u64).prop_map(|(path, size)| Op::Resize(path, size)),
        path().prop_map(Op::Mkdir),
        path().prop_map(Op::Unlink),
        path().prop_map(Op::Rmdir),
        (path(), path()).prop_map(|(old, new)| Op::Rename(old, new)),
        (path(), path()).prop_map(|(old, new)| Op::Link(old, new)),
        (path(), path()).prop_map(|(old, new)| Op::Symlink(old, new)),
        (6..12_u64).prop_map(Op::Close),
    ]
}

/// The books agree with what is there: bytes, entries, and links of every inode.
fn audit(guest: &Guest) {
    let fs = &guest.world.fs;
    let (bytes, entries) = fs.audit();
    assert_eq!(fs.room(), (4_096 - bytes, 16 - entries));
    assert!(guest.world.fs.to_folder(guest.world.out).bytes() <= bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance(
        ops in prop::collection::vec((op(), prop::bool::weighted(0.3)), 0..80),
    ) {
        let mut guest = Guest::new();
        let given = job(Limits::default()).inputs;
        for (op, in_input) in ops {
            let top = if in_input { IN } else { OUT };
            // Failing is fine; what is checked is that success and failure both leave a sound tree.
            let _ = match op {
                Op::Create(path) => guest.create(top, PATHS[path]).map(drop),
                Op::Write(path, at, len) => guest.create(top, PATHS[path]).and_then(|file| {
                    guest.seek(file, at.cast_signed(), 0)?;
                    guest.write(file, &vec![1; len])?;
                    guest.close(file)
                }),
                Op::Resize(path, size) => guest.create(top, PATHS[path]).and_then(|file| {
                    guest.call("fd_filestat_set_size", &[file, size])
                }),
                Op::Mkdir(path) => guest.mkdir(top, PATHS[path]),
                Op::Unlink(path) => guest.unlink(top, PATHS[path]),
                Op::Rmdir(path) => guest.rmdir(top, PATHS[path]),
                Op::Rename(old, new) => guest.rename(top, PATHS[old], top, PATHS[new]),
                Op::Link(old, new) => guest.link(top, PATHS[old], top, PATHS[new]),
                Op::Symlink(old, new) => guest.symlink(PATHS[old], top, PATHS[new]),
                Op::Close(fd) => guest.close(fd),
            };
            audit(&guest);
            prop_assert_eq!(&given, &job(Limits::default()).inputs);
        }
    }
}
