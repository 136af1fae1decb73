//! A container job: what decides what a container is started with, and nothing else.
//!
//! It has no deterministic rules of its own: what runs in it may read clocks and race. Deals about it say how its
//! result can be told to be wrong, if at all. Nothing here knows Docker, Bacalhau or a registry.

use crate::{
    Cid, Codec, CodecError, INPUT_BYTES_MAX, JobSpec, JobSpecError, Profile, decode_canonical,
    encode_canonical,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    string::ToString,
    vec::Vec,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Most arguments, variables, inputs or outputs of one job.
const ENTRIES_MAX: usize = 4_096;

/// Most bytes of one argument, variable or path.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Most bytes that a job's outputs may have, together.
pub const OUTPUT_BYTES_MAX: u64 = 1 << 30;

/// Most files and folders that they may have.
const OUTPUT_FILES_MAX: u32 = 131_000;

/// Most bytes of standard output that may be kept, and again of standard error.
pub const WORDS_BYTES_MAX: u64 = 64 << 20;

/// Files of the result folder beside the outputs, whose names no output may have.
const RESULT_FILES: [&str; 3] = ["stdout", "stderr", "exitCode"];

/// Folders of every container that nothing can be mounted at or under.
const SYSTEM_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Where the image comes from: always one that can't change under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// A registry's image by the digest of its manifest: `name@sha256:…`, the registry's host first.
    Registry(String),
    /// An image archive (what `docker save` writes, or an OCI archive) with one image in it: a UnixFS file.
    Archive(Cid),
}

impl Image {
    /// Checks that it is one that can't change under its name.
    ///
    /// # Errors
    /// [`ContainerSpecError::Image`] and [`ContainerSpecError::Link`].
    pub fn validate(&self) -> Result<(), ContainerSpecError> {
        match self {
            Self::Registry(name) if !is_pinned(name) => Err(ContainerSpecError::Image(name.clone())),
            Self::Archive(cid) if cid.codec == Codec::DagCbor => Err(ContainerSpecError::Link("the image")),
            Self::Registry(_) | Self::Archive(_) => Ok(()),
        }
    }
}

/// What the container can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing, its own loopback aside.
    None,
    /// Whatever the machine reaches.
    Full,
}

/// Who makes a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuVendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
}

/// The GPUs a job wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpus {
    /// How many.
    pub count: u16,
    /// Whose; absent is anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<GpuVendor>,
    /// Least memory of each, in MiB.
    pub memory_mib: u32,
}

/// The bounds a container runs within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerLimits {
    /// Wall-clock time from start to end, in milliseconds; what runs longer is stopped.
    pub timeout_ms: u64,
    /// Cores it may use, in thousandths.
    pub cpu_millis: u32,
    /// Most memory, in bytes; the system kills what takes more (exit code 137).
    pub memory_bytes_max: u64,
    /// Most bytes in all its outputs together, and again in `/tmp`.
    pub disk_bytes_max: u64,
    /// Most files and folders in its outputs.
    pub output_files_max: u32,
    /// Most processes and threads at once.
    pub pids_max: u32,
    /// Bytes of standard output kept; the rest is cut.
    pub stdout_bytes_max: u64,
    /// Bytes of standard error kept; the rest is cut.
    pub stderr_bytes_max: u64,
}

impl Default for ContainerLimits {
    /// Ten minutes on one core, 1 GiB of memory, 1 GiB and 65,536 files out, 1,024 processes, 1 MiB each of stdout and
    /// stderr.
    fn default() -> Self {
        Self {
            timeout_ms: 600_000,
            cpu_millis: 1_000,
            memory_bytes_max: 1 << 30,
            disk_bytes_max: 1 << 30,
            output_files_max: 65_536,
            pids_max: 1_024,
            stdout_bytes_max: 1 << 20,
            stderr_bytes_max: 1 << 20,
        }
    }
}

