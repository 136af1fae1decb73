//! What `lilypad run`, `exec` and `job` take about a container, and the job that it makes.

use super::usage;
use crate::store::{SnapshotLimits, Store, read_dir};
use lilypad_abi::{ContainerLimits, ContainerSpec, GpuVendor, Gpus, Image, Network, Profile};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where `--input` stands in a container: the place that Bacalhau's users know.
pub(super) const INPUTS: &str = "/inputs";

/// The output that a job has unless it names others.
pub(super) const OUTPUTS: (&str, &str) = ("outputs", "/outputs");

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Containers")]
pub(super) struct ContainerArgs {
    /// The program in the image [default: the image's own]
    #[arg(long)]
    pub(super) entrypoint: Option<String>,
    /// An environment variable
    #[arg(long = "env", value_name = "K=V")]
    pub(super) env: Vec<String>,
    /// The folder that the program starts in [default: the image's own]
    #[arg(long, value_name = "PATH")]
    pub(super) workdir: Option<String>,
    /// A folder of the container that is part of the result, under a name [default: outputs=/outputs]
    #[arg(long = "output", value_name = "NAME=PATH")]
    pub(super) outputs: Vec<String>,
    /// Cores, such as 0.5
    #[arg(long, default_value = "1", value_parser = parse_cpus)]
    pub(super) cpus: u32,
    /// Most bytes of outputs
    #[arg(long, value_parser = super::exec::parse_size, default_value = "1GiB")]
    pub(super) disk: u64,
    /// Seconds after which the container is stopped
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    pub(super) timeout: u64,
    /// GPUs
    #[arg(long, default_value_t = 0)]
    pub(super) gpus: u16,
    /// Least memory of each GPU, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    pub(super) gpu_memory: u32,
    /// Who makes the GPUs [default: anybody]
    #[arg(long, value_enum)]
    pub(super) gpu_vendor: Option<VendorArg>,
    /// What the container can reach; most providers give none
    #[arg(long = "net", value_enum, default_value_t = NetworkArg::None)]
    pub(super) net: NetworkArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum VendorArg {
    Nvidia,
    Amd,
    Intel,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum NetworkArg {
    /// Nothing
    None,
    /// Whatever the provider's machine reaches
    Full,
}

/// `1`, `0.5`: cores, in thousandths.
pub(super) fn parse_cpus(text: &str) -> Result<u32, String> {
    let cores: f64 = text.parse().map_err(|_| format!("'{text}' is not a number of cores, such as 0.5"))?;
    let millis = (cores * 1_000.0).round();
    if !(10.0..=1_000_000.0).contains(&millis) {
        return Err(format!("{text} cores are not 0.01 to 1000"));
    }
    // In range: checked above.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(millis as u32)
}

impl ContainerArgs {
    /// The job that these describe; what is in `input` goes into the store.
    pub(super) fn spec(
        &self,
        image: Image,
        memory: u64,
        args: &[String],
        input: Option<&Path>,
        store: &Store,
    ) -> anyhow::Result<ContainerSpec> {
        let mut env = BTreeMap::new();
        for pair in &self.env {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| usage(format!("--env '{pair}' must be NAME=VALUE")))?;
            env.insert(name.to_owned(), value.to_owned());
        }
        let mut outputs = BTreeMap::new();
        for pair in &self.outputs {
            let (name, path) = pair.split_once('=').ok_or_else(|| {
                usage(format!("--output '{pair}' must be NAME=PATH, such as results=/app/results"))
            })?;
            if outputs.insert(name.to_owned(), path.to_owned()).is_some() {
                return Err(usage(format!("--output gives {name} twice")));
            }
        }
        if outputs.is_empty() {
            outputs.insert(OUTPUTS.0.to_owned(), OUTPUTS.1.to_owned());
        }
        let mut inputs = BTreeMap::new();
        if let Some(path) = input {
            let folder = read_dir(path, &SnapshotLimits::default())
                .map_err(|error| usage(crate::report::causes(&error)))?;
            inputs.insert(INPUTS.to_owned(), store.add_folder(&folder)?);
        }
        let vendor = self.gpu_vendor.map(|vendor| match vendor {
            VendorArg::Nvidia => GpuVendor::Nvidia,
            VendorArg::Amd => GpuVendor::Amd,
            VendorArg::Intel => GpuVendor::Intel,
        });
        let gpus = Gpus { count: self.gpus, vendor, memory_mib: self.gpu_memory };
        let spec = ContainerSpec {
            profile: Profile::Container1,
            image,
            entrypoint: self.entrypoint.iter().cloned().collect(),
            args: args.to_vec(),
            env,
            working_dir: self.workdir.clone(),
            inputs,
            outputs,
            network: match self.net {
                NetworkArg::None => Network::None,
                NetworkArg::Full => Network::Full,
            },
            gpus: (self.gpus > 0).then_some(gpus),
            limits: self.limits(memory),
        };
        spec.validate().map_err(|error| usage(error.to_string()))?;
        Ok(spec)
    }

    /// The bounds that these set.
    pub(super) fn limits(&self, memory: u64) -> ContainerLimits {
        ContainerLimits {
            timeout_ms: self.timeout.saturating_mul(1_000),
            cpu_millis: self.cpus,
            memory_bytes_max: memory,
            disk_bytes_max: self.disk,
            ..ContainerLimits::default()
        }
    }
}

/// The archive file that a `--image` names, if it is one.
pub(super) fn archive_file(image: &str) -> Option<PathBuf> {
    let path = PathBuf::from(image);
    (path.extension().is_some_and(|extension| extension == "tar") && path.exists()).then_some(path)
}

/// Whether an image's name is one that jobs can have as it is.
pub(super) fn is_pinned(image: &str) -> bool {
    Image::Registry(image.to_owned()).validate().is_ok()
}

/// An image as a job names it: an archive goes into the store.
pub(super) fn archive(path: &Path, store: &Store) -> anyhow::Result<Image> {
    let bytes = fs::read(path)
        .map_err(|error| usage(format!("image archive {} can't be read: {error}", path.display())))?;
    Ok(Image::Archive(store.add_file(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read() {
        assert_eq!(parse_cpus("1"), Ok(1_000));
        assert_eq!(parse_cpus("0.25"), Ok(250));
        for bad in ["", "x", "0", "-1", "NaN", "inf", "1001"] {
            assert!(parse_cpus(bad).is_err(), "{bad}");
        }
    }
}
