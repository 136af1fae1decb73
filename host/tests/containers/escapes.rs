//! Each way out that a hostile job may try: contained, and what the job sees of it.

use crate::lab::{Lab, docker, import, job, peers, text, with_inputs};
use lilypad_abi::{ContainerLimits, ContainerSpec, Network, Status};
use lilypad_host::container::docker::DockerOptions;
use lilypad_runtime::{Folder, Node};
use std::{fs, net::TcpListener, time::Duration};

fn exited(code: u32) -> Status {
    Status::Exited { code }
}

/// The output of a program that only looks, which must end well.
async fn look(lab: &Lab, name: &str, script: &str) -> String {
    let execution = lab.run(name, lab.shell(script)).await;
    assert_eq!(execution.outcome.status, exited(0), "{}", text(&execution, "stderr"));
    text(&execution, "stdout")
}

#[tokio::test]
async fn nothing_can_be_written_outside_of_outputs_and_tmp() {
    let lab = Lab::open("outside").await;
    let script = "for f in /x /bin/x /data/x /data/file /etc/hosts /etc/resolv.conf /etc/hostname /sys/x /dev/x \
                  /proc/sys/kernel/hostname /proc/self/oom_score_adj/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done; \
                  echo a > /tmp/x && echo b > /outputs/x && echo c > /dev/shm/x && cat /tmp/x /outputs/x /dev/shm/x";
    assert_eq!(look(&lab, "outside", script).await, "a\nb\nc\n");
}

#[tokio::test]
async fn system_calls_and_devices_that_lead_out_are_refused() {
    let lab = Lab::open("calls").await;
    for program in ["/probe", "/setuid-probe"] {
        let spec = ContainerSpec { entrypoint: vec![program.into()], args: Vec::new(), ..lab.shell("") };
        let execution = lab.run("calls", spec).await;
        let said = text(&execution, "stdout");
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("uid: 65532 65532, gid: 65532 65532"), "{program}");
        let rest: Vec<&str> = lines.collect();
        assert_eq!(rest.len(), 24, "{said}");
        for line in rest {
            assert!(!line.ends_with(": done"), "{program}: {line}");
        }
        assert!(said.contains("mknod: EPERM") && said.contains("unshare user: EPERM"), "{said}");
        assert_eq!(execution.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
    }
    // The same binary where nothing keeps it from becoming root: the test above can fail.
    let image = format!("{}/lilypad-tests/busybox:1", peers().registry);
    let free = docker(&["run", "--rm", "--user", "65532:65532", &image, "/setuid-probe"], b"");
    assert!(free.starts_with("uid: 65532 0"), "{free}");
}

#[tokio::test]
async fn a_container_has_no_capabilities_and_a_filter() {
    let lab = Lab::open("status").await;
    let said = look(&lab, "status", "cat /proc/self/status").await;
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[tokio::test]
async fn a_fork_bomb_stays_in_its_box() {
    let lab = Lab::open("fork").await;
    let mut spec = lab.shell("bomb() { bomb | bomb & }; bomb; sleep 2; echo survived");
    spec.limits.pids_max = 32;
    spec.limits.timeout_ms = 10_000;
    let job = job(spec);
    let bomb = lab.try_run("fork", &job);
    let (ended, beside) = tokio::join!(bomb, async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        look(&lab, "beside", "echo fine").await
    });
    assert_eq!(beside, "fine\n");
    // It ended: by itself, or when its time was up.
    ended.unwrap();
    lab.assert_clean("fork");
    // A bound that is not reached is not in the way.
    let mut spec = lab.shell("for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo $?");
    spec.limits.pids_max = 5;
    let execution = lab.run("forks", spec).await;
    assert!(text(&execution, "stderr").contains("can't fork"), "{}", text(&execution, "stderr"));
}

