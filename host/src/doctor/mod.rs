//! Whether this machine can run jobs, and how well it locks them in: what `lilypad-host doctor` finds.
//!
//! Facts are gathered in `facts.rs`; what they mean is decided here, purely. Nothing is changed on the machine,
//! apart from the folder for compiled code.

mod facts;

pub use self::facts::Facts;

use self::facts::Containers;
use crate::exec::TRIAL_RECEIPT;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Jobs run, with a shortcoming.
    Warn,
    /// Jobs don't run.
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty when nothing needs doing.
    pub advice: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), advice: String::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warn, found: found.into(), advice: advice.into() }
    }

    fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fail, found: found.into(), advice: advice.into() }
    }
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Address space of one worker: the engine's reservation with its guards, and the program.
const ADDRESS_BYTES_MIN: u64 = 12 * GIB;

/// The oldest kernel whose fences are complete: Landlock for ports and signals as well.
const LANDLOCK_WHOLE: u8 = 6;

/// All checks, in the order in which they are shown.
#[must_use]
pub fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        Check::ok("kernel", facts.kernel.clone()),
        landlock(facts),
        seccomp(facts),
        cgroup(facts),
        core_dumps(facts),
        address_space(facts),
        threads(facts),
        memory(facts),
        disk(facts),
        cache(facts),
        Check::ok("CPU", facts.cpu.clone()),
        clock(facts),
    ];
    checks.push(worker(facts));
    if let Some(containers) = &facts.containers {
        checks.extend([engine(containers), gpus(containers)]);
    }
    checks
}

/// What a daemon says of its machine at start: one line, or nothing when all is well.
#[must_use]
pub fn shortcomings(checks: &[Check]) -> Option<String> {
    let bad: Vec<String> = checks
        .iter()
        .filter(|check| check.verdict != Verdict::Ok)
        .map(|check| format!("{}: {}", check.name, check.found))
        .collect();
    (!bad.is_empty()).then(|| format!("{}; `lilypad-host doctor` says what to do", bad.join("; ")))
}

fn landlock(facts: &Facts) -> Check {
    match facts.landlock {
        Some(version) if version >= LANDLOCK_WHOLE => Check::ok("Landlock", format!("version {version}")),
        Some(version) => Check::warn(
            "Landlock",
            format!("version {version}: paths are closed to workers, signals and ports by seccomp alone"),
            "a kernel of 6.12 or later has both fences",
        ),
        None => Check::warn(
            "Landlock",
            "missing: files and network are closed to workers by seccomp alone",
            "boot a kernel of 5.13 or later with 'landlock' in its lsm= list",
        ),
    }
}

fn seccomp(facts: &Facts) -> Check {
    if facts.seccomp_filter {
        Check::ok("seccomp", "filters are available")
    } else {
        Check::fail(
            "seccomp",
            "no filters: workers refuse to run anything",
            "boot a kernel with CONFIG_SECCOMP_FILTER, or let the container use seccomp",
        )
    }
}

fn cgroup(facts: &Facts) -> Check {
    let found = match &facts.cgroup {
        Some(version) => format!("{version}; not needed"),
        None => "none; not needed".to_owned(),
    };
    Check::ok("cgroup", format!("{found}: each worker's memory is bounded by limits of its process"))
}

fn core_dumps(facts: &Facts) -> Check {
    match &facts.core_pattern {
        Some(pattern) => Check::ok("core dumps", format!("off in workers (elsewhere: {})", pattern.trim())),
        None => Check::ok("core dumps", "off in workers"),
    }
}

fn address_space(facts: &Facts) -> Check {
    let name = "address space";
    if let Some(limit) = facts.address_bytes_max.filter(|limit| *limit < ADDRESS_BYTES_MIN) {
        return Check::fail(
            name,
            format!("limited to {} MiB; a worker reserves 4 GiB and guards around it", limit / MIB),
            "lift the limit: `ulimit -v unlimited`, or LimitAS= of the service",
        );
    }
    match facts.overcommit.as_deref() {
        Some("2") => Check::warn(
            name,
            "the kernel commits memory strictly: each worker counts 600 MiB before it uses any",
            "set vm.overcommit_memory to 0 or 1, or keep that much free for each job at once",
        ),
        _ => Check::ok(name, "reservations of 4 GiB are possible"),
    }
}

fn threads(facts: &Facts) -> Check {
    match facts.processes_max {
        Some(limit) if limit < 256 => Check::warn(
            "threads",
            format!("{} CPUs; at most {limit} threads and processes", facts.cpus),
            "raise the limit: `ulimit -u`, or TasksMax= of the service",
        ),
        _ => Check::ok("threads", format!("{} CPUs", facts.cpus)),
    }
}

