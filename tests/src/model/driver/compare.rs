//! What the chain says, next to what the model says.

use super::{
    bindings::{self, LilypadLens, LilypadMarket, LilypadMediation, LilypadToken},
    chain::{Chain, Site},
    world::World,
};
use crate::model::{
    contract::{Block, Market, Settled},
    mediation::{Seat, audited},
    money::{BURNED, panel_account},
    names::{hash_words, panel},
    types::{Accord, DealState, Settlement, Terms, Word as _, cut},
};
use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Log,
    sol_types::SolEvent as _,
};
use serde_json::Value;

/// Every fact that differs, in words.
type Differences = Vec<String>;

fn differ<T: PartialEq + std::fmt::Debug>(
    out: &mut Differences,
    what: impl Fn() -> String,
    chain: T,
    model: T,
) {
    if chain != model {
        out.push(format!("{}: the chain says {chain:?}, the model {model:?}", what()));
    }
}

/// A deal as the lens shows it.
fn view(model: &Market, block: &Block, terms: &Terms) -> LilypadLens::DealView {
    let deal = model.deal(terms);
    let group = model.group(terms);
    let seed = model.known_seed(block, &deal);
    let drawn = seed.is_some_and(|seed| audited(seed, terms.id(), terms.rules.audit_bps));
    let due = match group.accord {
        Accord::Disputed => true,
        Accord::Agreeing => drawn,
        _ => false,
    };
    LilypadLens::DealView {
        state: deal.state as u8,
        settlement: deal.settlement as u8,
        callback: deal.callback as u8,
        deadline: deal.deadline,
        revealDeadline: if deal.state == DealState::Committed { deal.reveal_deadline(terms) } else { 0 },
        anchorBlock: deal.anchor_block,
        seed: seed.unwrap_or_default(),
        seedLost: seed.is_none() && deal.state == DealState::Submitted && block.number > deal.anchor_block,
        auditDue: deal.state == DealState::Submitted && due,
        receiptHash: deal.receipt_hash,
        replicas: LilypadLens::ReplicaGroup {
            committed: group.committed,
            revealed: group.revealed,
            accord: group.accord as u8,
            feesDue: group.fees_due,
            anchorBlock: u32::try_from(group.anchor_block).expect("few blocks"),
            receiptHash: group.receipt_hash,
        },
    }
}

/// Compares what a transaction's events say of deals that ended.
pub(crate) fn settlements(receipt: &Value, model: &[Settled]) -> Differences {
    let logs: Vec<Log> = serde_json::from_value(receipt["logs"].clone()).expect("logs");
    let chain: Vec<_> = logs
        .iter()
        .filter_map(|log| LilypadMarket::DealSettled::decode_log(&log.inner).ok())
        .map(|event| Settled {
            deal: event.dealId,
            how: *Settlement::ALL.iter().find(|how| **how as u8 == event.how).expect("a way to end"),
            creator: event.creator,
            provider: event.provider,
            solver: event.solver,
            burned: event.burned,
            mediators: event.mediators.clone(),
        })
        .collect();
    let mut out = Vec::new();
    differ(&mut out, || "settlements by events".to_owned(), chain.as_slice(), model);
    out
}

/// Compares everything that a step may change. `block` is the one that views are asked at.
pub(crate) async fn compare(
    chain: &Chain,
    site: &Site,
    world: &World,
    block: &Block,
    all: bool,
) -> Differences {
    let mut out = Vec::new();
    deals(&mut out, chain, site, world, block).await;
    accounts(&mut out, chain, site, world).await;
    dockets(&mut out, chain, site, world, all).await;
    if all {
        books(&mut out, chain, site, world).await;
    }
    out
}

async fn deals(out: &mut Differences, chain: &Chain, site: &Site, world: &World, block: &Block) {
    let terms = world.terms.iter().map(|terms| bindings::same(&bindings::terms(terms))).collect();
    let seen = chain.view(site.lens, &LilypadLens::dealsCall { terms }).await;
    assert_eq!(seen.views.len(), world.terms.len(), "a view a deal");
    for (chain, terms) in seen.views.into_iter().zip(&world.terms) {
        differ(out, || format!("deal {}", terms.id()), chain, view(&world.model, block, terms));
    }
}

/// Everybody who can have money: parties, the client, panels, and nobody.
fn parties(world: &World) -> Vec<Address> {
    let mut parties = world.cast.everybody();
    parties.extend(world.cast.panels.iter().map(|list| panel_account(panel(list))));
    parties.extend([BURNED, world.model.client.address]);
    parties
}

