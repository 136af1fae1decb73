//! What a worker gives up before it looks at a job: files, network, processes, privileges.
//!
//! Two fences, because a guest that breaks out of its engine owns the whole process. Landlock takes away every
//! path and TCP port; seccomp leaves only the system calls that compute needs, all others fail with `EPERM`.
//! Neither can be undone from inside. Nothing here knows a job.
//!
//! Seccomp comes in two steps. [`enter`] leaves what it takes to be handed an open file by the daemon and to map
//! it; [`Gate::close`] takes that away too, before the first byte that a stranger wrote is read.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;

/// Files a worker may hold open: its three pipes and some room for threads' needs.
const FILES_MAX: u64 = 16;

/// The newest Landlock this code knows; older kernels enforce what they know.
const LANDLOCK: ABI = ABI::V6;

/// Tells the kernel to stop a worker first when memory runs out, not the daemon.
const OOM_SCORE: &str = "800";

/// Why a worker could not lock itself in; it then runs nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("can't set a resource limit: {0}")]
    Limit(rustix::io::Errno),
    #[error("can't restrict files and network: {0}")]
    Landlock(#[from] RulesetError),
    #[error("can't restrict system calls: {0}; the kernel needs CONFIG_SECCOMP_FILTER")]
    Seccomp(#[from] seccompiler::Error),
    #[error("can't build the system call filter: {0}")]
    Filter(#[from] seccompiler::BackendError),
}

/// The second step, prepared by the first: closing takes one system call.
pub(super) struct Gate(BpfProgram);

/// Locks this process in; must run before it starts threads.
///
/// Landlock may be missing, in kernels before 5.13; seccomp alone already denies opening files and sockets.
pub(super) fn enter() -> Result<Gate, SandboxError> {
    // Not possible in some containers, and no reason to refuse work.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    // One byte rather than none: the kernel reads it as "none" for dumps handed to a program, too.
    limit(Resource::Core, 1)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nofile, FILES_MAX)?;
    restrict_paths_and_ports()?;
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let gate = Gate(only_compute(arch, false)?);
    seccompiler::apply_filter(&without_clone3(arch)?)?;
    seccompiler::apply_filter(&only_compute(arch, true)?)?;
    Ok(gate)
}

impl Gate {
    /// Leaves only what computing needs, to all threads of this process.
    pub(super) fn close(self) -> Result<(), SandboxError> {
        Ok(seccompiler::apply_filter_all_threads(&self.0)?)
    }
}

/// The version of Landlock that this kernel enforces, if any; the newest that is known here at most.
#[must_use]
pub fn landlock_version() -> Option<u8> {
    let versions = [(6, ABI::V6), (5, ABI::V5), (4, ABI::V4), (3, ABI::V3), (2, ABI::V2), (1, ABI::V1)];
    let enforced = |abi: ABI| {
        let all = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let all = all.handle_access(AccessFs::from_all(abi))?;
        // Earlier versions have neither of these, and asking for nothing is an error.
        let ports = AccessNet::from_all(abi);
        let all = if ports.is_empty() { all } else { all.handle_access(ports)? };
        let scopes = Scope::from_all(abi);
        let all = if scopes.is_empty() { all } else { all.scope(scopes)? };
        all.create()
    };
    versions.into_iter().find(|(_, abi)| enforced(*abi).is_ok()).map(|(version, _)| version)
}

fn limit(resource: Resource, value: u64) -> Result<(), SandboxError> {
    // A lower bound that this process already has stays: it can't be raised, and needn't be.
    let value = rustix::process::getrlimit(resource).maximum.map_or(value, |own| own.min(value));
    let limit = Rlimit { current: Some(value), maximum: Some(value) };
    rustix::process::setrlimit(resource, limit).map_err(SandboxError::Limit)
}

fn restrict_paths_and_ports() -> Result<bool, SandboxError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// `clone3` hides its flags from filters. Told that it doesn't exist, the C library uses `clone`.
fn without_clone3(arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let rules = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let missing = SeccompAction::Errno(errno(libc::ENOSYS));
    SeccompFilter::new(rules, SeccompAction::Allow, missing, arch)?.try_into()
}

/// Allows memory, threads, signals to oneself, clocks, and reading and writing what is open already; before the
/// gate closes also being handed a file, asking for its size, and closing the gate.
fn only_compute(arch: TargetArch, before_gate: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_membarrier,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Answered by the first filter.
        libc::SYS_clone3,
    ]
    .map(|number| (number, vec![]))
    .into();
    // Memory of its own only: what is shared with nobody counts against no limit.
    let (kind, private) = (unsigned(libc::MAP_TYPE), unsigned(libc::MAP_PRIVATE));
    rules.insert(libc::SYS_mmap, vec![argument(3, SeccompCmpOp::MaskedEq(kind), private)?]);
    // What the library makes of reading and writing a socket that is open already; without an address.
    for number in [libc::SYS_recvfrom, libc::SYS_sendto] {
        rules.insert(number, vec![argument(4, SeccompCmpOp::Eq, 0)?]);
    }
    // A thread, never a process.
    let thread = unsigned(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, vec![argument(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Abort itself, never signal others.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![argument(0, SeccompCmpOp::Eq, own)?]);
    // Name a thread, and nothing else that prctl does.
    let mut controls = vec![argument(0, SeccompCmpOp::Eq, unsigned(libc::PR_SET_NAME))?];
    if before_gate {
        rules.extend(
            [libc::SYS_recvmsg, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_seccomp]
                .map(|number| (number, vec![])),
        );
        controls.push(argument(0, SeccompCmpOp::Eq, unsigned(libc::PR_SET_NO_NEW_PRIVS))?);
    }
    rules.insert(libc::SYS_prctl, controls);
    // Read a limit, such as the stack's; a null pointer sets none.
    rules.insert(libc::SYS_prlimit64, vec![argument(2, SeccompCmpOp::Eq, 0)?]);
    let denied = SeccompAction::Errno(errno(libc::EPERM));
    SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?.try_into()
}

fn argument(index: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Qword, op, value)?])
}

