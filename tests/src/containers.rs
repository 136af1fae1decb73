//! Containers on the market: bought, repeated by mediators, paid for; and what happens to those who cheat or vary.
//!
//! With a real Docker engine and a real registry. What a container may and may not do is tested in `host/tests`.

use crate::{
    market::{Market, json, program, root, stderr},
    stories::{paid, party, runtime},
};
use lilypad_host::report::TOKEN;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

/// Accounts of the devnet's providers, of which the second cheats.
const PROVIDER: u32 = 3;
const CHEAT: u32 = 4;

/// What `tests/peers/docker` says to export, and the image that the tests use.
struct Peers {
    env: BTreeMap<String, String>,
    busybox: String,
}

fn peers() -> &'static Peers {
    static PEERS: OnceLock<Peers> = OnceLock::new();
    PEERS.get_or_init(|| {
        let said = script(&["tests/peers/docker", "--print"], &BTreeMap::new());
        let env: BTreeMap<String, String> = said
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let busybox = script(&["tests/peers/busybox-image"], &env).trim().to_owned();
        Peers { env, busybox }
    })
}

fn script(words: &[&str], env: &BTreeMap<String, String>) -> String {
    let output = Command::new(root().join(words[0])).args(&words[1..]).envs(env).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A devnet whose providers and mediators run containers; the second provider cheats.
fn market() -> &'static Market {
    static SHARED: OnceLock<Market> = OnceLock::new();
    SHARED.get_or_init(|| {
        let market = start();
        // The tests are one creator at once, and each would count on what is free for its own job.
        let deposited = market.run(&["deposit", "100"]);
        assert!(deposited.status.success(), "{}", stderr(&deposited));
        market
    })
}

fn start() -> Market {
    start_on("docker")
}

fn start_on(engine: &str) -> Market {
    Market::start_with(Arc::new(tempfile::tempdir().unwrap()), 0, &["--containers", engine], &peers().env)
}

fn lilypad(market: &Market, args: &[&str]) -> Output {
    market.lilypad().args(args).envs(&peers().env).output().unwrap()
}

/// `lilypad run` of a shell script in the busybox image.
fn run(market: &Market, options: &[&str], script: &str) -> Output {
    let mut args = vec!["run", "--image", &peers().busybox, "--json", "--timeout", "60"];
    args.extend(options);
    args.extend(["--", "/bin/sh", "-c", script]);
    lilypad(market, &args)
}

fn show(market: &Market, result: &Value) -> Value {
    json(&lilypad(market, &["deal", "show", result["deal"].as_str().unwrap(), "--json"]))
}

