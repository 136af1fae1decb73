//! Fingerprints what decides the native code of a module: this crate's sources and the versions of what it uses.
//!
//! Compiled code is kept on disk under a key that this is part of. A version number by hand would be forgotten
//! once, and code of other rules would then run.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files)?;
    files.sort();
    files.extend([PathBuf::from("Cargo.toml"), PathBuf::from("../Cargo.lock")]);
    let mut hasher = DefaultHasher::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        // A packaged crate has its lock file elsewhere.
        (file, fs::read(file).unwrap_or_default()).hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=LILYPAD_RUNTIME_FINGERPRINT={:016x}", hasher.finish());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