fn unsigned(flag: i32) -> u64 {
    flag.unsigned_abs().into()
}

const fn errno(number: i32) -> u32 {
    number.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io, net, process, thread, time::Duration};

    /// Both fences with the gate closed, around the calling thread and those it will start: other tests' threads
    /// stay outside.
    fn fences() -> Result<bool, SandboxError> {
        let landlocked = restrict_paths_and_ports()?;
        let arch: TargetArch = std::env::consts::ARCH.try_into()?;
        seccompiler::apply_filter(&without_clone3(arch)?)?;
        seccompiler::apply_filter(&only_compute(arch, true)?)?;
        seccompiler::apply_filter(&only_compute(arch, false)?)?;
        Ok(landlocked)
    }

    /// Runs something behind fences of its own: they bind the thread that asks for them and its children.
    fn fenced<T: Send + 'static>(fence: fn() -> Result<bool, SandboxError>, inside: fn() -> T) -> (bool, T) {
        thread::spawn(move || (fence().unwrap(), inside())).join().unwrap()
    }

    #[test]
    fn files_network_and_processes_are_out_of_reach() {
        type Attempt = fn() -> io::Result<()>;
        let attempts: [(&str, Attempt); 10] = [
            ("open a file", || fs::read("/etc/passwd").map(drop)),
            ("list a folder", || fs::read_dir("/").map(drop)),
            ("look at a file", || fs::metadata("/etc/passwd").map(drop)),
            ("read the environment", || fs::read("/proc/self/environ").map(drop)),
            ("make a file", || fs::write("/tmp/lilypad-sandbox-test", "")),
            ("connect", || net::TcpStream::connect("127.0.0.1:9").map(drop)),
            ("bind", || net::UdpSocket::bind("127.0.0.1:0").map(drop)),
            ("use a local socket", || std::os::unix::net::UnixDatagram::unbound().map(drop)),
            ("start a program", || process::Command::new("/bin/true").status().map(drop)),
            ("set a limit, even to what it is", || {
                let same = rustix::process::getrlimit(Resource::Nofile);
                Ok(rustix::process::setrlimit(Resource::Nofile, same)?)
            }),
        ];
        for (name, attempt) in attempts {
            let (_, inside) = fenced(fences, attempt);
            let error = inside.expect_err(name);
            assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{name}: {error}");
            // Outside, the same attempt works or fails for a reason of its own.
            let outside = attempt().err().map(|e| e.kind());
            assert_ne!(outside, Some(io::ErrorKind::PermissionDenied), "{name} proves nothing here");
        }
        fs::remove_file("/tmp/lilypad-sandbox-test").unwrap();
    }

    #[test]
    fn signals_to_others_are_out_of_reach() {
        let (_, error) = fenced(fences, || rustix::process::test_kill_process(rustix::process::getpid()));
        assert_eq!(error, Err(rustix::io::Errno::PERM));
    }

    #[test]
    fn memory_shared_with_others_is_out_of_reach() {
        let attempt = || {
            let flags = rustix::fs::MemfdFlags::CLOEXEC;
            rustix::fs::memfd_create("test", flags).map(drop)
        };
        assert_eq!(fenced(fences, attempt).1, Err(rustix::io::Errno::PERM));
        assert_eq!(attempt(), Ok(()));
    }

    #[test]
    fn landlock_alone_closes_paths() {
        let (enforced, error) = fenced(restrict_paths_and_ports, || fs::read("/etc/passwd").err());
        // A kernel without Landlock leaves the matter to seccomp.
        assert_eq!(enforced, error.is_some());
    }

    #[test]
    fn computing_goes_on() {
        let (_, sum) = fenced(fences, || {
            let threads = (0..4_u64).map(|i| {
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(1));
                    let big: Vec<u64> = vec![i; 4 << 20];
                    (big.iter().sum::<u64>(), fs::read("/etc/passwd").is_err())
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let expected: Vec<_> = (0..4_u64).map(|i| (i * (4 << 20), true)).collect();
        assert_eq!(sum, expected);
    }
}
