//! The three stories of the main job, each from the command line to the books.

use crate::market::{Market, json, stderr};
use lilypad_host::{
    chain::{Chain, Key},
    deal::Settlement,
    devnet::CREATOR,
    report::TOKEN,
};
use std::{fs, path::Path, process::Command, time::Duration};

/// A real folder of text that every Debian has.
const LICENCES: &str = "/usr/share/common-licenses";

/// Accounts of the devnet's second provider and its mediators.
const CHEAT: u32 = 4;
const MEDIATORS: [u32; 3] = [5, 6, 7];

/// Word counts by the system's own tools.
fn counts_by_coreutils(folder: &Path) -> String {
    let script = "cat \"$0\"/* | tr -cs 'A-Za-z' '\\n' | tr 'A-Z' 'a-z' | grep . | sort | uniq -c | awk '{print $1 \"\\t\" $2}' | sort -k1,1nr -k2,2";
    let output = Command::new("sh").args(["-c", script]).arg(folder).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_honest_deal_is_checked_and_paid() {
    let market = Market::shared();
    let out = market.home.join("out-honest");
    let output =
        market.run(&["run", "wordcount", "--input", LICENCES, "--out", out.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!(result["settlement"], "accepted");
    assert_eq!(result["exit_code"], 0);
    let counts = fs::read_to_string(out.join("outputs/counts.tsv")).unwrap();
    assert_eq!(counts, counts_by_coreutils(Path::new(LICENCES)));
    assert_eq!(fs::read_to_string(out.join("exitCode")).unwrap(), "0");

    // The chain holds the very receipt that running the module here gives.
    let deal = result["deal"].as_str().unwrap();
    let audit = market.run(&["audit", deal, "--json"]);
    assert!(audit.status.success(), "{}", stderr(&audit));
    assert_eq!(json(&audit)["own_hash"], result["receipt_hash"]);

    // The provider got the price of the fuel and nobody lost a collateral.
    let shown = json(&market.run(&["deal", "show", deal, "--json"]));
    let payments = shown["payments"].as_array().unwrap();
    let paid = |reason: u64| {
        payments
            .iter()
            .filter(|p| p["reason"] == reason)
            .map(|p| p["amount"].as_str().unwrap().parse::<u64>().unwrap())
            .sum::<u64>()
    };
    let fuel = result["fuel_used"].as_u64().unwrap();
    assert!(fuel > 1_000_000);
    assert_eq!(
        paid(0),
        fuel * (10_000_000_000_000_000 / 1_000_000_000),
        "price of the fuel at 0.01 tokens per gigafuel"
    );
    assert_eq!((paid(5), paid(6)), (0, 0), "nothing compensated or burned");
    assert!(shown["gas"].as_array().unwrap().len() >= 3, "match, submission and settlement are on chain");
    runtime().block_on(market.assert_books_balance());
}

#[test]
fn a_cheat_is_slashed_the_creator_whole_and_the_mediators_paid() {
    let market = Market::shared();
    let runtime = runtime();
    let wealth = |account| runtime.block_on(market.wealth(account));
    // Everyone's mediation counts: other tests' deals may pay the same mediators, so each is compared by this deal.
    let cheat_before = wealth(CHEAT);
    let cheat = Key::dev(CHEAT).unwrap().address().to_string();
    let output = market.run(&["run", "cowsay", "-i", "message=moo", "--provider", &cheat, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!(result["settlement"], "provider_slashed", "{}", stderr(&output));
    assert_eq!(cheat_before - wealth(CHEAT), 20 * TOKEN, "the collateral is gone");

    let deal = result["deal"].as_str().unwrap();
    let shown = json(&market.run(&["deal", "show", deal, "--json"]));
    let text = shown.to_string();
    let creator = Key::dev(CREATOR).unwrap().address();
    let payments: Vec<(String, u64, u128)> = shown["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let amount = p["amount"].as_str().unwrap().parse().unwrap();
            (p["party"].as_str().unwrap().to_lowercase(), p["reason"].as_u64().unwrap(), amount)
        })
        .collect();
    let paid = |party: &str, reason| {
        payments
            .iter()
            .filter(|(to, why, _)| *to == party && *why == reason)
            .map(|(_, _, amount)| amount)
            .sum::<u128>()
    };
    let creator = creator.to_string().to_lowercase();
    // 100 gigafuel at the cheat's 0.012, the solver's 0.05 and three mediators' 0.1 were locked.
    let locked = 1_200 * TOKEN / 1_000 + TOKEN / 20 + 3 * TOKEN / 10;
    assert_eq!(paid(&creator, 3), locked, "the creator has its whole lock back: {text}");
    assert_eq!(paid(&creator, 5), 1_200 * TOKEN / 1_000, "and the price as compensation: {text}");
    for account in MEDIATORS {
        let mediator = Key::dev(account).unwrap().address().to_string().to_lowercase();
        assert_eq!(paid(&mediator, 2), TOKEN / 10, "mediator {account} is paid: {text}");
    }
    let all: u128 = payments.iter().map(|(_, _, amount)| amount).sum();
    assert_eq!(all, locked + 20 * TOKEN, "what was locked was paid out: {text}");
    runtime.block_on(market.assert_books_balance());
}

#[test]
fn a_contract_is_called_back_with_the_verified_answer() {
    let market = Market::shared();
    runtime().block_on(async {
        let operator = Chain::connect(&market.network, Some(Key::dev(0).unwrap())).await.unwrap();
        let client = market.network.examples["cowsay-client"];
        let message = "quotes \" and \\ and {braces} stay a message";
        let (request, _) = operator.ask_client(client, message).await.unwrap();
        let mut answer = String::new();
        for _ in 0..240 {
            answer = operator.client_answer(client, request).await.unwrap();
            if !answer.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        // The same job, run by ourselves, gives the same cow.
        let input = serde_json::json!({ "message": message }).to_string();
        let file = market.home.join("cow-input.json");
        fs::write(&file, input).unwrap();
        let module = crate::market::module("cowsay");
        let own = market.run(&["exec", "--stdin", file.to_str().unwrap(), module.to_str().unwrap()]);
        assert_eq!(answer, String::from_utf8(own.stdout).unwrap());
        let id = operator.deal_of_job_offer(request).await.unwrap().unwrap();
        let deal = operator.find_deal(id).await.unwrap().unwrap();
        let view = operator.deal(&deal).await.unwrap();
        assert_eq!(
            view.settlement,
            Settlement::ProviderUpheld,
            "mediators verified it before it was delivered"
        );
        market.assert_books_balance().await;
    });
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
