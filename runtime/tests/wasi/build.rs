//! Compilers: each program is built once for this machine and once for WASI, into the test's own folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program in both forms.
pub(super) struct Built {
    pub(super) native: PathBuf,
    pub(super) module: Vec<u8>,
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi").join(path)
}

fn output(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasi");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn run(command: &mut Command, hint: &str) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    assert!(done.status.success(), "{command:?}: {}\n{hint}", String::from_utf8_lossy(&done.stderr));
}

const C_HINT: &str = "run runtime/tests/wasi/toolchain";
const RUST_HINT: &str = "run modules/toolchain";

/// A C program of this folder, for WASI alone.
pub(super) fn c_module(path: &str) -> Vec<u8> {
    let module = output(&format!("{}.wasm", path.replace('/', "-")));
    let mut command = Command::new("clang");
    command.args(["--target=wasm32-wasi", "-O2", "-Wall", "-Werror", "-o"]).arg(&module).arg(source(path));
    run(&mut command, C_HINT);
    fs::read(module).unwrap()
}

/// A C program of this folder.
pub(super) fn c(path: &str) -> Built {
    let native = output(&path.replace('/', "-"));
    run(Command::new("clang").args(["-O2", "-Wall", "-Werror", "-o"]).arg(&native).arg(source(path)), C_HINT);
    Built { native, module: c_module(path) }
}

/// A Rust program of this folder: one file, no dependencies.
pub(super) fn rust(path: &str) -> Built {
    let native = output(&path.replace('/', "-"));
    let module = native.with_extension("wasm");
    let compile = |target: &[&str], to: &Path| {
        let mut command = Command::new("rustc");
        command.args(["--edition=2024", "-O"]).args(target).arg("-o").arg(to).arg(source(path));
        run(&mut command, RUST_HINT);
    };
    compile(&[], &native);
    compile(&["--target=wasm32-wasip1"], &module);
    Built { native, module: fs::read(module).unwrap() }
}
