//! Tokens into the market and out of it again, from the command line.

use crate::{
    market::{Market, stderr},
    stories::runtime,
};
use lilypad_host::{
    chain::{Chain, Key},
    report::TOKEN,
};
use std::process::Output;

/// A development account that plays no part on the devnet.
const SAVER: u32 = 11;

#[test]
fn tokens_go_in_and_come_out() {
    let market = Market::shared();
    let key = Key::dev(SAVER).unwrap();
    let saver = key.address();
    let lilypad = |args: &[&str]| -> Output {
        market.lilypad().args(args).env("LILYPAD_PRIVATE_KEY", key.to_hex()).output().unwrap()
    };
    let works = |args: &[&str]| {
        let output = lilypad(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let runtime = runtime();
    let holds = |wallet: u128, free: u128| {
        runtime.block_on(async {
            let chain = Chain::connect(&market.network, None).await.unwrap();
            let found = u128::try_from(chain.wallet_tokens(saver).await.unwrap()).unwrap();
            assert_eq!(found, wallet, "wallet");
            let balance = chain.balance(saver).await.unwrap();
            assert_eq!((balance.free, balance.locked), (free, 0), "market");
        });
    };
    runtime.block_on(async {
        let chain = Chain::connect(&market.network, Some(key.clone())).await.unwrap();
        chain.mint_dev_tokens(saver, (3 * TOKEN).try_into().unwrap()).await.unwrap();
    });
    holds(3 * TOKEN, 0);
    works(&["deposit", "2"]);
    holds(TOKEN, 2 * TOKEN);
    let table = works(&["withdraw", "0.5"]);
    holds(3 * TOKEN / 2, 3 * TOKEN / 2);
    assert_eq!(table, works(&["balance"]), "both show where the tokens are");
    assert!(table.contains("free in the market  1.5 LP"), "{table}");

    let too_much = lilypad(&["withdraw", "2"]);
    assert_eq!(too_much.status.code(), Some(2));
    assert!(stderr(&too_much).contains("1.5 LP are free"), "{}", stderr(&too_much));
    let too_much = lilypad(&["deposit", "2"]);
    assert_eq!(too_much.status.code(), Some(1));
    assert!(stderr(&too_much).contains("nothing was spent"), "{}", stderr(&too_much));
    holds(3 * TOKEN / 2, 3 * TOKEN / 2);

    works(&["withdraw"]);
    holds(3 * TOKEN, 0);
}
