//! From a job to what the engine is asked for: where every fence around a container is set. Pure.
//!
//! Whatever an image says about itself that could widen what it gets is overruled: its user, its volumes (writable and
//! without bound), its health check (more processes), its ports and its stop signal.

use super::{disk::GUEST_ID, scratch::Bind};
use crate::container::gpu::Devices;
use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType,
    MountVolumeOptions, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use lilypad_abi::{ContainerSpec, Network};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most open files of one process: the same on every machine, and no more than engines may be bound to themselves.
/// Programs that close all that may be open take a second for a million.
const OPEN_FILES_MAX: i64 = 16_384;

/// `/dev/shm`, which Python and databases expect; counted as the job's memory, like `/tmp`.
const SHARED_MEMORY_BYTES: i64 = 64 << 20;

/// Everything that decides a container.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) spec: &'a ContainerSpec,
    /// The image's id in this engine.
    pub(super) image: &'a str,
    /// Where the image wants volumes.
    pub(super) volumes: &'a [String],
    pub(super) binds: Vec<Bind>,
    pub(super) devices: Devices,
    pub(super) labels: BTreeMap<&'static str, String>,
    /// What the names of its volumes begin with.
    pub(super) name: String,
}

/// What the engine is asked for.
pub(super) fn body(plan: Plan<'_>) -> ContainerCreateBody {
    let spec = plan.spec;
    let mut env: BTreeMap<&str, &str> = BTreeMap::from([("HOME", "/tmp")]);
    env.extend(spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    ContainerCreateBody {
        image: Some(plan.image.to_owned()),
        hostname: Some("lilypad".to_owned()),
        user: Some(format!("{GUEST_ID}:{GUEST_ID}")),
        entrypoint: some(&spec.entrypoint),
        cmd: some(&spec.args),
        env: Some(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        attach_stdin: Some(false),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(false),
        tty: Some(false),
        // The engine would start further processes for the image's.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        // An engine that shuts down then always leaves 137, never an exit code that looks like the job's own.
        stop_signal: Some("SIGKILL".to_owned()),
        labels: Some(plan.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()),
        host_config: Some(host_config(&plan)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(plan: &Plan<'_>) -> HostConfig {
    let limits = &plan.spec.limits;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let ulimit = |name: &str, most: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(most),
        hard: Some(most),
    };
    HostConfig {
        // Privilege.
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        group_add: (!plan.devices.groups.is_empty())
            .then(|| plan.devices.groups.iter().map(u32::to_string).collect()),
        // Namespaces: all its own.
        network_mode: Some(
            match plan.spec.network {
                Network::None => "none",
                Network::Full => "bridge",
            }
            .to_owned(),
        ),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        publish_all_ports: Some(false),
        // Bounds.
        memory: Some(number(limits.memory_bytes_max)),
        memory_swap: Some(number(limits.memory_bytes_max)),
        nano_cpus: Some(i64::from(limits.cpu_millis) * 1_000_000),
        pids_limit: Some(limits.pids_max.into()),
        ulimits: Some(vec![ulimit("nofile", OPEN_FILES_MAX), ulimit("core", 0)]),
        shm_size: Some(SHARED_MEMORY_BYTES),
        // The machine's own programs are to live when its memory runs out.
        oom_score_adj: Some(1_000),
        // Files.
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), tmp_options(plan.spec))])),
        mounts: Some(mounts(plan)),
        devices: (!plan.devices.nodes.is_empty()).then(|| {
            let mapping = |node: &String| DeviceMapping {
                path_on_host: Some(node.clone()),
                path_in_container: Some(node.clone()),
                cgroup_permissions: Some("rw".to_owned()),
            };
            plan.devices.nodes.iter().map(mapping).collect()
        }),
        device_requests: (!plan.devices.nvidia.is_empty()).then(|| {
            vec![DeviceRequest {
                device_ids: Some(plan.devices.nvidia.clone()),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            }]
        }),
        // stdout and stderr are taken by attaching before the start, byte for byte and cut at the job's caps. The
        // engine keeps them besides, for a process that adopts the container after a crash: in the `local` format,
        // whose size it bounds whatever the job prints.
        log_config: Some(HostConfigLogConfig {
            typ: Some("local".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), log_bytes_max(plan.spec).to_string()),
                ("max-file".to_owned(), "2".to_owned()),
                ("compress".to_owned(), "false".to_owned()),
            ])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            ..RestartPolicy::default()
        }),
        auto_remove: Some(false),
        // As plain `docker run`: a process that reaps would cost a program on the host, and report a missing program
        // in its own words on the job's stderr.
        init: Some(false),
        ..HostConfig::default()
    }
}

