//! A real engine, a real registry, and an image made of busybox: what all chapters work with.

use lilypad_abi::{Cid, Codec, ContainerLimits, ContainerSpec, Image, Network, Profile};
use lilypad_host::container::{
    ContainerEngine as _, ContainerError, ContainerJob, RunName,
    docker::{DockerExecutor, DockerOptions},
};
use lilypad_runtime::{Execution, Node, unixfs};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Where engine, registry and busybox are.
pub(crate) struct Peers {
    pub(crate) host: String,
    pub(crate) registry: String,
    busybox: PathBuf,
}

/// Has the script make sure of them; a machine where it can't fails every test with its one line.
pub(crate) fn peers() -> &'static Peers {
    static PEERS: OnceLock<Peers> = OnceLock::new();
    PEERS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/docker");
        let output = Command::new(script).arg("--print").output().expect("tests/peers/docker can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "no Docker engine to test with: {}",
            said.trim().lines().last().unwrap_or("")
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.unwrap_or_else(|| panic!("tests/peers/docker prints no {name}")).to_owned()
        };
        Peers {
            host: value("DOCKER_HOST"),
            registry: value("LILYPAD_TEST_REGISTRY"),
            busybox: value("LILYPAD_TEST_BUSYBOX").into(),
        }
    })
}

/// Docker's own client, for what a job's author does: making images.
pub(crate) fn docker(args: &[&str], input: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = Command::new("docker")
        .args(args)
        .env("DOCKER_HOST", &peers().host)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Docker's client, `docker`, is in the path");
    // A client that refuses reads nothing, and then says why.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A root file system: busybox under its usual names, and the program that tries to get out.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
        // Those of processes that are gone.
        for old in fs::read_dir(&all).into_iter().flatten().flatten() {
            if !Path::new("/proc").join(old.file_name()).exists() {
                let _ = fs::remove_dir_all(old.path());
            }
        }
        let root = all.join(std::process::id().to_string());
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        fs::write(root.join("data/file"), "of the image\n").unwrap();
        fs::write(root.join("not-a-program"), "text").unwrap();
        fs::set_permissions(root.join("data"), fs::Permissions::from_mode(0o777)).unwrap();
        fs::copy(&peers().busybox, root.join("bin/busybox")).unwrap();
        let applets = Command::new(&peers().busybox).arg("--list").output().unwrap();
        for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|name| *name != "busybox") {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let probe = root.join("probe");
        let made = Command::new("cc")
            .args(["-static", "-O1", "-o"])
            .args([&probe, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/probe.c")])
            .status();
        assert!(made.is_ok_and(|status| status.success()), "a C compiler, cc, makes the probe");
        fs::copy(&probe, root.join("setuid-probe")).unwrap();
        fs::set_permissions(root.join("setuid-probe"), fs::Permissions::from_mode(0o4755)).unwrap();
        root
    })
}

/// Imports the root file system under a tag, with changes as in a Dockerfile.
pub(crate) fn import(tag: &str, changes: &[&str]) {
    let tar = Command::new("tar")
        .args(["--owner=0", "--group=0", "--mtime=2020-01-01", "--sort=name", "-c", "-C"])
        .args([root().as_os_str(), ".".as_ref()])
        .output()
        .unwrap();
    assert!(tar.status.success());
    let mut args = vec!["import"];
    changes.iter().for_each(|change| args.extend(["--change", change]));
    args.extend(["-", tag]);
    docker(&args, &tar.stdout);
}

/// Says to a copy of this program which image another one has made: a new one would have another digest.
pub(crate) const IMAGE: &str = "LILYPAD_TEST_IMAGE";

/// The test image, in the registry and pinned.
pub(crate) async fn image(docker_executor: &DockerExecutor) -> Image {
    if let Ok(name) = std::env::var(IMAGE) {
        return Image::Registry(name);
    }
    static TAG: OnceLock<String> = OnceLock::new();
    let tag = TAG.get_or_init(|| {
        let tag = format!("{}/lilypad-tests/busybox:1", peers().registry);
        import(&tag, &["ENV PATH=/bin", "CMD [\"/bin/echo\", \"the image's own\"]"]);
        docker(&["push", &tag], b"");
        tag
    });
    docker_executor.pin(tag).await.unwrap()
}

