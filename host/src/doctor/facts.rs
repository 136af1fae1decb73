//! Looks at the machine. What cannot be found out is left open, not guessed.

use crate::container::{
    Machine,
    docker::{DockerExecutor, DockerOptions, EngineFacts},
};
use crate::exec::{CACHE_BYTES_MAX, CodeCache, Executor, WorkerConfig, landlock_version, trial_job};
use rustix::process::{Resource, getrlimit};
use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// What was found.
#[derive(Debug, Clone)]
pub struct Facts {
    pub(super) kernel: String,
    pub(super) landlock: Option<u8>,
    pub(super) seccomp_filter: bool,
    pub(super) cgroup: Option<&'static str>,
    pub(super) core_pattern: Option<String>,
    pub(super) address_bytes_max: Option<u64>,
    pub(super) overcommit: Option<String>,
    pub(super) cpus: usize,
    pub(super) processes_max: Option<u64>,
    pub(super) memory_bytes: u64,
    pub(super) home: String,
    pub(super) disk_bytes: Result<u64, String>,
    pub(super) cache: Result<Cache, String>,
    pub(super) cpu: String,
    pub(super) clock_is_plausible: bool,
    pub(super) trial: Result<Trial, String>,
    /// `None` when nobody asked: a service that runs modules only isn't told of its engine at every start.
    pub(super) containers: Option<Containers>,
}

/// What runs containers here.
#[derive(Debug, Clone)]
pub(super) enum Containers {
    /// Nothing listens where an engine would.
    None {
        /// Where that is.
        host: String,
    },
    /// Something is there and can't be used.
    Unusable(String),
    /// An engine, and what all jobs together may have of it.
    Engine(EngineFacts, Machine),
}

/// The folder of compiled code.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    pub(super) folder: String,
    pub(super) files: usize,
    pub(super) bytes: u64,
    pub(super) bytes_max: u64,
    pub(super) noexec: bool,
}

/// How a worker did the trial job.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) receipt: String,
    /// Started for it, module compiled.
    pub(super) first: Duration,
    /// Started ahead, code at hand.
    pub(super) again: Duration,
}

impl Facts {
    /// Looks at everything: the home, its cache in `code`, and a real worker.
    pub async fn gather(home: &Path, code: &Path, config: WorkerConfig) -> Self {
        let _ = fs::create_dir_all(home);
        let uname = rustix::system::uname();
        Self {
            kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            landlock: landlock_version(),
            seccomp_filter: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
            cgroup: cgroup(),
            core_pattern: fs::read_to_string("/proc/sys/kernel/core_pattern").ok(),
            address_bytes_max: getrlimit(Resource::As).current,
            overcommit: read_trimmed("/proc/sys/vm/overcommit_memory"),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            processes_max: getrlimit(Resource::Nproc).current,
            memory_bytes: available_memory().unwrap_or(u64::MAX),
            home: home.display().to_string(),
            disk_bytes: disk(home).map_err(|error| error.to_string()),
            cache: cache(code),
            cpu: cpu(),
            clock_is_plausible: clock_is_plausible(),
            trial: trial(config).await,
            containers: None,
        }
    }

    /// Looks for a container engine and GPUs as well.
    #[must_use]
    pub async fn with_containers(mut self, home: &Path) -> Self {
        self.containers = Some(containers(home).await);
        self
    }
}

fn read_trimmed(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn cgroup() -> Option<&'static str> {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        Some("version 2")
    } else if Path::new("/sys/fs/cgroup/memory").exists() {
        Some("version 1")
    } else {
        None
    }
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn disk(home: &Path) -> io::Result<u64> {
    // A folder that can't be written is of no use, however much room there is.
    let probe = home.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(&probe)?;
    let mount = rustix::fs::statvfs(home)?;
    Ok(mount.f_bavail.saturating_mul(mount.f_frsize))
}

fn cache(code: &Path) -> Result<Cache, String> {
    let cache = CodeCache::open(code, CACHE_BYTES_MAX).map_err(|error| crate::report::causes(&error))?;
    let (bytes, files) = cache.size().map_err(|error| error.to_string())?;
    Ok(Cache {
        folder: cache.dir().display().to_string(),
        files,
        bytes,
        bytes_max: CACHE_BYTES_MAX,
        noexec: cache.is_noexec(),
    })
}

fn cpu() -> String {
    let mut features: Vec<&str> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("sse4.1", std::is_x86_feature_detected!("sse4.1")),
            ("popcnt", std::is_x86_feature_detected!("popcnt")),
            ("bmi1", std::is_x86_feature_detected!("bmi1")),
            ("bmi2", std::is_x86_feature_detected!("bmi2")),
            ("lzcnt", std::is_x86_feature_detected!("lzcnt")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ];
        features.extend(known.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
    }
    #[cfg(target_arch = "aarch64")]
    {
        let known = [
            ("lse", std::arch::is_aarch64_feature_detected!("lse")),
            ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
            ("paca", std::arch::is_aarch64_feature_detected!("paca")),
        ];
        features.extend(known.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
    }
    format!("{}: {}", std::env::consts::ARCH, features.join(" "))
}

fn clock_is_plausible() -> bool {
    let made = std::env::current_exe().and_then(fs::metadata).and_then(|metadata| metadata.modified());
    made.map_or(true, |made| SystemTime::now() >= made)
}

async fn containers(home: &Path) -> Containers {
    // A folder of its own, so that no other program's containers are anything to it.
    let Ok(scratch) = std::path::absolute(home.join("containers").join("doctor")) else {
        return Containers::Unusable("this folder has no path".to_owned());
    };
    let options = DockerOptions::new("doctor", &scratch);
    let host = options.host.clone();
    if host.strip_prefix("unix://").is_some_and(|socket| !Path::new(socket).exists()) {
        return Containers::None { host };
    }
    let found = match DockerExecutor::connect(options).await {
        Ok(docker) => Containers::Engine(docker.facts().clone(), docker.total().clone()),
        Err(error) => Containers::Unusable(crate::report::causes(&error)),
    };
    let _ = fs::remove_dir_all(&scratch);
    found
}

async fn trial(config: WorkerConfig) -> Result<Trial, String> {
    let said = |error| crate::report::causes(&error);
    let folder = std::env::temp_dir().join(format!("lilypad-doctor-{}", std::process::id()));
    // Code of this run only: the trial must not pass because it passed once.
    let cache = CodeCache::open(&folder, CACHE_BYTES_MAX).ok();
    let executor = Executor::new(config, 1).with_cache(cache);
    let job = trial_job();
    let started = Instant::now();
    let outcome = executor.run(&job).await.map_err(said);
    let first = started.elapsed();
    let again = async {
        let executor = executor.with_idle_workers(1);
        executor.warm_up().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = Instant::now();
        let execution = executor.run(&job).await?;
        Ok((execution.outcome, started.elapsed()))
    };
    let again = again.await.map_err(said);
    let _ = fs::remove_dir_all(&folder);
    let (outcome, (outcome_again, again)) = (outcome?.outcome, again?);
    if outcome != outcome_again {
        return Err("the same job gave two Outcomes".to_owned());
    }
    Ok(Trial { receipt: outcome.receipt().hash().to_string(), first, again })
}