fn memory(facts: &Facts) -> Check {
    let found = format!("{} MiB available", facts.memory_bytes / MIB);
    match facts.memory_bytes {
        bytes if bytes < 256 * MIB => {
            Check::fail("memory", found, "free some: the smallest jobs need this much")
        }
        bytes if bytes < 2 * GIB => Check::warn(
            "memory",
            found,
            "jobs may ask for 1 GiB and more: offer less with --memory-max, and fewer --jobs at once",
        ),
        _ => Check::ok("memory", found),
    }
}

fn disk(facts: &Facts) -> Check {
    match &facts.disk_bytes {
        Ok(bytes) if *bytes < GIB => Check::warn(
            "disk",
            format!("{} MiB free for {}", bytes / MIB, facts.home),
            "free some, or set LILYPAD_HOME to a folder on another disk: inputs and outputs are kept there",
        ),
        Ok(bytes) => Check::ok("disk", format!("{} MiB free for {}", bytes / MIB, facts.home)),
        Err(error) => Check::fail(
            "disk",
            format!("{} can't be used: {error}", facts.home),
            "set LILYPAD_HOME to a folder that can be written",
        ),
    }
}

fn cache(facts: &Facts) -> Check {
    let name = "compiled code";
    match &facts.cache {
        Ok(cache) if cache.noexec => Check::warn(
            name,
            format!("{}: mounted noexec, so code is copied for each job", cache.folder),
            "set LILYPAD_HOME to a folder on a disk mounted without noexec",
        ),
        Ok(cache) => Check::ok(
            name,
            format!(
                "{}: {} files, {} of {} MiB",
                cache.folder,
                cache.files,
                cache.bytes / MIB,
                cache.bytes_max / MIB
            ),
        ),
        Err(error) => {
            Check::warn(name, error.clone(), "without it, every job waits for its module to be compiled")
        }
    }
}

fn clock(facts: &Facts) -> Check {
    if facts.clock_is_plausible {
        Check::ok("clock", "later than this program")
    } else {
        Check::warn(
            "clock",
            "earlier than this program was made",
            "set it, and have it synchronised: deals have deadlines (jobs don't see this clock)",
        )
    }
}

fn worker(facts: &Facts) -> Check {
    let name = "worker";
    match &facts.trial {
        Ok(trial) if trial.receipt == TRIAL_RECEIPT => Check::ok(
            name,
            format!(
                "started, locked in, and gave the expected receipt in {} ms; again, with code at hand, in {} µs",
                trial.first.as_millis(),
                trial.again.as_micros()
            ),
        ),
        Ok(trial) => Check::fail(
            name,
            format!("gave the receipt {} where every machine gets {TRIAL_RECEIPT}", trial.receipt),
            "don't serve the market with this machine: its results would be found wrong; report it with its CPU",
        ),
        Err(error) => Check::fail(name, error.clone(), "no job can run before this is solved"),
    }
}

/// Modules need no engine, so that a machine without one is as good as another.
fn engine(containers: &Containers) -> Check {
    let name = "containers";
    match containers {
        Containers::None { host } => Check::ok(
            name,
            format!(
                "no Docker engine at {host}; needed only for `--executor docker`, DOCKER_HOST names another"
            ),
        ),
        Containers::Unusable(reason) => Check::warn(
            name,
            reason.clone(),
            "containers can't run here until that is put right; modules are not affected",
        ),
        Containers::Engine(engine, machine) => {
            let found = format!(
                "Docker {} (API {}), control groups version {}; memory, processes and processor time are limited; \
                 {} cores, {} MiB of memory, {} MiB for outputs",
                engine.version,
                engine.api_version,
                engine.cgroup_version,
                machine.cpu_millis / 1_000,
                machine.memory_bytes / MIB,
                machine.disk_bytes / MIB
            );
            match &engine.watched_because {
                None => Check::ok(name, format!("{found}, each job's on a file system of its own")),
                Some(reason) => Check::warn(
                    name,
                    format!("{found}, which are only watched: {reason}"),
                    "install e2fsprogs and mount, and let this program use loop devices: a job can fill the disk for \
                     a moment otherwise",
                ),
            }
        }
    }
}

