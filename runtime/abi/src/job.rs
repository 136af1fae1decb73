//! The job: everything that decides a result, and nothing else.
//!
//! Who asked, what they pay and where blocks are served are matters of the offer, never of the job: two
//! people who ask for the same work name the same job.

use crate::{BlobDigest, Cid, Codec, CodecError, encode_canonical};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    string::ToString,
    vec::Vec,
};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Serialize};

/// Most bytes of standard input that an on-chain request can bring, and that a JobSpec block may weigh.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;

/// Most arguments, environment variables or input folders of one job.
const ENTRIES_MAX: usize = 4_096;

/// Most bytes of one argument, variable or path.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The versioned execution rules. A released profile never changes; a change is a new profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// The first profile of WASI modules.
    #[serde(rename = "lilypad-1")]
    Lilypad1,
    /// Containers, which have bounds and no rules that make them deterministic: see [`crate::ContainerSpec`].
    #[serde(rename = "container-1")]
    Container1,
}

impl Profile {
    /// The name as it stands in a JobSpec.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lilypad1 => "lilypad-1",
            Self::Container1 => "container-1",
        }
    }

    /// The name as the contract holds it: ASCII, left-aligned in 32 bytes.
    #[must_use]
    pub fn to_bytes32(self) -> [u8; 32] {
        let mut out = [0; 32];
        out[..self.name().len()].copy_from_slice(self.name().as_bytes());
        out
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = JobSpecError;

    fn from_str(text: &str) -> Result<Self, JobSpecError> {
        match text {
            "lilypad-1" => Ok(Self::Lilypad1),
            "container-1" => Ok(Self::Container1),
            other => Err(JobSpecError::Profile(other.to_string())),
        }
    }
}

/// The bounds a job runs within. Each is part of the job, because reaching one decides the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most fuel the job may use.
    pub fuel_limit: u64,
    /// Most linear memory, in bytes; at most 4 GiB.
    pub memory_bytes_max: u64,
    /// Most bytes the job may hold in `/out` and `/tmp` together.
    pub output_bytes_max: u64,
    /// Most files and folders the job may create.
    pub output_files_max: u32,
    /// Bytes of standard output kept; the rest is cut.
    pub stdout_bytes_max: u64,
    /// Bytes of standard error kept; the rest is cut.
    pub stderr_bytes_max: u64,
    /// Most bytes of the journal.
    pub journal_bytes_max: u32,
}

impl Default for Limits {
    /// 100 gigafuel, 1 GiB of memory, 1 GiB and 65,536 files out, 1 MiB each of stdout and stderr, 4 KiB journal.
    fn default() -> Self {
        Self {
            fuel_limit: 100_000_000_000,
            memory_bytes_max: 1 << 30,
            output_bytes_max: 1 << 30,
            output_files_max: 65_536,
            stdout_bytes_max: 1 << 20,
            stderr_bytes_max: 1 << 20,
            journal_bytes_max: 4_096,
        }
    }
}

/// A job: module, arguments, inputs, limits, seed, profile.
///
/// Its canonical DAG-CBOR is one IPFS block; the digest of that block is `jobDigest` on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The rules the job runs under.
    pub profile: Profile,
    /// The module's bytes: a UnixFS file.
    pub module: Cid,
    /// The guest's `argv`, the program's name first.
    pub args: Vec<String>,
    /// The guest's environment.
    pub env: BTreeMap<String, String>,
    /// Folders the guest sees, by the names it opens them under (see [`mount_place`]); by the market's
    /// convention one, at `/in`. The guest may write to its copy; only `/out` is kept.
    pub inputs: BTreeMap<String, Cid>,
    /// Standard input: a UnixFS file; absent is empty, or waits for the input of an on-chain request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Cid>,
    /// The bounds.
    pub limits: Limits,
    /// Where the guest's randomness starts.
    pub seed: BlobDigest,
    /// Where the guest's clock starts: nanoseconds since 1970.
    pub clock_epoch_ns: u64,
}