/// A container job. Its canonical DAG-CBOR is one IPFS block; the digest of that block is `jobDigest` on chain.
///
/// The container runs as user and group 65532 without capabilities, on a read-only root; only `/tmp` and the outputs
/// can be written. The result folder has `stdout`, `stderr`, `exitCode` and a folder for each output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// [`Profile::Container1`].
    pub profile: Profile,
    /// The image.
    pub image: Image,
    /// The program and its first arguments; empty is the image's own.
    pub entrypoint: Vec<String>,
    /// Further arguments; empty is the image's own, when the entrypoint is the image's too.
    pub args: Vec<String>,
    /// Environment variables, beside the image's.
    pub env: BTreeMap<String, String>,
    /// Where the program starts; absent is the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Files and folders (UnixFS) by the absolute path that the container sees them at, read-only.
    pub inputs: BTreeMap<String, Cid>,
    /// Outputs: the name of the folder in the result, and the absolute path of the folder in the container.
    pub outputs: BTreeMap<String, String>,
    /// What it can reach.
    pub network: Network,
    /// GPUs; absent is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Gpus>,
    /// The bounds.
    pub limits: ContainerLimits,
}

/// What makes a ContainerSpec one that no one can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerSpecError {
    /// The block is not canonical DAG-CBOR of a ContainerSpec.
    #[error("job is not a canonical ContainerSpec")]
    Codec(#[source] CodecError),
    /// The block is too large.
    #[error("job block has {0} bytes, the most is {INPUT_BYTES_MAX}; move large values into input files")]
    Size(usize),
    /// Another profile's job.
    #[error("profile '{0}' is not a container's; a container job has container-1")]
    Profile(Profile),
    /// An image that could change under its name, or none.
    #[error(
        "image '{0}' is not pinned; give it as registry/name@sha256:… with the 64 hex digits that the registry gives"
    )]
    Image(String),
    /// A path that is not absolute and plain, or of the system's.
    #[error(
        "path '{0}' must be absolute, without '.', '..' or empty parts, not / and not in /proc, /sys or /dev"
    )]
    Path(String),
    /// Two mounts of which one would hide the other.
    #[error("'{0}' and '{1}' are in each other's way; give each input and output a place of its own")]
    SamePlace(String, String),
    /// A name that no folder of the result can have.
    #[error("output name '{0}' must be one plain folder name, not stdout, stderr or exitCode")]
    OutputName(String),
    /// A NUL byte, an '=' in a variable's name, or an empty name.
    #[error("argument or variable '{0}' can't be handed to a program: NUL byte, or a bad variable name")]
    Text(String),
    /// Too many or too long arguments, variables, inputs or outputs.
    #[error("too many or too long arguments, variables, inputs or outputs")]
    TooMany,
    /// A limit outside what can be offered.
    #[error("limit {0} is out of range: {1}")]
    Limit(&'static str, u64),
    /// A link of the wrong kind.
    #[error("{0} must link to a UnixFS file or folder")]
    Link(&'static str),
}

impl ContainerSpec {
    /// Canonical bytes.
    ///
    /// # Errors
    /// [`ContainerSpecError::Codec`], which doesn't happen for values of this type.
    pub fn to_block(&self) -> Result<Vec<u8>, ContainerSpecError> {
        encode_canonical(self).map_err(ContainerSpecError::Codec)
    }

    /// A checked ContainerSpec from a block that a stranger sent.
    ///
    /// # Errors
    /// Whatever makes the block no valid job.
    pub fn from_block(bytes: &[u8]) -> Result<Self, ContainerSpecError> {
        if bytes.len() > INPUT_BYTES_MAX {
            return Err(ContainerSpecError::Size(bytes.len()));
        }
        let spec: Self = decode_canonical(bytes).map_err(ContainerSpecError::Codec)?;
        spec.validate()?;
        Ok(spec)
    }

    /// The job's address: its digest is `jobDigest`.
    ///
    /// # Errors
    /// As [`ContainerSpec::to_block`].
    pub fn cid(&self) -> Result<Cid, ContainerSpecError> {
        Ok(Cid::of(Codec::DagCbor, &self.to_block()?))
    }

    /// What is paid for, in the market's units: nanoseconds of wall-clock time for each GPU, or for each core where
    /// there is no GPU. What is reserved counts, whether it is used or not; at most [`ContainerSpec::units_max`].
    #[must_use]
    pub fn units(&self, run: Duration) -> u64 {
        let nanoseconds = run.as_nanos().min(u128::from(self.limits.timeout_ms) * 1_000_000);
        let units = match self.gpus {
            Some(gpus) => nanoseconds * u128::from(gpus.count),
            None => nanoseconds * u128::from(self.limits.cpu_millis) / 1_000,
        };
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    /// The most that [`ContainerSpec::units`] can be: what the offer calls its fuel limit.
    #[must_use]
    pub fn units_max(&self) -> u64 {
        self.units(Duration::MAX)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn validate(&self) -> Result<(), ContainerSpecError> {
        if self.profile != Profile::Container1 {
            return Err(ContainerSpecError::Profile(self.profile));
        }
        self.image.validate()?;
        self.check_texts()?;
        self.check_places()?;
        self.limits.validate()?;
        match self.gpus {
            Some(gpus) if gpus.count == 0 || gpus.count > 64 => {
                Err(ContainerSpecError::Limit("gpus", gpus.count.into()))
            }
            _ => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), ContainerSpecError> {
        let many = |n: usize| n > ENTRIES_MAX;
        if many(self.entrypoint.len()) || many(self.args.len()) || many(self.env.len()) {
            return Err(ContainerSpecError::TooMany);
        }
        let texts = self.entrypoint.iter().chain(&self.args).chain(self.env.keys()).chain(self.env.values());
        for text in texts {
            if text.len() > TEXT_BYTES_MAX {
                return Err(ContainerSpecError::TooMany);
            }
            if text.contains('\0') {
                return Err(ContainerSpecError::Text(text.replace('\0', "\\0")));
            }
        }
        match self.env.keys().find(|name| name.is_empty() || name.contains('=')) {
            Some(name) => Err(ContainerSpecError::Text(name.clone())),
            None => Ok(()),
        }
    }

    fn check_places(&self) -> Result<(), ContainerSpecError> {
        if self.inputs.len() > ENTRIES_MAX || self.outputs.len() > ENTRIES_MAX {
            return Err(ContainerSpecError::TooMany);
        }
        if let Some(path) = self.working_dir.as_ref().filter(|path| *path != "/" && !is_plain(path)) {
            return Err(ContainerSpecError::Path(path.clone()));
        }
        for name in self.outputs.keys() {
            let plain = !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\0']);
            if !plain || matches!(name.as_str(), "." | "..") || RESULT_FILES.contains(&name.as_str()) {
                return Err(ContainerSpecError::OutputName(name.clone()));
            }
        }
        let mut places = BTreeSet::from(["/tmp".to_string()]);
        for path in self.inputs.keys().chain(self.outputs.values()) {
            let of_the_system = SYSTEM_FOLDERS.iter().any(|folder| path == folder || within(path, folder));
            if !is_plain(path) || of_the_system {
                return Err(ContainerSpecError::Path(path.clone()));
            }
            // An input may stand in /tmp, where the job writes anyway.
            let clash = places.iter().find(|other| {
                *other == path || within(other, path) || (within(path, other) && *other != "/tmp")
            });
            if let Some(other) = clash {
                return Err(ContainerSpecError::SamePlace(other.clone(), path.clone()));
            }
            places.insert(path.clone());
        }
        if self.inputs.values().any(|cid| cid.codec == Codec::DagCbor) {
            return Err(ContainerSpecError::Link("an input"));
        }
        Ok(())
    }
}

impl ContainerLimits {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ContainerSpecError::Limit`] with the field's name.
    pub fn validate(&self) -> Result<(), ContainerSpecError> {
        const TIB: u64 = 1 << 40;
        let check = |name, value, range: core::ops::RangeInclusive<u64>| {
            if range.contains(&value) { Ok(()) } else { Err(ContainerSpecError::Limit(name, value)) }
        };
        // Docker's own least memory is 6 MiB.
        check("timeout_ms", self.timeout_ms, 1..=30 * 24 * 3_600_000)?;
        check("cpu_millis", self.cpu_millis.into(), 10..=1_000_000)?;
        check("memory_bytes_max", self.memory_bytes_max, 6 << 20..=16 * TIB)?;
        // A result is one tree in memory, for whoever checks it and for whoever fetches it.
        check("disk_bytes_max", self.disk_bytes_max, 0..=OUTPUT_BYTES_MAX)?;
        check("output_files_max", self.output_files_max.into(), 0..=OUTPUT_FILES_MAX.into())?;
        check("pids_max", self.pids_max.into(), 1..=1 << 20)?;
        check("stdout_bytes_max", self.stdout_bytes_max, 0..=WORDS_BYTES_MAX)?;
        check("stderr_bytes_max", self.stderr_bytes_max, 0..=WORDS_BYTES_MAX)
    }
}

/// A job of any profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// A WASI module.
    Wasm(JobSpec),
    /// A container.
    Container(ContainerSpec),
}

/// What makes a block no job of any profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Not a module's.
    #[error(transparent)]
    Wasm(#[from] JobSpecError),
    /// Not a container's.
    #[error(transparent)]
    Container(#[from] ContainerSpecError),
}

impl Job {
    /// A checked job from a block that a stranger sent.
    ///
    /// # Errors
    /// Whatever makes the block no valid job of the profile it names.
    pub fn from_block(bytes: &[u8]) -> Result<Self, JobError> {
        #[derive(Deserialize)]
        struct Which {
            profile: Profile,
        }
        let container = bytes.len() <= INPUT_BYTES_MAX
            && serde_ipld_dagcbor::from_slice::<Which>(bytes)
                .is_ok_and(|which| which.profile == Profile::Container1);
        Ok(match container {
            true => Self::Container(ContainerSpec::from_block(bytes)?),
            false => Self::Wasm(JobSpec::from_block(bytes)?),
        })
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// None that happen for values of this type.
    pub fn to_block(&self) -> Result<Vec<u8>, JobError> {
        Ok(match self {
            Self::Wasm(spec) => spec.to_block()?,
            Self::Container(spec) => spec.to_block()?,
        })
    }

    /// The job's address.
    ///
    /// # Errors
    /// As [`Job::to_block`].
    pub fn cid(&self) -> Result<Cid, JobError> {
        Ok(Cid::of(Codec::DagCbor, &self.to_block()?))
    }

    /// Its profile.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        match self {
            Self::Wasm(spec) => spec.profile,
            Self::Container(spec) => spec.profile,
        }
    }
}

/// Whether an image's name has its digest and no tag, in the grammar of the distribution specification.
fn is_pinned(name: &str) -> bool {
    let Some((path, digest)) = name.split_once("@sha256:") else { return false };
    let hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    let Some((host, repository)) = path.split_once('/') else { return false };
    let host_fits = {
        let (name, port) = host.split_once(':').unwrap_or((host, "1"));
        let name_fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        let registry = host.contains(['.', ':']) || host == "localhost";
        let port_fits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
        !name.is_empty() && !name.starts_with('-') && name_fits && registry && port_fits
    };
    let part_fits = |part: &str| {
        let bytes = part.as_bytes();
        let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        end(bytes.first()) && end(bytes.last()) && bytes.iter().all(inner)
    };
    hex && path.len() <= 255 && host_fits && repository.split('/').all(part_fits)
}

/// Whether a path is absolute, has one spelling, and is not the root.
fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    // Docker's mount syntax has no escape for a colon.
    path.len() <= 4_096
        && rest.split('/').all(|part| {
            !matches!(part, "" | "." | "..") && part.len() <= 255 && !part.contains(['\0', ':', ','])
        })
}

/// Whether `path` is inside of `folder`.
fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn spec() -> ContainerSpec {
        ContainerSpec {
            profile: Profile::Container1,
            image: Image::Registry(format!("registry.example/tools/busybox@{DIGEST}")),
            entrypoint: vec!["/bin/sh".into()],
            args: vec!["-c".into(), "cat /in/a > /outputs/b".into()],
            env: BTreeMap::from([("LANG".into(), "C".into())]),
            working_dir: None,
            inputs: BTreeMap::from([("/in".into(), Cid::of(Codec::DagPb, b"folder"))]),
            outputs: BTreeMap::from([("outputs".into(), "/outputs".into())]),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits::default(),
        }
    }

    fn refused(change: impl Fn(&mut ContainerSpec)) -> ContainerSpecError {
        let mut spec = spec();
        change(&mut spec);
        spec.validate().unwrap_err()
    }

    #[test]
    fn block_round_trips_and_is_told_from_a_modules() {
        let gpus = Gpus { count: 1, vendor: Some(GpuVendor::Nvidia), memory_mib: 8_192 };
        for spec in [spec(), ContainerSpec { gpus: Some(gpus), working_dir: Some("/".into()), ..spec() }] {
            let block = spec.to_block().unwrap();
            assert_eq!(ContainerSpec::from_block(&block).unwrap(), spec);
            assert_eq!(Job::from_block(&block), Ok(Job::Container(spec)));
            assert!(JobSpec::from_block(&block).is_err());
        }
    }

    #[test]
    fn images_are_pinned() {
        for good in ["localhost:5000/a", "localhost/a", "registry.example/a/b-c/d_e"] {
            let image = Image::Registry(format!("{good}@{DIGEST}"));
            assert_eq!(ContainerSpec { image, ..spec() }.validate(), Ok(()), "{good}");
        }
        for bad in [
            "busybox".into(),
            "localhost:5000/busybox:1".into(),
            format!("busybox@{DIGEST}"),
            format!("library/busybox@{DIGEST}"),
            format!("localhost:5000/busybox:1@{DIGEST}"),
            format!("localhost:5000/Busybox@{DIGEST}"),
            format!("localhost:5000/../x@{DIGEST}"),
            format!("localhost:/x@{DIGEST}"),
            format!("-x.example/x@{DIGEST}"),
            format!("localhost:5000/x@{}", DIGEST.to_uppercase()),
            format!("localhost:5000/x@{DIGEST}0"),
        ] {
            let error = refused(|spec| spec.image = Image::Registry(bad.clone()));
            assert_eq!(error, ContainerSpecError::Image(bad));
        }
        let archive = Image::Archive(Cid::of(Codec::DagCbor, b"x"));
        assert_eq!(refused(|spec| spec.image = archive.clone()), ContainerSpecError::Link("the image"));
    }

    #[test]
    fn mounts_stay_out_of_each_others_way_and_of_the_systems() {
        let cid = Cid::of(Codec::Raw, b"x");
        for path in ["in", "/", "/a/../b", "/a//b", "/a/", "/proc/x", "/dev", "/sys/fs", "/a:b", "/a\0"] {
            let error = refused(|spec| {
                spec.inputs.insert(path.into(), cid);
            });
            assert_eq!(error, ContainerSpecError::Path(path.into()));
        }
        for path in ["/outputs", "/outputs/x", "/in/x", "/tmp"] {
            let error = refused(|spec| {
                spec.inputs.insert(path.into(), cid);
            });
            assert!(matches!(error, ContainerSpecError::SamePlace(..)), "{path}");
        }
        let mut within_tmp = spec();
        within_tmp.inputs.insert("/tmp/model".into(), cid);
        assert_eq!(within_tmp.validate(), Ok(()));
        for name in ["", ".", "..", "a/b", "stdout", "exitCode"] {
            let error = refused(|spec| drop(spec.outputs.insert(name.into(), "/x".into())));
            assert_eq!(error, ContainerSpecError::OutputName(name.into()));
        }
    }

    #[test]
    fn limits_and_texts_are_checked() {
        assert_eq!(refused(|s| s.limits.timeout_ms = 0), ContainerSpecError::Limit("timeout_ms", 0));
        assert_eq!(refused(|s| s.limits.cpu_millis = 1), ContainerSpecError::Limit("cpu_millis", 1));
        let none = Gpus { count: 0, vendor: None, memory_mib: 0 };
        assert_eq!(refused(|s| s.gpus = Some(none)), ContainerSpecError::Limit("gpus", 0));
        assert!(matches!(refused(|s| s.args.push("a\0".into())), ContainerSpecError::Text(_)));
        assert!(matches!(
            refused(|s| drop(s.env.insert("A=".into(), "".into()))),
            ContainerSpecError::Text(_)
        ));
        assert!(matches!(refused(|s| s.profile = Profile::Lilypad1), ContainerSpecError::Profile(_)));
    }

    #[test]
    fn what_is_reserved_is_paid() {
        let mut spec = spec();
        spec.limits = ContainerLimits { timeout_ms: 10_000, cpu_millis: 500, ..spec.limits };
        assert_eq!(spec.units(Duration::from_secs(2)), 1_000_000_000);
        assert_eq!(spec.units_max(), 5_000_000_000);
        assert_eq!(spec.units(Duration::from_secs(60)), spec.units_max());
        spec.gpus = Some(Gpus { count: 2, vendor: None, memory_mib: 1 });
        assert_eq!(spec.units(Duration::from_secs(2)), 4_000_000_000);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Job::from_block(&bytes);
        }

        #[test]
        fn no_image_name_panics(name in ".{0,80}") {
            let _ = is_pinned(&name);
        }
    }
}
