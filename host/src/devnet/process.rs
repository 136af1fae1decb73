//! Child processes of the devnet: started with a log file, started again when they die, gone when we go.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{process::Command, sync::watch};

/// Pause before a dead process is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// How long a process has to end after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How one process is started.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Its name in logs and tables: `provider-1`.
    pub(super) name: String,
    /// The program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// Variables set besides the inherited ones; keys travel here, never in arguments.
    pub(super) env: Vec<(String, String)>,
    /// Where stdout and stderr go.
    pub(super) log: PathBuf,
}

/// A process that is kept alive.
#[derive(Debug)]
pub(super) struct Supervised {
    /// Its name.
    pub(super) name: String,
    /// Its log file.
    pub(super) log: PathBuf,
    pid: Arc<Mutex<Option<u32>>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Supervised {
    /// Starts a process and keeps it running until [`Supervised::stop`].
    ///
    /// The child is tethered: when this process dies in any way, the kernel ends it too.
    ///
    /// # Errors
    /// When it can't be started the first time.
    pub(super) fn start(tether: &Path, plan: Plan) -> io::Result<Self> {
        let pid = Arc::new(Mutex::new(None));
        let (stop, mut stopped) = watch::channel(false);
        let first = spawn(tether, &plan)?;
        *pid.lock().unwrap_or_else(PoisonError::into_inner) = first.id();
        let (name, log) = (plan.name.clone(), plan.log.clone());
        let (tether, shared) = (tether.to_owned(), pid.clone());
        let task = tokio::spawn(async move {
            let mut child = first;
            loop {
                let status = tokio::select! {
                    status = child.wait() => status,
                    _ = stopped.changed() => {
                        end(&mut child).await;
                        return;
                    }
                };
                tracing::warn!(
                    process = plan.name,
                    status = describe(status.ok()),
                    "ended; starting it again"
                );
                child = loop {
                    tokio::time::sleep(RESTART_PAUSE).await;
                    if *stopped.borrow() {
                        return;
                    }
                    match spawn(&tether, &plan) {
                        Ok(child) => break child,
                        Err(error) => tracing::error!(process = plan.name, %error, "can't be started"),
                    }
                };
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = child.id();
            }
        });
        Ok(Self { name, log, pid, stop, task })
    }

    /// The process id, while it runs.
    #[must_use]
    pub(super) fn pid(&self) -> Option<u32> {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process and waits for it.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

fn spawn(tether: &Path, plan: &Plan) -> io::Result<tokio::process::Child> {
    let log = fs::File::options().create(true).append(true).open(&plan.log)?;
    Command::new(tether)
        .arg("tethered")
        .arg("--")
        .arg(&plan.program)
        .args(&plan.args)
        .envs(plan.env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
}

async fn end(child: &mut tokio::process::Child) {
    if let Some(pid) =
        child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(STOP_GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "unknown".to_owned(), |status| status.to_string())
}

/// Becomes `program`, to be ended by the kernel when our parent dies. Returns only on failure.
pub fn become_tethered(program: &Path, args: &[OsString]) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
    {
        return error.into();
    }
    std::process::Command::new(program).args(args).exec()
}