/// What makes a JobSpec one that no one can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobSpecError {
    /// The block is not canonical DAG-CBOR of a JobSpec.
    #[error("job is not a canonical JobSpec")]
    Codec(#[source] CodecError),
    /// The block is too large.
    #[error("job block has {0} bytes, the most is {INPUT_BYTES_MAX}; move large values into input files")]
    Size(usize),
    /// A profile this build doesn't know.
    #[error("profile '{0}' is not known; this build runs lilypad-1 and container-1")]
    Profile(String),
    /// A container's profile in a module's job.
    #[error("profile '{0}' is not a module's; a module's job has lilypad-1")]
    NotAModules(Profile),
    /// A name under which no input folder can be given.
    #[error(
        "input name '{0}' must be '/', '.' or a path such as /in or data, without '.', '..' or empty parts, and \
         not out or tmp"
    )]
    InputPath(String),
    /// Two names of the same place, such as `/data` and `data`.
    #[error("input '{0}' stands where another input stands already; give each folder a place of its own")]
    SamePlace(String),
    /// A NUL byte, an '=' in a variable's name, or an empty name.
    #[error("argument or variable '{0}' can't be handed to a WASI program: NUL byte, or a bad variable name")]
    Text(String),
    /// Too many or too long arguments, variables or inputs.
    #[error("too many or too long arguments, variables or inputs")]
    TooMany,
    /// A limit outside what the profile offers.
    #[error("limit {0} is out of range: {1}")]
    Limit(&'static str, u64),
    /// A link of the wrong kind.
    #[error("{0} must link to a UnixFS file or folder")]
    Link(&'static str),
}

impl JobSpec {
    /// Canonical bytes.
    ///
    /// # Errors
    /// [`JobSpecError::Codec`], which doesn't happen for values of this type.
    pub fn to_block(&self) -> Result<Vec<u8>, JobSpecError> {
        encode_canonical(self).map_err(JobSpecError::Codec)
    }

    /// A checked JobSpec from a block that a stranger sent.
    ///
    /// # Errors
    /// Whatever makes the block no valid job.
    pub fn from_block(bytes: &[u8]) -> Result<Self, JobSpecError> {
        if bytes.len() > INPUT_BYTES_MAX {
            return Err(JobSpecError::Size(bytes.len()));
        }
        let spec: Self = crate::decode_canonical(bytes).map_err(JobSpecError::Codec)?;
        spec.validate()?;
        Ok(spec)
    }

    /// The job's address: its digest is `jobDigest`.
    ///
    /// # Errors
    /// As [`JobSpec::to_block`].
    pub fn cid(&self) -> Result<Cid, JobSpecError> {
        Ok(Cid::of(Codec::DagCbor, &self.to_block()?))
    }

    /// The effective job of an on-chain request: this template with `stdin` in place.
    #[must_use]
    pub fn with_stdin(&self, stdin: Cid) -> Self {
        Self { stdin: Some(stdin), ..self.clone() }
    }

    /// Checks every field against what the profile can run.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn validate(&self) -> Result<(), JobSpecError> {
        if self.profile != Profile::Lilypad1 {
            return Err(JobSpecError::NotAModules(self.profile));
        }
        let many = |n: usize| n > ENTRIES_MAX;
        if many(self.args.len()) || many(self.env.len()) || many(self.inputs.len()) {
            return Err(JobSpecError::TooMany);
        }
        for text in self.args.iter().chain(self.env.keys()).chain(self.env.values()) {
            if text.len() > TEXT_BYTES_MAX {
                return Err(JobSpecError::TooMany);
            }
            if text.contains('\0') {
                return Err(JobSpecError::Text(text.replace('\0', "\\0")));
            }
        }
        for name in self.env.keys() {
            if name.is_empty() || name.contains('=') {
                return Err(JobSpecError::Text(name.clone()));
            }
        }
        let mut places = BTreeSet::new();
        for (name, cid) in &self.inputs {
            let Some(place) = input_place(name) else { return Err(JobSpecError::InputPath(name.clone())) };
            if !places.insert(place) {
                return Err(JobSpecError::SamePlace(name.clone()));
            }
            if cid.codec == Codec::DagCbor {
                return Err(JobSpecError::Link("an input"));
            }
        }
        if self.module.codec == Codec::DagCbor {
            return Err(JobSpecError::Link("the module"));
        }
        if self.stdin.is_some_and(|cid| cid.codec == Codec::DagCbor) {
            return Err(JobSpecError::Link("stdin"));
        }
        self.limits.validate()
    }
}

impl Limits {
    /// Checks the ranges that the profile offers.
    ///
    /// # Errors
    /// [`JobSpecError::Limit`] with the field's name.
    pub fn validate(&self) -> Result<(), JobSpecError> {
        const GIB: u64 = 1 << 30;
        let check = |name, value, max| {
            if value > max { Err(JobSpecError::Limit(name, value)) } else { Ok(()) }
        };
        // Fuel is counted in a signed 64-bit global of the rewritten module; a quarter of its range is kept free.
        check("fuel_limit", self.fuel_limit, 1 << 61)?;
        check("memory_bytes_max", self.memory_bytes_max, 4 * GIB)?;
        check("output_bytes_max", self.output_bytes_max, 64 * GIB)?;
        check("output_files_max", self.output_files_max.into(), 1 << 20)?;
        check("stdout_bytes_max", self.stdout_bytes_max, GIB)?;
        check("stderr_bytes_max", self.stderr_bytes_max, GIB)?;
        check("journal_bytes_max", self.journal_bytes_max.into(), 64 * 1024)
    }
}