async fn accounts(out: &mut Differences, chain: &Chain, site: &Site, world: &World) {
    let parties = parties(world);
    let call = LilypadLens::accountsCall { parties: parties.clone(), nonceWord: U256::ZERO };
    let mut total = U256::ZERO;
    for (account, party) in chain.view(site.lens, &call).await.into_iter().zip(parties) {
        let balance = world.model.books.balance(party);
        differ(out, || format!("free balance of {party}"), account.free, balance.free);
        differ(out, || format!("locked balance of {party}"), account.locked, balance.locked);
        let spent = world.model.nonces.iter().filter(|(owner, _)| *owner == party);
        let bitmap = spent.fold(U256::ZERO, |word, (_, nonce)| word | U256::from(1) << *nonce);
        differ(out, || format!("nonces of {party}"), account.nonceBitmap, bitmap);
        total += account.free + account.locked;
    }
    let tokens = chain.view(site.token, &LilypadToken::balanceOfCall { account: site.market }).await;
    differ(out, || "the market's tokens".to_owned(), tokens, world.model.books.total());
    differ(out, || "the sum of all balances".to_owned(), total, tokens);
}

async fn dockets(out: &mut Differences, chain: &Chain, site: &Site, world: &World, all: bool) {
    for (at, terms) in world.terms.iter().enumerate() {
        let deal = terms.id();
        let model = world.model.mediation.dockets.get(&deal);
        if model.is_none() && world.focus != Some(at) && !all {
            continue;
        }
        let seen = chain.view(site.mediation, &LilypadMediation::docketCall { dealId: deal }).await;
        let (chain, posts) = (seen.d, seen.posts);
        let what = |part: &str| format!("{part} of the mediation of {deal}");
        let Some(model) = model else {
            differ(out, || what("seats"), chain.seats, 0);
            continue;
        };
        let mask = |shown: fn(&Seat) -> bool| -> u8 {
            model.seats.iter().enumerate().map(|(i, seat)| u8::from(shown(seat)) << i).sum()
        };
        let words: Vec<B256> = model
            .seats
            .iter()
            .map(|seat| match seat {
                Seat::Empty => B256::ZERO,
                Seat::Committed(word) => *word,
                Seat::Revealed(finding) => finding.word(),
            })
            .collect();
        differ(out, || what("commit deadline"), chain.commitDeadline.to::<u64>(), model.commit_deadline);
        differ(out, || what("window"), chain.window.to::<u64>(), model.window);
        differ(out, || what("seats"), usize::from(chain.seats), model.seats.len());
        differ(out, || what("commits"), chain.committed, mask(|seat| *seat != Seat::Empty));
        differ(out, || what("reveals"), chain.revealed, mask(|seat| matches!(seat, Seat::Revealed(_))));
        differ(
            out,
            || what("drawn list"),
            chain.drawnHash,
            cut(hash_words(model.drawn.iter().map(|who| who.word()))),
        );
        differ(out, || what("posts"), posts, words);
    }
}

/// What changes seldom: panels, slots, requests, wallets.
async fn books(out: &mut Differences, chain: &Chain, site: &Site, world: &World) {
    use LilypadMarket as M;
    for (name, size) in &world.model.panels {
        let seen = chain.view(site.market, &M::panelSizeCall { panel: *name }).await;
        differ(out, || format!("size of panel {name}"), seen, U256::from(*size));
    }
    let offers =
        world.resources.iter().map(|(offer, _)| bindings::same(&bindings::resource(offer))).collect();
    let left = chain.view(site.lens, &LilypadLens::slotsLeftCall { offers }).await;
    for ((offer, _), seen) in world.resources.iter().zip(left) {
        let spent = world.model.nonces.contains(&(offer.provider, offer.nonce));
        let over = spent || chain.head.timestamp > offer.expiry;
        let used = world.model.slots_used.get(&offer.hash()).copied().unwrap_or(0);
        let model = if over { 0 } else { offer.slots - used };
        differ(out, || format!("slots left of {}", offer.hash()), seen, U256::from(model));
    }
    for terms in &world.terms {
        let call = LilypadLens::depositOfCall { terms: bindings::same(&bindings::terms(terms)) };
        let seen = chain.view(site.lens, &call).await;
        differ(out, || format!("deposit of {}", terms.id()), seen, terms.stakes().deposit());
    }
    for (offer, _) in &world.resources {
        let hash = offer.hash();
        let seen = chain.view(site.market, &M::slotsUsedCall { resourceOfferHash: hash }).await;
        let model = world.model.slots_used.get(&hash).copied().unwrap_or(0);
        differ(out, || format!("slots used of {hash}"), seen, U256::from(model));
    }
    for offer in &world.requests {
        let hash = offer.hash();
        let seen = chain.view(site.market, &M::requestLockCall { requestId: hash }).await;
        let cancelled = world.model.requests_cancelled.contains(&hash).then_some(U256::MAX);
        let model = world.model.request_locks.get(&hash).copied().or(cancelled).unwrap_or_default();
        differ(out, || format!("lock of request {hash}"), seen, model);
    }
    for party in world.cast.everybody() {
        let seen = chain.view(site.token, &LilypadToken::balanceOfCall { account: party }).await;
        differ(out, || format!("wallet of {party}"), seen, world.model.books.wallet(party));
    }
}
