//! The folder of one run: inputs to be seen, outputs to be written, and their bound.
//!
//! ```text
//! <scratch>/<run>/            root's alone, so that nobody else on this machine reads a job
//!   inputs/0, inputs/1 …      files and folders, in the order of their paths in the container
//!   image                     the file system for the outputs, where one can be mounted
//!   outputs/0, outputs/1 …    folders, in the order of their names; a mount of `image`
//! ```
//! The engine binds these into the container. Nothing here talks to it, and no link is followed.

use super::disk::{self, GUEST_ID};
use crate::{
    container::{
        ContainerJob, RunName,
        collect::{Allowance, CollectError, collect},
    },
    store::{WriteMode, write_to},
};
use lilypad_abi::{ContainerLimits, ContainerSpec};
use lilypad_runtime::{Folder, Node};
use rustix::fs::{Gid, Mode, Uid};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// One run's folder.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    dir: PathBuf,
}

/// What a folder of the host is in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) source: PathBuf,
    pub(super) target: String,
    pub(super) read_only: bool,
}

impl Scratch {
    pub(super) fn of(root: &Path, run: &RunName) -> Self {
        Self { dir: root.join(run.to_string()) }
    }

    /// Makes the empty folders and files that the engine wants to see when it makes the container; quick.
    pub(super) fn prepare(&self, job: &ContainerJob) -> io::Result<()> {
        self.remove()?;
        fs::DirBuilder::new().mode(0o700).create(&self.dir)?;
        fs::create_dir(self.dir.join("inputs"))?;
        for (number, node) in job.inputs.values().enumerate() {
            let path = self.input(number);
            match node {
                Node::Folder(_) => fs::create_dir(path)?,
                Node::File(_) => drop(fs::File::create_new(path)?),
                Node::Symlink(_) => {
                    return Err(io::Error::other("an input is a link; give what it points to"));
                }
            }
        }
        self.make_outputs(job.spec.outputs.len())
    }

    /// Mounts the outputs' file system, unless they are only watched, and writes the inputs.
    pub(super) fn fill(&self, job: &ContainerJob, watched: bool) -> io::Result<()> {
        if !watched && !job.spec.outputs.is_empty() {
            let limits = &job.spec.limits;
            let folders = u32::try_from(job.spec.outputs.len()).unwrap_or(u32::MAX);
            let files = limits.output_files_max.saturating_add(folders);
            disk::mount(&self.image(), &self.outputs(), limits.disk_bytes_max, files)?;
        }
        for (number, node) in job.inputs.values().enumerate() {
            let path = self.input(number);
            match node {
                Node::Folder(folder) => {
                    drop(write_to(folder, &path, WriteMode::IntoEmpty).map_err(io::Error::other)?)
                }
                Node::File(bytes) => fs::write(&path, bytes.as_slice())?,
                Node::Symlink(_) => {}
            }
            if umask_hides() {
                show(&path)?;
            }
        }
        Ok(())
    }

    fn make_outputs(&self, count: usize) -> io::Result<()> {
        fs::create_dir_all(self.outputs())?;
        for number in 0..count {
            let path = self.output(number);
            fs::create_dir(&path)?;
            rustix::fs::chown(&path, Some(Uid::from_raw(GUEST_ID)), Some(Gid::from_raw(GUEST_ID)))?;
            // Whatever user the engine maps the container's to.
            rustix::fs::chmod(&path, Mode::from_raw_mode(0o777))?;
        }
        Ok(())
    }

    /// What the container sees of it.
    pub(super) fn binds(&self, spec: &ContainerSpec) -> Vec<Bind> {
        let inputs = spec.inputs.keys().enumerate().map(|(number, target)| Bind {
            source: self.input(number),
            target: target.clone(),
            read_only: true,
        });
        let outputs = spec.outputs.values().enumerate().map(|(number, target)| Bind {
            source: self.output(number),
            target: target.clone(),
            read_only: false,
        });
        inputs.chain(outputs).collect()
    }

    /// Whether the outputs of a container that an earlier process started are where it writes them.
    pub(super) fn is_whole(&self, spec: &ContainerSpec) -> bool {
        let mounted = !self.image().exists() || disk::is_mounted(&self.outputs());
        mounted && (0..spec.outputs.len()).all(|number| self.output(number).is_dir())
    }

    /// Whether outputs that are only watched have gone over their limits. Holes don't count, since they take no room.
    pub(super) fn is_over(&self, limits: &ContainerLimits) -> bool {
        let mut left = (limits.disk_bytes_max, u64::from(limits.output_files_max));
        let Ok(outputs) = fs::read_dir(self.outputs()) else { return false };
        outputs.flatten().any(|output| goes_over(&output.path(), &mut left, 0))
    }

    /// The outputs by name, within the job's limits.
    pub(super) fn collect(&self, spec: &ContainerSpec) -> Result<BTreeMap<String, Folder>, CollectError> {
        let limits = &spec.limits;
        let mut left = Allowance { bytes: limits.disk_bytes_max, files: limits.output_files_max.into() };
        let names = spec.outputs.keys().enumerate();
        names.map(|(number, name)| Ok((name.clone(), collect(&self.output(number), &mut left)?))).collect()
    }

    /// A file in the first output, for a look from the other side.
    pub(super) fn probe(&self, name: &str) -> PathBuf {
        self.output(0).join(name)
    }

    /// Removes all of it; nothing when there is nothing.
    pub(super) fn remove(&self) -> io::Result<()> {
        disk::unmount(&self.outputs())?;
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn image(&self) -> PathBuf {
        self.dir.join("image")
    }

    fn outputs(&self) -> PathBuf {
        self.dir.join("outputs")
    }

    fn output(&self, number: usize) -> PathBuf {
        self.dir.join("outputs").join(number.to_string())
    }

    fn input(&self, number: usize) -> PathBuf {
        self.dir.join("inputs").join(number.to_string())
    }
}

/// Whether what this process writes can't be read by others, such as the container's user.
fn umask_hides() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    mask.is_none_or(|mask| u32::from_str_radix(mask.trim(), 8).map_or(true, |mask| mask & 0o005 != 0))
}

/// Lets everybody read a tree that this process has just written.
fn show(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        fs::read_dir(path)?.try_for_each(|entry| show(&entry?.path()))
    } else if meta.is_file() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644))
    } else {
        Ok(())
    }
}

/// Counts what a tree takes until something is over; what vanishes meanwhile doesn't count.
fn goes_over(path: &Path, left: &mut (u64, u64), depth: usize) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    if depth > 300 {
        return true;
    }
    let Ok(entries) = fs::read_dir(path) else { return false };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let bytes = meta.len().min(meta.blocks().saturating_mul(512));
        let (Some(bytes), Some(files)) =
            (left.0.checked_sub(if meta.is_file() { bytes } else { 0 }), left.1.checked_sub(1))
        else {
            return true;
        };
        *left = (bytes, files);
        if meta.is_dir() && goes_over(&entry.path(), left, depth + 1) {
            return true;
        }
    }
    false
}