/// Where a folder given under `name` stands, from the root on; none when nothing can be given under it.
///
/// The guest has no working directory but the root, so `data` and `/data` are one place, and so are `.` and `/`,
/// whose place is the empty path. Other spellings (`./data`, `data/`, `../data`) are no names: a job has one.
#[must_use]
pub fn mount_place(name: &str) -> Option<&str> {
    if matches!(name, "/" | ".") {
        return Some("");
    }
    let place = name.strip_prefix('/').unwrap_or(name);
    let plain = place.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    (plain && name.len() <= TEXT_BYTES_MAX).then_some(place)
}

/// The place of an input: every one but those of `/out` and `/tmp`.
fn input_place(name: &str) -> Option<&str> {
    mount_place(name).filter(|place| !matches!(place.split('/').next(), Some("out" | "tmp")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn spec() -> JobSpec {
        JobSpec {
            profile: Profile::Lilypad1,
            module: Cid::of(Codec::Raw, b"module"),
            args: vec!["wordcount".into()],
            env: BTreeMap::from([("LANG".into(), "C".into())]),
            inputs: BTreeMap::from([("/in".into(), Cid::of(Codec::DagPb, b"folder"))]),
            stdin: None,
            limits: Limits::default(),
            seed: BlobDigest([7; 32]),
            clock_epoch_ns: 0,
        }
    }

    #[test]
    fn block_round_trips() {
        let block = spec().to_block().unwrap();
        assert_eq!(JobSpec::from_block(&block).unwrap(), spec());
    }

    #[test]
    fn keys_stand_in_dag_cbor_order() {
        // DAG-CBOR sorts map keys by length, then by bytes.
        let block = spec().to_block().unwrap();
        let at = |key: &str| block.windows(key.len()).position(|w| w == key.as_bytes()).unwrap();
        let order = ["env", "args", "seed", "inputs", "limits", "module", "profile", "clock_epoch_ns"];
        assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{order:?}");
    }

    #[test]
    fn another_spelling_of_the_same_job_is_refused() {
        let mut block = spec().to_block().unwrap();
        // clock_epoch_ns is the last field and zero: one byte. Spell it in two.
        assert_eq!(block.pop(), Some(0x00));
        block.extend([0x18, 0x00]);
        assert!(matches!(JobSpec::from_block(&block), Err(JobSpecError::Codec(_))));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let mut json = serde_json::to_value(spec()).unwrap();
        json["extra"] = 1.into();
        assert!(serde_json::from_value::<JobSpec>(json).is_err());
    }

    #[test]
    fn input_paths_are_checked() {
        for (path, place) in [
            ("/in", Some("in")),
            ("/data/a", Some("data/a")),
            ("in", Some("in")),
            ("data/a", Some("data/a")),
            ("/", Some("")),
            (".", Some("")),
            ("/outer", Some("outer")),
            ("", None),
            ("//", None),
            ("/in/", None),
            ("./in", None),
            ("..", None),
            ("../in", None),
            ("/in/../etc", None),
            ("in\0", None),
            ("/out", None),
            ("out", None),
            ("/tmp/x", None),
        ] {
            assert_eq!(input_place(path), place, "{path}");
        }
    }

    #[test]
    fn no_two_inputs_stand_in_one_place() {
        for (one, other) in [("/", "."), ("/data", "data")] {
            let mut spec = spec();
            spec.inputs = [one, other].map(|name| (name.into(), Cid::of(Codec::DagPb, b"folder"))).into();
            assert!(matches!(spec.validate(), Err(JobSpecError::SamePlace(_))), "{one} {other}");
        }
    }

    #[test]
    fn bad_values_are_named() {
        let bad = |change: &dyn Fn(&mut JobSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.validate().unwrap_err().to_string()
        };
        assert!(bad(&|s| s.profile = Profile::Container1).contains("lilypad-1"));
        assert!(bad(&|s| s.limits.memory_bytes_max = 5 << 30).contains("memory_bytes_max"));
        assert!(bad(&|s| s.args.push("a\0b".into())).contains("NUL"));
        assert!(bad(&|s| drop(s.env.insert("A=B".into(), "c".into()))).contains("A=B"));
        assert!(bad(&|s| s.module.codec = Codec::DagCbor).contains("module"));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = JobSpec::from_block(&bytes);
        }
    }
}
