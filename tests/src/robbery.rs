//! Creators who try to rob a provider by the terms of their job, or by its data.

use crate::{market::Market, stories::runtime};
use lilypad_abi::{BlobDigest, Profile};
use lilypad_host::{
    chain::{Chain, Key, LilypadMarket::JobOffer, MatchedDeal, plain_job_offer},
    deal::{DealState, PENALTY_BPS, Settlement},
    report::TOKEN,
    solver::{SignedJobOffer, SolverClient},
};
use std::{net::TcpListener, thread, time::Duration};

/// A development account that plays no part on the devnet; the operator's tokens pay for it.
const ROBBER: u32 = 10;

/// The honest provider.
const PROVIDER: u32 = 3;

/// A chain connection of the robber, with money.
async fn robber(market: &Market) -> Chain {
    let chain = Chain::connect(&market.network, Some(Key::dev(ROBBER).unwrap())).await.unwrap();
    chain.mint_dev_tokens(chain.address().unwrap(), (100 * TOKEN).try_into().unwrap()).await.unwrap();
    chain.ensure_free("a robbery", 20 * TOKEN).await.unwrap();
    chain
}

async fn offer(chain: &Chain, nonce: u64, change: impl FnOnce(&mut JobOffer)) -> SignedJobOffer {
    let mut offer = JobOffer {
        creator: chain.address().unwrap(),
        jobDigest: BlobDigest::of(b"a job that nobody has").0.into(),
        profile: Profile::Lilypad1.to_bytes32().into(),
        fuelLimit: 1_000_000_000,
        memoryBytesMax: 1 << 20,
        pricePerGigafuelMax: TOKEN,
        solverFee: TOKEN / 20,
        panel: chain.network().panel,
        mediatorCount: 3,
        mediatorFee: TOKEN / 10,
        penaltyBps: PENALTY_BPS,
        submitWindow: 60,
        judgeWindow: 60,
        mediationWindow: 60,
        provider: Key::dev(PROVIDER).unwrap().address(),
        nonce,
        expiry: chain.now().await.unwrap() + 600,
        gateway: "http://127.0.0.1:9".to_owned(),
        ..plain_job_offer()
    };
    change(&mut offer);
    let signature = chain.sign_job_offer(&offer).unwrap();
    SignedJobOffer { offer, signature }
}

/// Posts an offer, waits for its deal and for the deal's end.
async fn play(chain: &Chain, solver: &SolverClient, signed: &SignedJobOffer) -> (MatchedDeal, Settlement) {
    let id = solver.post_job(signed).await.unwrap();
    for _ in 0..400 {
        if let Some(deal) = chain.deals_of_job_offer(id).await.unwrap().into_iter().next() {
            let view = chain.deal(&deal).await.unwrap();
            if view.state == DealState::Settled {
                return (deal, view.settlement);
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the deal did not end");
}

/// A gateway that takes connections and never says a word.
fn silent_gateway() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let held: Vec<_> = listener.incoming().collect();
        drop(held);
    });
    url
}

#[test]
fn a_job_without_data_is_declined_in_time_and_costs_the_provider_nothing() {
    // A market of its own: the provider's wealth must change by this deal only.
    let market = Market::start();
    runtime().block_on(async {
        let chain = robber(&market).await;
        let solver = SolverClient::new(&market.network.solver_url).unwrap();
        let before = (market.wealth(PROVIDER).await, market.wealth(ROBBER).await);
        let nowhere = offer(&chain, 1, |_| ()).await;
        let (_, how) = play(&chain, &solver, &nowhere).await;
        assert_eq!(how, Settlement::Declined, "no such gateway");
        // Stalling is meant to make the provider late, which would cost it the price and the solver's fee: it says no
        // while that is free, in the first half of its window.
        let stalled = offer(&chain, 2, |offer| offer.gateway = silent_gateway()).await;
        let (_, how) = play(&chain, &solver, &stalled).await;
        assert_eq!(how, Settlement::Declined, "a gateway that stalls");
        assert_eq!((market.wealth(PROVIDER).await, market.wealth(ROBBER).await), before, "nobody paid");
    });
}

#[test]
fn terms_that_make_an_answer_worthless_are_refused() {
    let market = Market::shared();
    runtime().block_on(async {
        let chain = robber(market).await;
        let solver = SolverClient::new(&market.network.solver_url).unwrap();
        let refusal = async |nonce, change: fn(&mut JobOffer)| {
            let signed = offer(&chain, nonce, change).await;
            solver.post_job(&signed).await.unwrap_err().to_string()
        };
        assert!(refusal(11, |o| o.mediationWindow = 1).await.contains("to mediate"));
        assert!(refusal(12, |o| o.mediatorFee = 0).await.contains("mediators' fee"));
        assert!(refusal(13, |o| o.judgeWindow = 30 * 24 * 3600).await.contains("to judge"));
        assert!(refusal(14, |o| o.solverFee = 0).await.contains("solver's fee"));
        assert!(refusal(15, |o| o.callbackGas = u32::MAX).await.contains("callback"));
        assert!(refusal(17, |o| o.availabilityFee = TOKEN).await.contains("being there"));
        assert!(refusal(18, |o| o.verification = 2).await.contains("bit by bit"));
        assert!(refusal(19, |o| o.replicas = 2).await.contains("replicas"), "it names one provider");
        // Somebody else's name under an offer.
        let mut forged = offer(&chain, 16, |_| ()).await;
        forged.offer.creator = Key::dev(1).unwrap().address();
        assert!(solver.post_job(&forged).await.unwrap_err().to_string().contains("signature"));
    });
}
