//! Any calls in any order: the world never panics, writes only into the guest's memory, gives fuel to nobody, keeps to
//! the job's limits, and does the same again when asked the same.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Profile};
use lilypad_runtime::{
    Folder, Node, ResolvedJob,
    fuzzing::{self, Left, World},
};
use std::collections::BTreeMap;

/// The guest's memory lies between two walls that no call may touch.
const WALL_BYTES: usize = 64;
const MEMORY_BYTES: usize = 4_096;
const WALL: u8 = 0xa5;

/// Words that the guest's memory begins with, so that paths hit upon what is there.
const WORDS: &[u8] = b"a/../b/hello.txt/.//dir/link/loop/f\0../x";

#[derive(Debug, Arbitrary)]
enum Step {
    Call { function: u8, args: [Number; 9] },
    Poke { at: u16, bytes: [u8; 8] },
    Vector { at: u16, to: u16, len: u16 },
}

/// Numbers that mean something somewhere, or nothing anywhere.
#[derive(Debug, Arbitrary)]
enum Number {
    Small(u8),
    Address(u16),
    Any(u64),
    Last,
}

impl Number {
    fn get(&self) -> u64 {
        match self {
            Self::Small(value) => u64::from(value % 12),
            Self::Address(value) => u64::from(*value) % (MEMORY_BYTES as u64 + 16),
            Self::Any(value) => *value,
            Self::Last => u64::MAX,
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Play {
    fuel: u32,
    steps: Vec<Step>,
}

fuzz_target!(|play: Play| {
    let (one, two) = (run(&play), run(&play));
    assert_eq!(one, two, "the same calls, and another world");
});

fn limits(fuel: u32) -> Limits {
    Limits {
        fuel_limit: u64::from(fuel % 4_000_000),
        output_bytes_max: 4_096,
        output_files_max: 8,
        stdout_bytes_max: 100,
        stderr_bytes_max: 0,
        journal_bytes_max: 50,
        ..Limits::default()
    }
}

fn run(play: &Play) -> (Vec<Option<u32>>, Vec<u8>, u64, Left) {
    let limits = limits(play.fuel);
    let mut world = World::new(&job(limits), BlobDigest([1; 32]));
    let functions: Vec<usize> = fuzzing::functions().map(|(_, params)| params).collect();
    let mut bytes = vec![WALL; WALL_BYTES + MEMORY_BYTES + WALL_BYTES];
    let memory = WALL_BYTES..WALL_BYTES + MEMORY_BYTES;
    bytes[memory.clone()].fill(0);
    for at in [0, 64, 128] {
        bytes[WALL_BYTES + at..][..WORDS.len()].copy_from_slice(WORDS);
    }
    let mut fuel_left = limits.fuel_limit;
    let mut answers = Vec::new();
    for step in &play.steps {
        match step {
            Step::Poke { at, bytes: poked } => {
                let at = usize::from(*at) % (MEMORY_BYTES - poked.len());
                bytes[memory.clone()][at..at + poked.len()].copy_from_slice(poked);
            }
            Step::Vector { at, to, len } => {
                let at = usize::from(*at) % (MEMORY_BYTES - 8);
                let record = [u32::from(*to).to_le_bytes(), u32::from(*len).to_le_bytes()].concat();
                bytes[memory.clone()][at..at + 8].copy_from_slice(&record);
            }
            Step::Call { function, args } => {
                let function = usize::from(*function) % functions.len();
                let args: Vec<u64> = args.iter().take(functions[function]).map(Number::get).collect();
                let before = fuel_left;
                let answer = world.call(function, &args, &mut bytes[memory.clone()], &mut fuel_left);
                assert!(fuel_left <= before, "a call gave fuel");
                answers.push(answer);
                if answer.is_none() {
                    break;
                }
            }
        }
    }
    assert!(
        bytes[..WALL_BYTES].iter().chain(&bytes[memory.end..]).all(|byte| *byte == WALL),
        "a wall was written to"
    );
    let left = world.finish();
    assert!(left.out.bytes() <= 8 * limits.output_bytes_max, "more bytes than links to them allow");
    assert!(left.out.files() <= u64::from(limits.output_files_max), "more files than the job may make");
    assert!(
        left.stdout.len() <= 100 && left.stderr.is_empty() && left.journal.len() <= 50,
        "too long an output"
    );
    (answers, bytes, fuel_left, left)
}

fn input() -> Folder {
    let mut deep = Folder::default();
    deep.insert_file("inner.txt", b"inner".to_vec());
    let mut input = Folder::default();
    input.insert_file("hello.txt", b"hello world".to_vec());
    input.entries.insert("dir".into(), Node::Folder(deep));
    for (name, target) in [("link", "hello.txt"), ("up", "../../etc"), ("loop", "loop")] {
        input.entries.insert(name.into(), Node::Symlink(target.into()));
    }
    input
}

fn job(limits: Limits) -> ResolvedJob {
    ResolvedJob {
        spec: JobSpec {
            profile: Profile::Lilypad1,
            module: Cid::of(Codec::Raw, b"module"),
            args: vec!["prog".into(), "arg".into()],
            env: BTreeMap::from([("A".into(), "1".into())]),
            inputs: BTreeMap::from([("/in".into(), Cid::of(Codec::DagPb, b"in"))]),
            stdin: None,
            limits,
            seed: BlobDigest([7; 32]),
            clock_epoch_ns: 1_700_000_000_000_000_000,
        },
        module: Vec::new(),
        inputs: BTreeMap::from([("/in".into(), input())]),
        stdin: b"standard input".to_vec(),
    }
}
