//! One case of the corpus: a module as text, whose first lines say what it tries and how it must end.
//!
//! Lines that begin with `;;job`, `;;ends` and `;;says` are written by hand and never changed by a program:
//! the job's description, the status it must end with, and a word of the refusal. What can only be computed (fuel,
//! outputs, journal, receipt) stands in the `.json` beside it. Nothing here runs anything.

use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Outcome, Profile, Refusal, Status, TrapKind};
use lilypad_runtime::{Folder, Node, ResolvedJob, unixfs};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A case, read.
#[derive(Debug)]
pub(crate) struct Case {
    /// Theme and name, as in `memory/grow-in-a-loop`.
    pub(crate) name: String,
    /// Where its figures stand.
    pub(crate) json: PathBuf,
    /// The status that it must end with.
    pub(crate) ends: Status,
    /// A word of the refusal.
    pub(crate) says: Option<String>,
    /// The job.
    pub(crate) job: ResolvedJob,
}

/// What only a run can tell of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    pub(crate) fuel_used: u64,
    pub(crate) outputs: String,
    pub(crate) journal: String,
    pub(crate) receipt_hash: String,
}

impl Figures {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            fuel_used: outcome.fuel_used,
            outputs: outcome.outputs.to_string(),
            journal: outcome.journal.iter().map(|byte| format!("{byte:02x}")).collect(),
            receipt_hash: outcome.receipt().hash().to_string(),
        }
    }
}

/// What a job may say of itself; everything else is as in [`Given::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: String,
    inputs: BTreeMap<String, BTreeMap<String, Entry>>,
    limits: GivenLimits,
    clock_epoch_ns: u64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entry {
    File(String),
    Link { link: String },
    Folder(BTreeMap<String, Entry>),
}

/// Limits that are small enough for a mistake to end soon.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenLimits {
    fuel_limit: u64,
    memory_bytes_max: u64,
    output_bytes_max: u64,
    output_files_max: u32,
    stdout_bytes_max: u64,
    stderr_bytes_max: u64,
    journal_bytes_max: u32,
}

impl Default for GivenLimits {
    fn default() -> Self {
        Self {
            fuel_limit: 1_000_000_000,
            memory_bytes_max: 16 << 20,
            output_bytes_max: 1 << 20,
            output_files_max: 100,
            stdout_bytes_max: 1_000,
            stderr_bytes_max: 1_000,
            journal_bytes_max: 4_096,
        }
    }
}

impl Case {
    /// Reads one `.wat`.
    fn read(root: &Path, wat: &Path) -> Self {
        let text = fs::read_to_string(wat).unwrap();
        let name = wat.strip_prefix(root).unwrap().with_extension("").display().to_string();
        let lines = |key: &str| {
            let lines: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix(key)).map(str::trim).collect();
            (!lines.is_empty()).then(|| lines.join(" "))
        };
        assert!(text.starts_with(";; "), "{name}: the first line says what the module tries");
        let given = lines(";;job").map_or_else(Given::default, |job| {
            serde_json::from_str(&job).unwrap_or_else(|error| panic!("{name}: {error} in {job}"))
        });
        let ends = lines(";;ends").unwrap_or_else(|| panic!("{name}: has no ';;ends'"));
        let ends = status(&ends).unwrap_or_else(|| panic!("{name}: unknown ending '{ends}'"));
        let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let job = given.resolve(module);
        Self { name, json: wat.with_extension("json"), ends, says: lines(";;says"), job }
    }

    /// The figures that were last reviewed; none when there are none yet.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let text = fs::read_to_string(&self.json).ok()?;
        Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }
}

/// Every case below the corpus, in order of theme and name.
pub(crate) fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let themes = files(&root).into_iter().filter(|path| path.is_dir());
    let cases = themes.flat_map(|theme| files(&theme));
    let wats = cases.filter(|path| path.extension().is_some_and(|extension| extension == "wat"));
    wats.map(|wat| Case::read(&root, &wat)).collect()
}

/// A job that does nothing but run a module.
#[allow(dead_code, reason = "the program that writes figures reads cases only")]
pub(crate) fn bare_job(module: Vec<u8>) -> ResolvedJob {
    Given::default().resolve(module)
}

/// An ending as people write it: `exited 0`, `trapped unreachable`, `out_of_fuel`, `refused import`.
fn status(text: &str) -> Option<Status> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let quoted = format!("\"{rest}\"");
    Some(match kind {
        "exited" => Status::Exited { code: rest.parse().ok()? },
        "trapped" => Status::Trapped { kind: serde_json::from_str::<TrapKind>(&quoted).ok()? },
        "refused" => Status::Refused { reason: serde_json::from_str::<Refusal>(&quoted).ok()? },
        "out_of_fuel" => Status::OutOfFuel,
        _ => return None,
    })
}

impl Given {
    fn resolve(self, module: Vec<u8>) -> ResolvedJob {
        let limits = Limits {
            fuel_limit: self.limits.fuel_limit,
            memory_bytes_max: self.limits.memory_bytes_max,
            output_bytes_max: self.limits.output_bytes_max,
            output_files_max: self.limits.output_files_max,
            stdout_bytes_max: self.limits.stdout_bytes_max,
            stderr_bytes_max: self.limits.stderr_bytes_max,
            journal_bytes_max: self.limits.journal_bytes_max,
        };
        let inputs: BTreeMap<String, Folder> =
            self.inputs.into_iter().map(|(path, entries)| (path, folder(entries))).collect();
        let spec = JobSpec {
            profile: Profile::Lilypad1,
            module: unixfs::file_cid(&module),
            args: if self.args.is_empty() { vec!["guest".to_owned()] } else { self.args },
            env: self.env,
            inputs: inputs.iter().map(|(path, folder)| (path.clone(), unixfs::folder_cid(folder))).collect(),
            stdin: (!self.stdin.is_empty()).then(|| Cid::of(Codec::Raw, self.stdin.as_bytes())),
            limits,
            seed: BlobDigest([7; 32]),
            clock_epoch_ns: self.clock_epoch_ns,
        };
        ResolvedJob { spec, module, inputs, stdin: self.stdin.into_bytes() }
    }
}

fn folder(entries: BTreeMap<String, Entry>) -> Folder {
    let mut made = Folder::default();
    for (name, entry) in entries {
        match entry {
            Entry::File(text) => made.insert_file(&name, text.into_bytes()),
            Entry::Link { link } => drop(made.entries.insert(name, Node::Symlink(link))),
            Entry::Folder(entries) => drop(made.entries.insert(name, Node::Folder(folder(entries)))),
        }
    }
    made
}