/// One test's executor.
pub(crate) struct Lab {
    pub(crate) docker: DockerExecutor,
    pub(crate) image: Image,
    owner: String,
}

impl Lab {
    pub(crate) fn options(owner: &str) -> DockerOptions {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch").join(owner);
        DockerOptions { host: peers().host.clone(), ..DockerOptions::new(owner, scratch) }
    }

    pub(crate) async fn open(owner: &str) -> Self {
        Self::with(Self::options(owner)).await
    }

    /// What an earlier run of the tests left is removed first.
    pub(crate) async fn with(options: DockerOptions) -> Self {
        let lab = Self::reopen_with(options).await;
        lab.docker.sweep(&BTreeSet::new()).await.unwrap();
        lab
    }

    /// As a process that comes after another one.
    pub(crate) async fn reopen(owner: &str) -> Self {
        Self::reopen_with(Self::options(owner)).await
    }

    pub(crate) async fn reopen_with(options: DockerOptions) -> Self {
        let owner = options.owner.clone();
        let docker = DockerExecutor::connect(options).await.unwrap();
        let image = image(&docker).await;
        Self { docker, image, owner }
    }

    /// A job for busybox's shell, small and quick.
    pub(crate) fn shell(&self, script: &str) -> ContainerSpec {
        ContainerSpec {
            profile: Profile::Container1,
            image: self.image.clone(),
            entrypoint: vec!["/bin/sh".into(), "-c".into()],
            args: vec![script.into()],
            env: BTreeMap::new(),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("outputs".into(), "/outputs".into())]),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits {
                timeout_ms: 60_000,
                memory_bytes_max: 128 << 20,
                disk_bytes_max: 16 << 20,
                output_files_max: 200,
                pids_max: 64,
                ..ContainerLimits::default()
            },
        }
    }

    pub(crate) async fn try_run(&self, name: &str, job: &ContainerJob) -> Result<Execution, ContainerError> {
        self.docker.run(&RunName::new(name).unwrap(), job, None).await
    }

    /// Runs a job, which must have an Outcome, and makes sure that nothing of it is left.
    pub(crate) async fn run(&self, name: &str, spec: ContainerSpec) -> Execution {
        let execution = self.try_run(name, &job(spec)).await.unwrap();
        self.assert_clean(name);
        execution
    }

    /// Neither container nor files nor mounts of a run are left.
    pub(crate) fn assert_clean(&self, name: &str) {
        let of_ours = format!("label=network.lilypad.owner={}", self.owner);
        let left = docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", &of_ours], b"");
        assert!(!left.lines().any(|line| line.ends_with(&format!("-{name}"))), "left: {left}");
        let folder = self.scratch(name);
        assert!(!folder.exists(), "{} is left", folder.display());
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        assert!(!mounts.contains(&format!("{}/", folder.display())), "a mount is left");
    }

    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        Self::options(&self.owner).scratch.join(name)
    }
}

/// A job with its inputs as values.
pub(crate) fn with_inputs(mut spec: ContainerSpec, inputs: &[(&str, Node)]) -> ContainerJob {
    let cid = |node: &Node| match node {
        Node::Folder(folder) => unixfs::folder_cid(folder),
        Node::File(bytes) => unixfs::encode_file(bytes, &mut |_, _| {}),
        Node::Symlink(target) => Cid::of(Codec::Raw, target.as_bytes()),
    };
    spec.inputs = inputs.iter().map(|(path, node)| ((*path).to_owned(), cid(node))).collect();
    let inputs = inputs.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect();
    ContainerJob { spec, image: None, inputs }
}

pub(crate) fn job(spec: ContainerSpec) -> ContainerJob {
    ContainerJob { spec, image: None, inputs: BTreeMap::new() }
}

/// A file of a result as text.
pub(crate) fn text(execution: &Execution, path: &str) -> String {
    let bytes = execution.outputs.file(path).unwrap_or_else(|| panic!("the result has no {path}"));
    String::from_utf8_lossy(bytes).into_owned()
}
