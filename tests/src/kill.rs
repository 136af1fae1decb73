//! Killing any one process of the devnet, in the middle of a job, does not lose the job.

use crate::{
    market::{Market, json, stderr},
    stories::runtime,
};
use lilypad_host::chain::Key;
use rustix::process::{Pid, Signal, kill_process};
use std::{process::Stdio, thread, time::Duration};

/// The cheating provider: its deals go through every phase, mediation included, and touch every process.
const CHEAT: u32 = 4;

fn kill(market: &Market, name: &str) {
    let (_, pid) = market
        .pids
        .iter()
        .find(|(process, _)| process == name)
        .unwrap_or_else(|| panic!("no process {name}"));
    kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL).unwrap();
}

/// Starts a job that is going to be mediated, kills `name` after a while, and expects the job to end as it should.
fn survives(market: &Market, name: &str, after: Duration) {
    let cheat = Key::dev(CHEAT).unwrap().address().to_string();
    let message = format!("message=while {name} dies");
    let job = market
        .lilypad()
        .args(["run", "cowsay", "-i", &message, "--provider", &cheat, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(after);
    kill(market, name);
    let output = job.wait_with_output().unwrap();
    assert_eq!(json(&output)["settlement"], "provider_slashed", "{name}: {}", stderr(&output));
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn every_process_may_die_in_the_middle_of_a_job() {
    let market = Market::start();
    // The deal takes about five seconds; each process is killed in a phase in which it is needed.
    survives(&market, "solver", Duration::from_millis(100));
    survives(&market, "provider-2", Duration::from_millis(700));
    survives(&market, "mediator-1", Duration::from_millis(2_000));
    survives(&market, "mediator-2", Duration::from_millis(2_500));
    survives(&market, "mediator-3", Duration::from_millis(3_000));
    survives(&market, "chain", Duration::from_millis(2_500));
    // And an honest job afterwards, with everything restarted once.
    kill(&market, "provider-1");
    let output = market.run(&["run", "cowsay", "-i", "message=still here", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["settlement"], "accepted");
}