#[tokio::test]
async fn outputs_are_bounded_in_bytes() {
    let lab = Lab::open("bytes").await;
    // Within: all of the limit can be used.
    let fill = lab.shell("head -c 16777216 /dev/zero > /outputs/x && echo fits");
    let execution = lab.run("fits", fill).await;
    assert_eq!(text(&execution, "stdout"), "fits\n", "{}", text(&execution, "stderr"));
    assert_eq!(execution.outputs.file("outputs/x").map(<[u8]>::len), Some(16 << 20));
    // Beyond: no space left, long before the machine's disk has none.
    let spec = lab.shell("dd if=/dev/zero of=/outputs/x bs=1M count=200; rm /outputs/x; echo went on");
    let execution = lab.run("full", spec).await;
    assert!(text(&execution, "stderr").contains("No space left"), "{}", text(&execution, "stderr"));
    assert_eq!((text(&execution, "stdout"), execution.outcome.status), ("went on\n".into(), exited(0)));
    // Left over the limit, in one file or as a hole: not a result.
    for script in ["head -c 16777217 /dev/zero > /outputs/x", "truncate -s 100G /outputs/x"] {
        let execution = lab.run("over", lab.shell(script)).await;
        assert_eq!(execution.outcome.status, exited(153), "{script}");
        assert_eq!(execution.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
    }
}

#[tokio::test]
async fn outputs_are_bounded_in_files() {
    let lab = Lab::open("files").await;
    let make = "i=0; while [ $i -lt $N ]; do : > /outputs/$i || exit 9; i=$((i+1)); done; echo made";
    for (files, code) in [(200, 0), (201, 153), (100_000, 9)] {
        let mut spec = lab.shell(&make.replace("$N", &files.to_string()));
        spec.limits.timeout_ms = 60_000;
        let execution = lab.run("files", spec).await;
        let expected = if code == 9 { exited(153) } else { exited(code) };
        // Out of inodes the program ends with 9, and has left more than it may all the same.
        assert_eq!(execution.outcome.status, expected, "{files}: {}", text(&execution, "stderr"));
    }
}

#[tokio::test]
async fn watched_outputs_are_bounded_too() {
    let lab = Lab::with(DockerOptions { watch_outputs: true, ..Lab::options("watched") }).await;
    assert_eq!(lab.docker.facts().watched_because.as_deref(), Some("asked for"));
    let execution = lab.run("within", lab.shell("echo x > /outputs/x")).await;
    assert_eq!(text(&execution, "outputs/x"), "x\n");
    for script in [
        "head -c 300000000 /dev/zero > /outputs/x; sleep 60",
        "i=0; while [ $i -lt 300 ]; do : > /outputs/$i; i=$((i+1)); done; sleep 60",
    ] {
        let execution = lab.run("beyond", lab.shell(script)).await;
        assert_eq!(execution.outcome.status, exited(153), "{script}");
        assert_eq!(execution.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
    }
}

#[tokio::test]
async fn tmp_is_bounded_and_can_run_programs() {
    let lab = Lab::open("tmp").await;
    let script = "cp /bin/busybox /tmp/ && /tmp/busybox echo runs; dd if=/dev/zero of=/tmp/x bs=1M count=100; \
                  i=0; while touch /tmp/f$i 2>/dev/null; do i=$((i+1)); done; [ $i -lt 300 ] && echo few";
    let execution = lab.run("tmp", lab.shell(script)).await;
    assert_eq!(text(&execution, "stdout"), "runs\nfew\n");
    assert!(text(&execution, "stderr").contains("No space left"), "{}", text(&execution, "stderr"));
}

#[tokio::test]
async fn memory_is_bounded() {
    let lab = Lab::open("memory").await;
    let mut spec = lab.shell("");
    spec.limits.memory_bytes_max = 32 << 20;
    spec.entrypoint = vec!["/bin/awk".into(), "BEGIN { s = \"x\"; while (1) s = s s }".into()];
    spec.args = Vec::new();
    let execution = lab.run("memory", spec).await;
    assert_eq!(execution.outcome.status, exited(137));
}

#[tokio::test]
async fn there_is_no_network_unless_job_and_owner_say_so() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::Write as _;
        listener.incoming().flatten().for_each(|mut stream| drop(stream.write_all(b"reached\n")));
    });
    let gateway =
        docker(&["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"], b"");
    let script = format!(
        "ls /sys/class/net; for a in 127.0.0.1 {gateway} 169.254.169.254; do nc -w 1 $a {port} </dev/null; done; true"
    );
    let lab = Lab::open("no-network").await;
    assert_eq!(look(&lab, "no-network", &script).await, "lo\n");
    let lab = Lab::with(DockerOptions { network: true, ..Lab::options("network") }).await;
    assert_eq!(look(&lab, "still-none", &script).await, "lo\n");
    let execution = lab.run("network", ContainerSpec { network: Network::Full, ..lab.shell(&script) }).await;
    assert!(text(&execution, "stdout").contains("reached"), "{}", text(&execution, "stdout"));
}

#[tokio::test]
async fn nothing_of_the_host_shows() {
    let lab = Lab::open("host").await;
    let script = "env | sort; ls /var/run/docker.sock /run/docker.sock /root /home /.dockerenv/x 2>/dev/null; \
                  cat /proc/1/cmdline | tr '\\0' ' '; echo; ls /proc | grep -c '^[0-9]'; \
                  for m in $(awk '{print $2}' /proc/mounts); do case $m in *docker.sock*|*scratch*) echo $m;; esac; done";
    let said = look(&lab, "host", script).await;
    let first: Vec<&str> = said.lines().take_while(|line| line.contains('=')).collect();
    assert_eq!(first, ["HOME=/tmp", "HOSTNAME=lilypad", "PATH=/bin", "PWD=/", "SHLVL=1"]);
    let rest: Vec<&str> = said.lines().skip(first.len()).collect();
    assert_eq!(rest.len(), 2, "{said}");
    assert!(rest[0].starts_with("/bin/sh -c"), "{said}");
    assert!(rest[1].parse::<u32>().unwrap() < 8, "{said}");
}