#[test]
fn a_container_is_bought_checked_and_paid_by_the_second() {
    let market = market();
    let input = tempfile::tempdir().unwrap();
    fs::write(input.path().join("a.txt"), "b\na\n").unwrap();
    let out = market.home.join("out-container");
    let options = ["--input", input.path().to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = run(market, &options, "sort /inputs/a.txt | tee /outputs/sorted; echo done >&2; exit 3");
    // The container's own exit code is no failure of the deal.
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!(result["settlement"], "accepted", "{}", stderr(&output));
    assert_eq!(result["verification"], "repeated");
    assert_eq!(result["exit_code"], 3);
    let read = |path: &str| fs::read_to_string(out.join(path)).unwrap();
    assert_eq!(read("outputs/sorted"), "a\nb\n");
    assert_eq!(
        (read("stdout"), read("stderr"), read("exitCode")),
        ("a\nb\n".into(), "done\n".into(), "3".into())
    );

    // It ran for a moment on one core and was paid for that moment, rounded up.
    let shown = show(market, &result);
    assert_eq!(shown["rules"]["verification"], "repeated");
    assert_eq!(shown["rules"]["meter"], "core_nanoseconds");
    let nanoseconds = u128::from(result["fuel_used"].as_u64().unwrap());
    assert!((1_000_000..30_000_000_000).contains(&nanoseconds), "{nanoseconds}");
    let price = TOKEN / 10_000;
    assert_eq!(paid(&shown, &party(PROVIDER), "fuel"), (nanoseconds * price).div_ceil(1_000_000_000));
    assert_eq!(paid(&shown, "", "compensation") + paid(&shown, "", "penalty"), 0, "nobody lost anything");

    // Anyone can run it again from its public data.
    let audit = lilypad(market, &["audit", result["deal"].as_str().unwrap(), "--json"]);
    assert!(audit.status.success(), "{}", stderr(&audit));
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn a_provider_that_returns_another_output_is_slashed_by_repeated_runs() {
    let market = market();
    let cheat = lilypad_host::chain::Key::dev(CHEAT).unwrap().address().to_string();
    let output = run(market, &["--provider", &cheat], "echo honest > /outputs/a");
    let result = json(&output);
    assert_eq!(result["settlement"], "provider_slashed", "{}", stderr(&output));
    let shown = show(market, &result);
    // 60 s at 0.00012, as much again as penalty, the solver's 0.05 and three mediators' 0.1.
    let price = 60 * 12 * TOKEN / 100_000;
    let deposit = 2 * price + TOKEN / 20 + 3 * TOKEN / 10;
    let creator = party(lilypad_host::devnet::CREATOR);
    assert_eq!(paid(&shown, &creator, "deposit_back"), deposit, "{shown}");
    assert_eq!(paid(&shown, &creator, "compensation"), price, "{shown}");
    assert_eq!(paid(&shown, "", "mediator_fee"), 3 * TOKEN / 10, "{shown}");
    assert_eq!(paid(&shown, "", ""), 2 * deposit, "what was locked was paid out: {shown}");
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn a_container_that_prints_the_time_is_its_creators_fault() {
    let market = market();
    // The provider is honest and named, the creator takes its word, and an audit is certain.
    let honest = lilypad_host::chain::Key::dev(PROVIDER).unwrap().address().to_string();
    let options = ["--provider", &honest, "--check", "trust", "--audit-bps", "10000"];
    let output = run(market, &options, "cat /proc/uptime /proc/sys/kernel/random/uuid > /outputs/now");
    let result = json(&output);
    assert_eq!(result["settlement"], "job_varied", "{}", stderr(&output));
    let shown = show(market, &result);
    assert!(paid(&shown, &party(PROVIDER), "fuel") > 0, "the provider is paid: {shown}");
    let price = 60 * TOKEN / 10_000;
    assert_eq!(paid(&shown, "", "penalty"), price, "the creator's penalty burned: {shown}");
    assert_eq!(paid(&shown, "", "mediator_fee"), 3 * TOKEN / 10, "{shown}");
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn a_creator_whose_own_runs_differ_pays_rather_than_accuse() {
    let market = market();
    let honest = lilypad_host::chain::Key::dev(PROVIDER).unwrap().address().to_string();
    let output = run(market, &["--provider", &honest], "cat /proc/sys/kernel/random/uuid");
    assert_eq!(json(&output)["settlement"], "accepted", "{}", stderr(&output));
    assert!(stderr(&output).contains("another result each time"), "{}", stderr(&output));
}

#[test]
fn an_unverified_job_says_so_from_offer_to_result() {
    let market = market();
    let cheat = lilypad_host::chain::Key::dev(CHEAT).unwrap().address().to_string();
    // Even a provider that makes its results up is paid: that is what unverified means.
    let output = run(market, &["--provider", &cheat, "--verify", "unverified"], "echo real");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("UNVERIFIED"), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!((&result["settlement"], &result["verification"]), (&"accepted".into(), &"unverified".into()));
    let text = lilypad(market, &["deal", "show", result["deal"].as_str().unwrap()]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("UNVERIFIED"), "{text:?}");
    let shown = show(market, &result);
    assert_eq!(paid(&shown, "", "mediator_fee"), 0, "nobody else is in it: {shown}");
    // And it can't be had with what it hasn't got.
    let output = run(market, &["--verify", "unverified", "--replicas", "2"], "true");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn an_image_travels_as_content_where_no_registry_is_reached() {
    let market = market();
    let output = run(market, &["--image-as-content"], "echo carried");
    assert!(output.status.success(), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!(result["settlement"], "accepted");
    let out = market.home.join(result["out"].as_str().unwrap());
    assert_eq!(fs::read_to_string(out.join("stdout")).unwrap(), "carried\n");
}

#[test]
fn a_provider_killed_while_its_container_runs_goes_on_with_it() {
    let market = start();
    let honest = lilypad_host::chain::Key::dev(PROVIDER).unwrap().address().to_string();
    // The container says which one it is: a second one would say something else.
    let script = "cat /proc/sys/kernel/random/uuid; sleep 6; echo end";
    let mut job = market
        .lilypad()
        .envs(&peers().env)
        .args(["run", "--image", &peers().busybox, "--json", "--timeout", "60", "--provider", &honest])
        .args(["--check", "trust", "--audit-bps", "0", "--", "/bin/sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut uuid_while_running = String::new();
    for line in BufReader::new(job.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains("deal 0x") && uuid_while_running.is_empty() {
            uuid_while_running = first_words_of_the_running_container();
            let (_, pid) = market.pids.iter().find(|(name, _)| name == "provider-1").unwrap();
            kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL).unwrap();
        }
    }
    let output = job.wait_with_output().unwrap();
    let result = json(&output);
    assert_eq!(result["settlement"], "accepted");
    let out = market.home.join(result["out"].as_str().unwrap());
    let stdout = fs::read_to_string(out.join("stdout")).unwrap();
    assert_eq!(
        stdout,
        format!("{uuid_while_running}\nend\n"),
        "the container that ran when its host was killed"
    );
    let left =
        |id: &&str| docker(&["inspect", "--format", "{{json .Args}}", id]).contains("sleep 6; echo end");
    let is_gone = || docker(&["ps", "--all", "--quiet"]).lines().find(left).is_none();
    // The provider removes it when it sees that the deal has ended.
    let gone = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(100));
        is_gone()
    });
    assert!(gone, "the container is gone");
    runtime().block_on(market.assert_books_balance());
}

/// What the one container that prints a UUID has said, as soon as it has.
fn first_words_of_the_running_container() -> String {
    for _ in 0..200 {
        for id in docker(&["ps", "--quiet", "--no-trunc"]).lines() {
            let args = docker(&["inspect", "--format", "{{json .Args}}", id]);
            if args.contains("sleep 6; echo end") {
                let said = docker(&["logs", id]);
                if said.lines().next().is_some_and(|line| line.len() == 36) {
                    return said.trim().to_owned();
                }
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the container never ran");
}

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).envs(&peers().env).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A document in a file, run with these options besides.
fn run_document(market: &Market, text: &str, options: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let mut args = vec!["run", "--bacalhau", file.path().to_str().unwrap(), "--json"];
    args.extend(options);
    lilypad(market, &args)
}

fn outputs(market: &Market, output: &Output, path: &str) -> String {
    let result = json(output);
    assert_eq!(result["settlement"], "accepted", "{}", stderr(output));
    let out = market.home.join(result["out"].as_str().unwrap());
    fs::read_to_string(out.join(path)).unwrap()
}

#[test]
fn bacalhau_documents_of_both_versions_are_run_as_deals() {
    let market = market();
    let image = format!("{}/lilypad/busybox:1", peers().env["LILYPAD_TEST_REGISTRY"]);
    // The keys' cases are Go's business, and its own samples mix them.
    let v1 = format!(
        "{{\"apiversion\": \"v1beta1\", \"spec\": {{\"engine\": \"docker\", \"Verifier\": \"Noop\", \
          \"docker\": {{\"image\": \"{image}\", \"entrypoint\": [\"/bin/sh\", \"-c\", \"echo $WHO\"], \
          \"EnvironmentVariables\": [\"WHO=one\"]}}, \"Timeout\": 60, \"Deal\": {{\"Concurrency\": 1}}}}}}"
    );
    let output = run_document(market, &v1, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(outputs(market, &output, "stdout"), "one\n");

    let v2 = format!(
        "Name: two\nType: batch\nCount: 1\nTasks:\n- Name: main\n  Engine:\n    Type: docker\n    Params:\n      Image: \
         {image}\n      Entrypoint: [/bin/sh, -c]\n      Parameters: [\"sort /inputs/a > /results/b\"]\n  InputSources:\n  \
         - Target: /inputs/a\n    Source: {{Type: inline, Params: {{URL: \"data:;base64,YgphCg==\"}}}}\n  ResultPaths: \
         [{{Name: results, Path: /results}}]\n  Resources: {{CPU: 500m, Memory: 64mb, Disk: 16mb}}\n  Timeouts: \
         {{ExecutionTimeout: 60}}\n"
    );
    let output = run_document(market, &v2, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(outputs(market, &output, "results/b"), "a\nb\n");

    // A module goes to the deterministic runtime, and its deal is bit-exact.
    let module = crate::market::module("wordcount");
    let wasm = format!(
        "Name: words\nType: batch\nCount: 1\nTasks:\n- Name: main\n  Engine:\n    Type: wasm\n    Params: {{EntryModule: \
         /words.wasm}}\n  InputSources:\n  - Target: /words.wasm\n    Source: {{Type: localDirectory, Params: {{SourcePath: \
         {}}}}}\n  - Target: /in/a.txt\n    Source: {{Type: inline, Params: {{URL: \"data:,b%20a%20b\"}}}}\n",
        module.display()
    );
    // A document may be a stranger's: it reads no file of ours that we don't name.
    let output = run_document(market, &wasm, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--allow-local"), "{}", stderr(&output));
    let output = run_document(market, &wasm, &["--allow-local", module.to_str().unwrap()]);
    assert_eq!(json(&output)["verification"], "bit_exact", "{}", stderr(&output));
    assert_eq!(outputs(market, &output, "outputs/counts.tsv"), "2\tb\n1\ta\n");

    // What can't be done is named, all of it, and nothing is spent.
    let bad = v2.replace("Type: inline", "Type: s3").replace("Type: batch", "Type: daemon");
    let output = run_document(market, &bad, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for words in ["Type", "daemon", "Tasks[0].InputSources[0].Source", "s3"] {
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
    }
}

#[test]
fn a_lilypad_module_is_run_from_its_folder_and_its_commit() {
    let market = market();
    let image = format!("{}/lilypad/busybox:1", peers().env["LILYPAD_TEST_REGISTRY"]);
    let folder = tempfile::tempdir().unwrap();
    let template = format!(
        "{{\"machine\": {{\"gpu\": 0, \"cpu\": 1000, \"ram\": 100}}, \"job\": {{\"APIVersion\": \"V1beta1\", \"Spec\": \
          {{\"Deal\": {{\"Concurrency\": 1}}, \"Docker\": {{\"Entrypoint\": [\"/bin/echo\", {{{{ .Message }}}}], \
          \"Image\": \"{image}\"}}, \"Engine\": \"Docker\", \"Network\": {{\"Type\": \"None\"}}, \"PublisherSpec\": \
          {{\"Type\": \"IPFS\"}}, \"Timeout\": 60}}}}}}"
    );
    fs::write(folder.path().join("lilypad_module.json.tmpl"), template).unwrap();
    let place = folder.path().to_str().unwrap();
    let output = lilypad(market, &["run", "--module-path", place, "-i", "Message=Hi \"there\"", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(outputs(market, &output, "stdout"), "Hi \"there\"\n");

    // An input that the module needs and nobody gives is named.
    let output = lilypad(market, &["run", "--module-path", place]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("Message"), "{}", stderr(&output));
}

#[test]
fn the_inference_image_tells_digits_on_the_market() {
    let market = market();
    let digits = root().join("modules/containers/digits");
    let name = format!("{}/lilypad/digits:cpu", peers().env["LILYPAD_TEST_REGISTRY"]);
    let pinned = script(&["modules/containers/digits/build", "--push", &name], &peers().env);
    let samples = digits.join("samples");
    let args = ["run", "--image", pinned.trim(), "--input", samples.to_str().unwrap(), "--memory", "512MiB"];
    let output = lilypad(market, &[&args[..], &["--timeout", "120", "--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let predictions: Value =
        serde_json::from_str(&outputs(market, &output, "outputs/predictions.json")).unwrap();
    let answers: Value = serde_json::from_slice(&fs::read(digits.join("answers.json")).unwrap()).unwrap();
    let found = predictions["predictions"].as_array().unwrap();
    let answers = answers.as_object().unwrap();
    assert_eq!(found.len(), answers.len());
    for prediction in found {
        let right = &answers[prediction["file"].as_str().unwrap()];
        // Those of integer arithmetic. Not all digits are right: the model takes one of the twenty for another.
        assert_eq!(prediction["scores"], right["scores"], "{prediction}");
    }
}

#[test]
fn a_provider_on_a_bacalhau_cluster_is_paid_although_a_node_dies() {
    let mut cluster = crate::cluster::Cluster::start(&peers().env);
    let market = start_on(&cluster.url);
    let honest = lilypad_host::chain::Key::dev(PROVIDER).unwrap().address().to_string();
    // Checked by this creator's own Docker engine: a cluster and an engine give the same result.
    let output =
        run(&market, &["--provider", &honest, "--cpus", "0.2", "--memory", "64MiB"], "echo on a cluster");
    assert_eq!(outputs(&market, &output, "stdout"), "on a cluster\n");

    let mut job = market
        .lilypad()
        .envs(&peers().env)
        .args(["run", "--image", &peers().busybox, "--json", "--timeout", "60", "--provider", &honest])
        .args(["--cpus", "0.2", "--memory", "64MiB", "--", "/bin/sh", "-c", "sleep 6; echo survived"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut killed = None;
    for line in BufReader::new(job.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains("deal 0x") && killed.is_none() {
            killed = Some(cluster.kill_the_node_that_runs_something());
        }
    }
    let output = job.wait_with_output().unwrap();
    assert!(killed.is_some(), "a node was killed");
    assert_eq!(outputs(&market, &output, "stdout"), "survived\n");
    let shown = show(&market, &json(&output));
    assert!(paid(&shown, &party(PROVIDER), "fuel") > 0, "{shown}");
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn a_creator_without_an_engine_is_told_what_to_do() {
    let market = market();
    let output = Command::new(program("lilypad"))
        .env("LILYPAD_HOME", &market.home)
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .args(["run", "--image", &peers().busybox, "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--check trust"), "{}", stderr(&output));
}