/// The size of the engine's log at which it begins another; a log larger than this may have lost its beginning.
pub(super) const fn log_bytes_max(spec: &ContainerSpec) -> u64 {
    (spec.limits.stdout_bytes_max + spec.limits.stderr_bytes_max) * 2 + (4 << 20)
}

/// What a job may take of the disk: its outputs with what a file system needs for them, and two files of its log.
pub(super) fn disk_bytes_max(spec: &ContainerSpec) -> u64 {
    let limits = &spec.limits;
    super::disk::image_bytes(limits.disk_bytes_max, limits.output_files_max)
        .saturating_add(log_bytes_max(spec) * 2)
}

/// `/tmp`: the job's memory, of the size of its disk; zero would mean no bound at all.
fn tmp_options(spec: &ContainerSpec) -> String {
    let bytes = spec.limits.disk_bytes_max.max(4_096);
    let files = u64::from(spec.limits.output_files_max) + 64;
    format!("rw,nosuid,nodev,exec,mode=1777,size={bytes},nr_inodes={files}")
}

fn mounts(plan: &Plan<'_>) -> Vec<Mount> {
    let binds = plan.binds.iter().map(|bind| Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.source.display().to_string()),
        target: Some(bind.target.clone()),
        read_only: Some(bind.read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    });
    // A volume that the image declares would be writable and without bound: it stays as the image has it.
    let taken = |path: &str| path == "/tmp" || plan.binds.iter().any(|bind| bind.target == path);
    // Named, because engines let only those be read-only.
    let paths: BTreeSet<String> =
        plan.volumes.iter().map(|path| clean(path)).filter(|path| !taken(path)).collect();
    let volumes = paths.into_iter().enumerate().map(|(number, path)| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(format!("{}.{number}", plan.name)),
        target: Some(path),
        read_only: Some(true),
        volume_options: Some(MountVolumeOptions {
            labels: Some(
                plan.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            ),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    });
    binds.chain(volumes).collect()
}

/// A path in its one spelling, as the engine compares them.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::{ContainerLimits, Image, Profile};

    fn spec() -> ContainerSpec {
        ContainerSpec {
            profile: Profile::Container1,
            image: Image::Registry("x.example/y".into()),
            entrypoint: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits::default(),
        }
    }

    fn planned(spec: &ContainerSpec, volumes: &[String], binds: Vec<Bind>) -> ContainerCreateBody {
        let labels = BTreeMap::new();
        let name = "lilypad-x".to_owned();
        body(Plan { spec, image: "sha256:1", volumes, binds, devices: Devices::default(), labels, name })
    }

    #[test]
    fn an_images_own_command_stays_unless_the_job_has_one() {
        let body = planned(&spec(), &[], Vec::new());
        assert_eq!((body.entrypoint, body.cmd), (None, None));
        let spec = ContainerSpec { entrypoint: vec!["/a".into()], args: vec!["b".into()], ..spec() };
        let body = planned(&spec, &[], Vec::new());
        assert_eq!((body.entrypoint, body.cmd), (Some(vec!["/a".into()]), Some(vec!["b".into()])));
    }

    #[test]
    fn home_is_tmp_unless_the_job_says_otherwise() {
        assert_eq!(planned(&spec(), &[], Vec::new()).env, Some(vec!["HOME=/tmp".into()]));
        let spec = ContainerSpec { env: BTreeMap::from([("HOME".into(), "/x".into())]), ..spec() };
        assert_eq!(planned(&spec, &[], Vec::new()).env, Some(vec!["HOME=/x".into()]));
    }

    #[test]
    fn an_images_volumes_become_read_only_in_any_spelling() {
        let bind = Bind { source: "/s".into(), target: "/outputs".into(), read_only: false };
        let volumes = ["/data/", "/outputs/.", "/a/../b", "/tmp"].map(str::to_owned);
        let mounts = planned(&spec(), &volumes, vec![bind]).host_config.unwrap().mounts.unwrap();
        let seen: Vec<_> =
            mounts.iter().map(|m| (m.target.as_deref().unwrap(), m.read_only.unwrap())).collect();
        assert_eq!(seen, [("/outputs", false), ("/b", true), ("/data", true)]);
    }

    #[test]
    fn nothing_is_without_bound() {
        let limits = ContainerLimits { disk_bytes_max: 0, output_files_max: 0, ..ContainerLimits::default() };
        let host = planned(&ContainerSpec { limits, ..spec() }, &[], Vec::new()).host_config.unwrap();
        assert!(host.tmpfs.unwrap()["/tmp"].ends_with("size=4096,nr_inodes=64"));
        assert_eq!(host.memory, host.memory_swap);
        assert!(host.memory.unwrap() > 0 && host.nano_cpus.unwrap() > 0 && host.pids_limit.unwrap() > 0);
    }
}
