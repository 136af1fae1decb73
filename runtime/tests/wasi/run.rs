//! Runs one WASI module in the virtual world, for `runtime/tests/wasi/more`: no worker, no cache, no limits to speak of.
//!
//! `wasi-run [--dir HOST::GUEST]… [--env K=V]… [--out DIR] MODULE [ARGS…]`; standard input is read to its end.
//! The guest's output and exit code pass through, and fuel is told on stderr when `WASI_RUN_FUEL` is set.
#![expect(clippy::unwrap_used, reason = "a tool of tests fails by panicking, as tests do")]

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile, Status};
use lilypad_runtime::{Folder, Node, ResolvedJob, Runtime, RuntimeOptions, unixfs};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::Path,
    process,
    sync::Arc,
};

fn read(top: &Path) -> Folder {
    let mut folder = Folder::default();
    for entry in fs::read_dir(top).unwrap_or_else(|error| panic!("{}: {error}", top.display())) {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let node = if kind.is_dir() {
            Node::Folder(read(&entry.path()))
        } else if kind.is_symlink() {
            Node::Symlink(fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned())
        } else {
            Node::File(Arc::new(fs::read(entry.path()).unwrap()))
        };
        folder.entries.insert(entry.file_name().to_str().unwrap().to_owned(), node);
    }
    folder
}

fn write(top: &Path, folder: &Folder) {
    fs::create_dir_all(top).unwrap();
    for (name, node) in &folder.entries {
        let path = top.join(name);
        match node {
            Node::File(bytes) => fs::write(path, &**bytes).unwrap(),
            Node::Symlink(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            Node::Folder(below) => write(&path, below),
        }
    }
}

fn main() {
    let mut args = env::args().skip(1);
    let (mut inputs, mut variables, mut out) = (BTreeMap::new(), BTreeMap::new(), None);
    let module = loop {
        let mut value = || args.next().unwrap();
        match value().as_str() {
            "--dir" => {
                let dir = value();
                let (host, guest) = dir.split_once("::").unwrap_or((&dir, &dir));
                inputs.insert(guest.to_owned(), read(Path::new(host)));
            }
            "--env" => {
                let pair = value();
                let (name, value) = pair.split_once('=').unwrap();
                variables.insert(name.to_owned(), value.to_owned());
            }
            "--out" => out = Some(value()),
            module => break module.to_owned(),
        }
    };
    let name = Path::new(&module).file_name().unwrap().to_str().unwrap().to_owned();
    let module = fs::read(&module).unwrap();
    let mut stdin = Vec::new();
    if !io::stdin().is_terminal() {
        io::stdin().read_to_end(&mut stdin).unwrap();
    }
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: std::iter::once(name).chain(args).collect(),
        env: variables,
        inputs: inputs.iter().map(|(name, folder)| (name.clone(), unixfs::folder_cid(folder))).collect(),
        stdin: Some(unixfs::file_cid(&stdin)),
        limits: Limits {
            fuel_limit: 1 << 50,
            memory_bytes_max: 4 << 30,
            output_bytes_max: 8 << 30,
            stdout_bytes_max: 1 << 26,
            ..Limits::default()
        },
        seed: BlobDigest::default(),
        clock_epoch_ns: 1_700_000_000_000_000_000,
    };
    let job = ResolvedJob { spec, module, inputs, stdin };
    let execution = Runtime::new(RuntimeOptions::default()).unwrap().run(&job).unwrap();
    io::stdout().write_all(execution.outputs.file("stdout").unwrap()).unwrap();
    io::stderr().write_all(execution.outputs.file("stderr").unwrap()).unwrap();
    if let (Some(out), Some(Node::Folder(folder))) = (out, execution.outputs.at("outputs")) {
        write(Path::new(&out), folder);
    }
    if env::var_os("WASI_RUN_FUEL").is_some() {
        eprintln!("fuel {}", execution.outcome.fuel_used);
    }
    match execution.outcome.status {
        Status::Exited { code } => process::exit(code.cast_signed()),
        other => {
            eprintln!("{other:?} {}", execution.refusal_detail.unwrap_or_default());
            process::exit(125)
        }
    }
}
