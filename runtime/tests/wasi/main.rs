//! Real programs, compiled by ordinary compilers, under the virtual world.
//!
//! - `programs.rs`: programs that run natively and as guests, and must print and leave the same
//! - `preview1.rs`: what the interface itself promises, asked for by a C program that calls it directly
//! - `build.rs`: from sources to executables and modules
//!
//! The compilers: `runtime/tests/wasi/toolchain` for C, `modules/toolchain` for Rust. A missing one fails.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod build;
mod preview1;
mod programs;

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile};
use lilypad_runtime::{Execution, Folder, Node, ResolvedJob, Runtime, RuntimeOptions, unixfs};
use std::{collections::BTreeMap, sync::LazyLock};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(RuntimeOptions::default()).unwrap());

/// What a program is started with.
struct Start<'a> {
    args: &'a [&'a str],
    env: &'a [(&'a str, &'a str)],
    stdin: &'a str,
    folder: Folder,
}

/// Runs a module whose folder is given under `name`.
fn guest(module: &[u8], name: &str, start: &Start<'_>) -> Execution {
    let args = ["program"].iter().chain(start.args).map(|arg| (*arg).to_owned()).collect();
    let env = start.env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let inputs = BTreeMap::from([(name.to_owned(), start.folder.clone())]);
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(module),
        args,
        env,
        inputs: BTreeMap::from([(name.to_owned(), unixfs::folder_cid(&start.folder))]),
        stdin: Some(unixfs::file_cid(start.stdin.as_bytes())),
        limits: Limits::default(),
        seed: BlobDigest::default(),
        clock_epoch_ns: 1_700_000_000_000_000_000,
    };
    let job = ResolvedJob { spec, module: module.to_vec(), inputs, stdin: start.stdin.as_bytes().to_vec() };
    RUNTIME.run(&job).unwrap()
}

fn text<'a>(execution: &'a Execution, file: &str) -> &'a str {
    std::str::from_utf8(execution.outputs.file(file).unwrap()).unwrap()
}

/// A file, a folder with a file.
fn given() -> Folder {
    let mut inner = Folder::default();
    inner.insert_file("inner.txt", b"inside".to_vec());
    let mut folder = Folder::default();
    folder.insert_file("given.txt", b"given text".to_vec());
    folder.entries.insert("folder".into(), Node::Folder(inner));
    folder
}
