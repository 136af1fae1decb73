//! The three stories of the main job, each from the command line to the books.

use crate::market::{Market, json, stderr};
use lilypad_host::{
    chain::{Chain, Key},
    deal::Settlement,
    devnet::CREATOR,
    report::TOKEN,
};
use serde_json::Value;
use std::{fs, path::Path, process::Command, time::Duration};

/// A real folder of text that every Debian has.
const LICENCES: &str = "/usr/share/common-licenses";

/// Accounts of the devnet's providers, of which the second cheats, and of its mediators.
const PROVIDER: u32 = 3;
const CHEAT: u32 = 4;
const MEDIATORS: [u32; 5] = [5, 6, 7, 8, 9];

/// An account as JSON has it.
pub(crate) fn party(account: u32) -> String {
    Key::dev(account).unwrap().address().to_string().to_lowercase()
}

/// What a deal's payments come to: to `to`, for `purpose`; to anybody for an empty `to`.
pub(crate) fn paid(shown: &Value, to: &str, purpose: &str) -> u128 {
    let payments = shown["payments"].as_array().unwrap().iter();
    payments
        .filter(|p| to.is_empty() || p["to"].as_str().unwrap().to_lowercase() == to)
        .filter(|p| purpose.is_empty() || p["purpose"] == purpose)
        .map(|p| p["amount"].as_str().unwrap().parse::<u128>().unwrap())
        .sum()
}

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
    let fuel = result["fuel_used"].as_u64().unwrap();
    assert!(fuel > 1_000_000);
    assert_eq!(
        paid(&shown, &party(PROVIDER), "fuel"),
        u128::from(fuel) * (10_000_000_000_000_000 / 1_000_000_000),
        "price of the fuel at 0.01 tokens per gigafuel"
    );
    assert_eq!(paid(&shown, "", "compensation") + paid(&shown, "", "penalty"), 0, "nobody lost anything");
    // Both sides locked the price of the whole limit, as much again as penalty, and all fees.
    let deposit = 2 * 100 * TOKEN / 100 + TOKEN / 20 + 3 * TOKEN / 10;
    assert_eq!(paid(&shown, "", ""), 2 * deposit, "what was locked was paid out");
    assert_eq!(paid(&shown, &party(PROVIDER), "deposit_back"), deposit);
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
    // 100 gigafuel at the cheat's 0.012, as much again as penalty, the solver's 0.05 and three mediators' 0.1.
    let price = 1_200 * TOKEN / 1_000;
    let deposit = 2 * price + TOKEN / 20 + 3 * TOKEN / 10;
    assert_eq!(cheat_before - wealth(CHEAT), deposit, "the deposit is gone");

    let deal = result["deal"].as_str().unwrap();
    let shown = json(&market.run(&["deal", "show", deal, "--json"]));
    let creator = party(CREATOR);
    assert_eq!(paid(&shown, &creator, "deposit_back"), deposit, "the creator has its deposit back: {shown}");
    assert_eq!(paid(&shown, &creator, "compensation"), price, "and the price as compensation: {shown}");
    let fees: Vec<u128> = MEDIATORS.map(|account| paid(&shown, &party(account), "mediator_fee")).to_vec();
    assert!(fees.iter().all(|fee| [0, TOKEN / 10].contains(fee)), "a fee for a mediator: {shown}");
    assert_eq!(fees.iter().sum::<u128>(), 3 * TOKEN / 10, "the three that were drawn are paid: {shown}");
    assert_eq!(paid(&shown, "", "penalty"), deposit - price - TOKEN / 20 - 3 * TOKEN / 10, "the rest burned");
    assert_eq!(paid(&shown, "", ""), 2 * deposit, "what was locked was paid out: {shown}");
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
        let deals = operator.deals_of_job_offer(request).await.unwrap();
        let deal = &deals[0];
        let view = operator.deal(deal).await.unwrap();
        assert_eq!(view.settlement, Settlement::AuditPassed, "mediators verified it before it was delivered");
        market.assert_books_balance().await;
    });
}

#[test]
fn of_two_replicas_the_one_that_cheats_is_slashed_and_the_other_paid() {
    // A market of its own: what both providers have must change by these deals only.
    let market = Market::start();
    let runtime = runtime();
    let before = runtime.block_on(market.wealth(CHEAT));
    let output = market.run(&["run", "cowsay", "-i", "message=twice", "--replicas", "2", "--json"]);
    assert!(output.status.success(), "one result stands: {}", stderr(&output));
    let result = json(&output);
    assert_eq!(result["settlement"], "audit_passed", "{}", stderr(&output));
    let replicas = result["replicas"].as_array().unwrap();
    assert_eq!(replicas.len(), 2);
    let of = |account| {
        let provider = party(account);
        let mut found =
            replicas.iter().filter(|r| r["provider"].as_str().unwrap().to_lowercase() == provider);
        found.next().unwrap()
    };
    assert_eq!(of(PROVIDER)["settlement"], "audit_passed");
    assert_eq!(of(CHEAT)["settlement"], "provider_slashed");
    assert_ne!(of(PROVIDER)["receipt_hash"], of(CHEAT)["receipt_hash"]);
    assert_eq!(result["deal"], of(PROVIDER)["deal"], "the files are those of the result that stands");
    let out = result["out"].as_str().unwrap();
    let cow = fs::read_to_string(market.home.join(out).join("stdout")).unwrap();
    assert!(cow.contains("twice"), "{cow}");

    let show =
        |account| json(&market.run(&["deal", "show", of(account)["deal"].as_str().unwrap(), "--json"]));
    let (honest, slashed) = (show(PROVIDER), show(CHEAT));
    assert!(paid(&honest, &party(PROVIDER), "fuel") > 0, "the honest one is paid: {honest}");
    let price = 1_200 * TOKEN / 1_000;
    let fees = 3 * TOKEN / 10;
    let deposit = 2 * price + TOKEN / 20 + fees;
    assert_eq!(before - runtime.block_on(market.wealth(CHEAT)), deposit, "the cheat's deposit is gone");
    // The creator is whole: whichever of the two deals was mediated, the cheat paid the mediators in the end.
    let mediators_paid: u128 = [&honest, &slashed].map(|shown| paid(shown, "", "mediator_fee")).iter().sum();
    assert_eq!(mediators_paid, fees, "one mediation for both: {honest} {slashed}");
    let by_creator = paid(&honest, "", "mediator_fee");
    assert_eq!(paid(&slashed, &party(CREATOR), "compensation"), price + by_creator, "{slashed}");
    runtime.block_on(market.assert_books_balance());
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