fn gpus(containers: &Containers) -> Check {
    let Containers::Engine(engine, machine) = containers else {
        return Check::ok("GPUs", "not looked for: only containers use them");
    };
    let found = match machine.gpus.as_slice() {
        [] => "none that nvidia-smi, rocm-smi, amd-smi or xpu-smi tell of".to_owned(),
        gpus => gpus
            .iter()
            .map(|gpu| format!("{} ({} MiB)", gpu.name, gpu.memory_mib))
            .collect::<Vec<_>>()
            .join(", "),
    };
    match engine.gpu_failures.as_slice() {
        [] => Check::ok("GPUs", found),
        failures => Check::warn(
            "GPUs",
            format!("{found}; {}", failures.join("; ")),
            "run the tool by hand and see to its driver: GPUs that it doesn't tell of are not offered",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        facts::{Cache, Trial},
        *,
    };
    use crate::container::{Machine, docker::EngineFacts};
    use std::time::Duration;

    fn good() -> Facts {
        Facts {
            kernel: "Linux 6.12".into(),
            landlock: Some(6),
            seccomp_filter: true,
            cgroup: None,
            core_pattern: None,
            address_bytes_max: None,
            overcommit: Some("0".into()),
            cpus: 8,
            processes_max: None,
            memory_bytes: 8 * GIB,
            home: "/home/me/.lilypad".into(),
            disk_bytes: Ok(100 * GIB),
            cache: Ok(Cache { folder: "c".into(), files: 1, bytes: MIB, bytes_max: GIB, noexec: false }),
            cpu: "x86_64".into(),
            clock_is_plausible: true,
            trial: Ok(Trial {
                receipt: TRIAL_RECEIPT.into(),
                first: Duration::from_millis(5),
                again: Duration::from_micros(300),
            }),
            containers: Some(Containers::Engine(
                EngineFacts {
                    version: "20.10.24".into(),
                    api_version: "1.41".into(),
                    cgroup_version: "2".into(),
                    watched_because: None,
                    gpu_failures: Vec::new(),
                },
                Machine::default(),
            )),
        }
    }

    #[test]
    fn a_good_machine_has_no_shortcomings() {
        let checks = checks(&good());
        assert!(
            checks.iter().all(|check| check.verdict == Verdict::Ok && check.advice.is_empty()),
            "{checks:?}"
        );
        assert_eq!(shortcomings(&checks), None);
    }

    #[test]
    fn a_machine_without_an_engine_runs_modules_as_well_as_any() {
        let none = Some(Containers::None { host: "unix:///var/run/docker.sock".into() });
        for containers in [none, None] {
            assert_eq!(shortcomings(&checks(&Facts { containers, ..good() })), None);
        }
    }

    #[test]
    fn each_shortcoming_is_named_with_what_to_do() {
        type Change = fn(&mut Facts);
        let cases: [(&str, Verdict, Change); 18] = [
            ("Landlock", Verdict::Warn, |facts| facts.landlock = None),
            ("Landlock", Verdict::Warn, |facts| facts.landlock = Some(3)),
            ("seccomp", Verdict::Fail, |facts| facts.seccomp_filter = false),
            ("address space", Verdict::Fail, |facts| facts.address_bytes_max = Some(GIB)),
            ("address space", Verdict::Warn, |facts| facts.overcommit = Some("2".into())),
            ("threads", Verdict::Warn, |facts| facts.processes_max = Some(20)),
            ("memory", Verdict::Warn, |facts| facts.memory_bytes = GIB),
            ("memory", Verdict::Fail, |facts| facts.memory_bytes = MIB),
            ("disk", Verdict::Warn, |facts| facts.disk_bytes = Ok(MIB)),
            ("disk", Verdict::Fail, |facts| facts.disk_bytes = Err("read-only".into())),
            ("compiled code", Verdict::Warn, |facts| facts.cache = Err("closed".into())),
            ("compiled code", Verdict::Warn, |facts| {
                if let Ok(cache) = &mut facts.cache {
                    cache.noexec = true;
                }
            }),
            ("clock", Verdict::Warn, |facts| facts.clock_is_plausible = false),
            ("containers", Verdict::Warn, |facts| {
                facts.containers = Some(Containers::Unusable("it can't limit memory".into()));
            }),
            ("containers", Verdict::Warn, |facts| {
                if let Some(Containers::Engine(engine, _)) = &mut facts.containers {
                    engine.watched_because = Some("no loop devices".into());
                }
            }),
            ("GPUs", Verdict::Warn, |facts| {
                if let Some(Containers::Engine(engine, _)) = &mut facts.containers {
                    engine.gpu_failures.push("nvidia-smi failed".into());
                }
            }),
            ("worker", Verdict::Fail, |facts| facts.trial = Err("died".into())),
            ("worker", Verdict::Fail, |facts| {
                if let Ok(trial) = &mut facts.trial {
                    trial.receipt = "0x00".into();
                }
            }),
        ];
        for (name, verdict, change) in cases {
            let mut facts = good();
            change(&mut facts);
            let checks = checks(&facts);
            let bad: Vec<_> = checks.iter().filter(|check| check.verdict != Verdict::Ok).collect();
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!((bad[0].name, bad[0].verdict), (name, verdict));
            assert!(!bad[0].advice.is_empty());
            assert!(shortcomings(&checks).unwrap().starts_with(name));
        }
    }
}
