//! Killing any one process of the devnet, in the middle of a job, does not lose the job.

use crate::{
    market::{Market, json, stderr},
    stories::runtime,
};
use lilypad_host::chain::Key;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// The cheating provider: its deals go through every phase, mediation included, and touch every process.
const CHEAT: u32 = 4;

fn kill(market: &Market, name: &str) {
    signal(market, name, Signal::KILL);
}

fn signal(market: &Market, name: &str, signal: Signal) {
    let (_, pid) = market
        .pids
        .iter()
        .find(|(process, _)| process == name)
        .unwrap_or_else(|| panic!("no process {name}"));
    kill_process(Pid::from_raw(*pid).unwrap(), signal).unwrap();
}

/// Runs `lilypad run` with these arguments, does `then` with the line in which it says `words`, and gives its end.
fn run_and(market: &Market, args: &[&str], words: &str, then: impl FnOnce(&str)) -> Output {
    let mut job = market
        .lilypad()
        .args(["run", "cowsay", "--json"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut then = Some(then);
    for line in BufReader::new(job.stderr.take().unwrap()).lines().map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains(words)
            && let Some(then) = then.take()
        {
            then(&line);
        }
    }
    assert!(then.is_none(), "it never said '{words}': {said}");
    let mut output = job.wait_with_output().unwrap();
    output.stderr = said.into_bytes();
    output
}

/// A job that is going to be mediated ends as it should although a process is killed when the creator says `words`:
/// the one that `choose` finds in that line.
fn survives(market: &Market, what: &str, words: &str, choose: impl FnOnce(&str) -> String) {
    let cheat = Key::dev(CHEAT).unwrap().address().to_string();
    let message = format!("message=while {what} dies");
    let output = run_and(market, &["-i", &message, "--provider", &cheat], words, |line| {
        kill(market, &choose(line));
    });
    assert_eq!(json(&output)["settlement"], "provider_slashed", "{what}: {}", stderr(&output));
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn every_process_may_die_in_the_middle_of_a_job() {
    let market = Market::start();
    // Each is killed in a phase in which it is needed next, and once: what starts again has another process id.
    let named = |name: &str, words| survives(&market, name, words, |_| name.to_owned());
    named("solver", "is with the solver");
    named("provider-2", "deal 0x");
    named("mediator-3", "ANOTHER result");
    let mut killed = vec!["mediator-3".to_owned()];
    for _ in 0..2 {
        survives(&market, "a drawn mediator", "mediators drawn", |line| {
            // Three are drawn, so one of them has not been killed yet.
            let drawn = line.split_once("mediators drawn: ").unwrap().1.split(", ").map(str::to_owned);
            let chosen = drawn.into_iter().find(|name| !killed.contains(name)).unwrap();
            killed.push(chosen.clone());
            chosen
        });
    }
    named("chain", "mediators drawn");
    // And an honest provider's death while its deal is new.
    let output = run_and(&market, &["-i", "message=still here"], "deal 0x", |_| kill(&market, "provider-1"));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["settlement"], "accepted");
}

#[test]
fn a_replica_may_die_between_its_commitment_and_its_result() {
    let market = Market::start();
    // The other one sleeps, so that nothing is revealed before.
    signal(&market, "provider-2", Signal::STOP);
    let args = ["-i", "message=once more", "--replicas", "2"];
    // What it committed to is in its journal, and the salt that opens it is made from its key.
    let output = run_and(&market, &args, "provider-1: committed", |_| {
        kill(&market, "provider-1");
        signal(&market, "provider-2", Signal::CONT);
    });
    let result = json(&output);
    assert_eq!(result["settlement"], "audit_passed", "{}", stderr(&output));
    let honest = Key::dev(3).unwrap().address().to_string().to_lowercase();
    let replicas = result["replicas"].as_array().unwrap();
    assert!(replicas.iter().any(|r| r["provider"] == honest.as_str() && r["deal"] == result["deal"]));
    runtime().block_on(market.assert_books_balance());
}

/// Ten ports in a row that nobody uses now.
fn free_ports() -> u16 {
    (20_000..60_000)
        .step_by(16)
        .find(|first| (0..10).all(|i| TcpListener::bind(("127.0.0.1", first + i)).is_ok()))
        .unwrap()
}

#[test]
fn the_whole_devnet_may_die_in_the_middle_of_a_job_and_come_back() {
    let market = Market::start_in(Arc::new(tempfile::tempdir().unwrap()), free_ports());
    let mut again = None;
    let output = thread::scope(|scope| {
        let (killed, is_killed) = mpsc::channel();
        let market = &market;
        let job = scope.spawn(move || {
            run_and(market, &["-i", "message=lights out"], "is with the solver", |_| {
                // The parent of all: the kernel ends its children with it.
                kill(market, "devnet");
                killed.send(()).unwrap();
            })
        });
        is_killed.recv().unwrap();
        thread::sleep(Duration::from_secs(2));
        again = Some(market.start_again());
        job.join().unwrap()
    });
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["settlement"], "accepted", "{}", stderr(&output));
    runtime().block_on(again.unwrap().assert_books_balance());
}