#[tokio::test]
async fn links_that_point_out_stay_behind_and_are_not_followed() {
    let lab = Lab::open("links").await;
    let script = "cd /outputs; ln -s /etc/shadow a; ln -s ../../../../../etc/passwd b; ln -s /outputs/real c; \
                  ln -s . d; echo x > real; ln -s real e; mkdir dir; ln -s ../real dir/f; ln -s ../../x dir/g; \
                  mkfifo pipe; printf x > \"$(printf 'n\\377')\"; ln /bin/busybox hard 2>/dev/null; \
                  rmdir /outputs 2>/dev/null; mv /outputs /other 2>/dev/null; true";
    let execution = lab.run("links", lab.shell(script)).await;
    let Some(Node::Folder(folder)) = execution.outputs.at("outputs") else { panic!() };
    assert_eq!(folder.entries.keys().collect::<Vec<_>>(), ["d", "dir", "e", "real"]);
    assert_eq!(folder.at("dir/f"), Some(&Node::Symlink("../real".into())));
    assert_eq!(folder.at("dir/g"), None);
}

#[tokio::test]
async fn inputs_cant_be_written_and_the_hosts_copy_is_not_the_callers() {
    let lab = Lab::open("inputs").await;
    let mut folder = Folder::default();
    folder.insert_file("a", b"as it was\n".to_vec());
    let script = "(echo changed > /in/a) 2>/dev/null || echo refused; (rm -f /in/a) 2>/dev/null; \
                  (: > /in/b) 2>/dev/null || echo refused; (chmod 777 /in/a) 2>/dev/null || echo refused; cat /in/a";
    let job = with_inputs(lab.shell(script), &[("/in", Node::Folder(folder))]);
    let execution = lab.try_run("inputs", &job).await.unwrap();
    assert_eq!(text(&execution, "stdout"), "refused\nrefused\nrefused\nas it was\n");
}

#[tokio::test]
async fn a_flood_of_words_fills_neither_memory_nor_disk() {
    let lab = Lab::open("flood").await;
    let mut spec = lab.shell("yes $(head -c 4000 /dev/zero | tr '\\0' x) | head -n 60000; echo end >&2");
    spec.limits = ContainerLimits { stdout_bytes_max: 1_000, stderr_bytes_max: 1_000, ..spec.limits };
    let job = job(spec);
    let run = lab.try_run("flood", &job);
    let watch = async {
        let mut largest = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let log = docker(&["info", "--format", "{{.DockerRootDir}}"], b"") + "/containers";
            largest = largest.max(container_log_bytes(&log, "lilypad-flood-flood"));
            if largest > 64 << 20 {
                return largest;
            }
        }
    };
    tokio::select! {
        execution = run => {
            let execution = execution.unwrap();
            assert_eq!(text(&execution, "stdout"), "x".repeat(1_000));
            assert_eq!(text(&execution, "stderr"), "end\n");
        }
        bytes = watch => panic!("the engine's log has {bytes} bytes"),
    }
    lab.assert_clean("flood");
}

/// What the engine has written down of a container's words.
fn container_log_bytes(root: &str, name: &str) -> u64 {
    let id = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &format!("name={name}")], b"");
    let Ok(entries) = fs::read_dir(format!("{root}/{id}/local-logs")) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

#[tokio::test]
async fn what_an_image_asks_for_itself_is_overruled() {
    let lab = Lab::open("wishes").await;
    let tag = format!("{}/lilypad-tests/wishes:1", peers().registry);
    import(
        &tag,
        &[
            "ENV PATH=/bin",
            "USER root",
            "VOLUME /data",
            "VOLUME [\"/outputs\", \"/elsewhere\"]",
            "EXPOSE 80",
            "HEALTHCHECK --interval=100ms CMD touch /outputs/healthy",
        ],
    );
    docker(&["push", &tag], b"");
    let image = lab.docker.pin(&tag).await.unwrap();
    let before = docker(&["volume", "ls", "--quiet"], b"");
    let script = "id -u; cat /data/file; for f in /data/x /data/file /elsewhere/x; do (echo x > $f) 2>/dev/null && echo wrote; \
                  done; sleep 1; ls /outputs";
    let execution = lab.run("wishes", ContainerSpec { image, ..lab.shell(script) }).await;
    assert_eq!(text(&execution, "stdout"), "65532\nof the image\n", "{}", text(&execution, "stderr"));
    let after = docker(&["volume", "ls", "--quiet"], b"");
    assert!(after.lines().all(|volume| before.lines().any(|old| old == volume)), "a volume is left: {after}");
}
