//! What a job document asks for, whatever its version: the one value that the rest of the host works with.
//!
//! Nothing here is decided yet: images may be unpinned, addresses unreachable, local paths absent.

use std::collections::BTreeMap;

/// A job as its owner wrote it, checked and without the differences between versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The owner's name for it; may be empty.
    pub name: String,
    /// How many times it runs, each time on another machine; at least 1.
    pub replicas: u32,
    /// What runs.
    pub engine: Engine,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// What it is given.
    pub inputs: Vec<Input>,
    /// What is kept of what it leaves.
    pub outputs: Vec<Output>,
    /// What it needs.
    pub resources: Resources,
    /// What it can reach.
    pub network: Network,
    /// How long it may run, in seconds.
    pub timeout_s: Option<u64>,
    /// Where Bacalhau would have put its results, such as `ipfs`; results of the market come back through the market.
    pub publisher: Option<String>,
    /// Labels, and annotations of v1 (with empty values).
    pub labels: BTreeMap<String, String>,
    /// Whatever else its owner says about it.
    pub meta: BTreeMap<String, String>,
    /// What its owner should know: each says a field's path and what becomes of it.
    pub warnings: Vec<String>,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// A container.
    Docker {
        /// The image, as written.
        image: String,
        /// The program and its first arguments; empty is the image's own.
        entrypoint: Vec<String>,
        /// Further arguments; empty is the image's own, when the entrypoint is the image's too.
        parameters: Vec<String>,
        /// Where it starts; absolute.
        working_dir: Option<String>,
    },
    /// A WebAssembly module.
    Wasm {
        /// The module.
        entry_module: Source,
        /// The function that is called; absent is `_start`.
        entrypoint: Option<String>,
        /// The program's arguments.
        parameters: Vec<String>,
        /// Modules that it imports from, by the path that the document gives them.
        imports: Vec<Input>,
    },
}

/// Something given to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// A name for it; may be empty.
    pub alias: String,
    /// The path that the job sees it at.
    pub target: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// IPFS.
    Ipfs {
        /// Its address, as written.
        cid: String,
    },
    /// A download.
    Url {
        /// An `http` or `https` address.
        url: String,
    },
    /// In the document itself.
    Inline {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether they are a gzip-compressed tar archive of a folder; see [`crate::documents::unpack`].
        is_tar: bool,
    },
    /// A file or folder of the machine that reads the document.
    ///
    /// A server must not read it: the path is the client's word about the server's disk.
    Local {
        /// Its path, as written.
        path: String,
        /// Whether the job may write to it.
        read_write: bool,
    },
}

/// A folder kept after a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name in the results.
    pub name: String,
    /// Its absolute path in the job.
    pub path: String,
}

/// What a job needs; absent is not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// Cores, in thousandths.
    pub cpu_millis: Option<u64>,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Disk, in bytes.
    pub disk_bytes: Option<u64>,
    /// How many GPUs.
    pub gpus: Option<u64>,
    /// Least memory of each GPU, in MiB; only module templates say it.
    pub gpu_memory_mib: Option<u64>,
    /// Least memory of the machine, in bytes, of a job that doesn't say how much it may use; only module templates say
    /// it. It is no bound: modules that need gigabytes say 100 MB here.
    pub machine_memory_bytes: Option<u64>,
}

/// What a job can reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// The document doesn't say. Bacalhau's nodes decide then; ours give nothing.
    #[default]
    Default,
    /// Nothing.
    None,
    /// Whatever the machine reaches.
    Full,
}
