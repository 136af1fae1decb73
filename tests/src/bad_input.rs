//! Bad input: one clear error that says what to do, exit code 1 or 2, and nothing spent.

use crate::{
    market::{Market, program, stderr},
    stories::runtime,
};
use lilypad_host::devnet::CREATOR;
use std::{net::TcpListener, process::Command};

/// An account that nobody ever funded.
const PENNILESS: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

/// An address; whose doesn't matter.
const SOMEBODY: &str = "0x1111111111111111111111111111111111111111";

fn refused(mut command: Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("error: ")).count(), 1, "one error: {said}");
    for word in words {
        assert!(said.contains(word), "'{word}' is missing in: {said}");
    }
    assert!(output.stdout.is_empty(), "stdout is for results");
}

#[test]
fn nothing_is_spent_on_a_bad_job() {
    let market = Market::shared();
    let wealth = || runtime().block_on(market.wealth(CREATOR));
    let forbidden = market.home.join("forbidden.wasm");
    let text =
        r#"(module (import "env" "shell" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    std::fs::write(&forbidden, wat::parse_str(text).unwrap()).unwrap();
    let full = market.home.join("full");
    std::fs::create_dir_all(full.join("something")).unwrap();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["run", "nosuch"], 2, &["no module 'nosuch'", "cowsay", "wordcount"]),
        (&["run", "./missing.wasm"], 2, &["missing.wasm", "can't be read"]),
        (&["run", forbidden.to_str().unwrap()], 2, &["env", "nothing was spent"]),
        (&["run", "wordcount", "--input", "/no/such/folder"], 2, &["/no/such/folder"]),
        (&["run", "cowsay", "-i", "message"], 2, &["KEY=VALUE"]),
        (&["run", "cowsay", "--out", full.to_str().unwrap()], 2, &["not empty"]),
        (&["run", "cowsay", "--price-max", "cheap"], 2, &["cheap"]),
        (&["run", "cowsay", "--fuel", "18446744073709551615"], 2, &["fuel_limit"]),
        (&["run", "cowsay", "--replicas", "8"], 2, &["--replicas", "8"]),
        (&["run", "cowsay", "--replicas", "2", "--provider", SOMEBODY], 2, &["--provider", "cannot be used"]),
        (&["deal", "show", "zz"], 2, &["lilypad deal list"]),
        (&["deal", "show", "0xffffffff"], 2, &["no deal"]),
        (&["audit", "0xffffffff"], 2, &["no deal"]),
        (&["exec", "missing.wasm"], 2, &["missing.wasm"]),
        (&["exec", forbidden.to_str().unwrap()], 2, &["env"]),
        (&["exec", "--dir", "nonsense", forbidden.to_str().unwrap()], 2, &["nonsense"]),
        (&["exec", "--dir", "..", forbidden.to_str().unwrap()], 2, &["..::/in"]),
        (&["run", "cowsay", "--network", "mars"], 2, &["mars", "lilypad devnet"]),
    ];
    let before = wealth();
    for (args, code, words) in cases {
        let mut command = market.lilypad();
        command.args(*args);
        refused(command, *code, words);
    }
    let mut command = market.lilypad();
    command.args(["run", "cowsay", "-i", "message=hi"]).env("LILYPAD_PRIVATE_KEY", PENNILESS);
    refused(command, 1, &["0 LP", "needs", "nothing was spent"]);
    let mut command = market.lilypad();
    command.args(["run", "cowsay", "-i", "message=hi"]).env("LILYPAD_PRIVATE_KEY", "not a key");
    refused(command, 2, &["LILYPAD_PRIVATE_KEY", "64 hex digits"]);
    let mut command = market.lilypad();
    command.args(["run", "cowsay", "-i", "message=hi"]).env("LILYPAD_RPC_URL", "http://127.0.0.1:9");
    refused(command, 1, &["does not answer", "127.0.0.1:9"]);
    assert_eq!(wealth(), before, "nothing was spent");
}

#[test]
fn an_offer_that_nobody_can_take_costs_nothing() {
    let market = Market::shared();
    let wealth = || runtime().block_on(market.wealth(CREATOR));
    let before = wealth();
    let output = market.run(&["run", "cowsay", "-i", "message=cheap", "--price-max", "0.001", "--wait", "4"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    // Either the offer runs out here, or the solver says first that it has.
    let unspent = said.contains("nothing was spent") || said.contains("no tokens were spent");
    assert!(said.contains("--price-max") && unspent, "{said}");
    assert_eq!(wealth(), before);
}

#[test]
fn a_wrong_chain_is_noticed() {
    let market = Market::shared();
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let anvil = crate::market::root().join("contracts/node_modules/.foundry/anvil");
    let mut other = Command::new(anvil)
        .args(["--port", &port.to_string(), "--chain-id", "4242", "--silent"])
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let mut command = market.lilypad();
    command
        .args(["run", "cowsay", "-i", "message=hi"])
        .env("LILYPAD_RPC_URL", format!("http://127.0.0.1:{port}"));
    refused(command, 1, &["wrong network", "4242", "31337"]);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("lilypad"));
    command
        .args(["devnet", "--port", &port.to_string()])
        .env("LILYPAD_HOME", home.path())
        .env("LILYPAD_ROOT", crate::market::root());
    refused(command, 1, &[&format!("port {port} is taken"), "--port"]);
}
