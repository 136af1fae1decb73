//! Whose turn it is: random calls of all kinds, batches of them, machines' calls; and when the next block comes.

use super::world::World;
use crate::model::{contract::Call, types::DealState};
use alloy::primitives::{Address, U256};

impl World {
    fn money_move(&mut self) -> (Address, Call) {
        let party = self.cast.anybody(&mut self.rng);
        let free = self.model.books.balance(party).free;
        match self.rng.below(9) {
            0 => (party, Call::Deposit(U256::from(self.rng.below(100_000)))),
            1 => (party, Call::Deposit(U256::MAX >> self.rng.index(256))),
            2 => (party, Call::Withdraw(free / U256::from(1 + self.rng.below(4)))),
            3 => (party, Call::Withdraw(free + U256::from(1))),
            4 => (party, Call::CancelNonce(self.rng.below(self.nonce + 2))),
            5 => {
                let mut list = self.rng.pick(&self.cast.panels).clone();
                list.truncate(self.rng.index(list.len() + 1));
                if self.rng.percent(20) {
                    list.reverse();
                }
                (party, Call::RegisterPanel(list))
            }
            _ => {
                let mut list = self.rng.pick(&self.cast.panels).clone();
                if self.rng.percent(15) {
                    list.pop();
                }
                (party, Call::PayPanel(list))
            }
        }
    }

    fn request_end_move(&mut self) -> Option<(Address, Call)> {
        if self.requests.is_empty() {
            return None;
        }
        let offer = self.rng.pick(&self.requests).clone();
        let creator = if self.rng.percent(30) { self.cast.anybody(&mut self.rng) } else { offer.creator };
        Some((creator, Call::CancelRequest(offer)))
    }

    /// One call of the market that may come next.
    fn one_move(&mut self) -> (Address, Call) {
        let open = self.model.deals.values().filter(|deal| deal.state != DealState::Settled).count();
        let matching = if open < 4 { 30 } else { 6 };
        loop {
            let found = match self.rng.weighted(&[(matching, 0), (60, 1), (5, 2), (4, 3), (4, 4), (2, 5)]) {
                0 => Some(self.match_move()),
                1 => self.deal_move(),
                2 => Some(self.money_move()),
                3 => Some(self.request_move()),
                4 => {
                    let owner = self.cast.owner;
                    Some((self.caller(owner), Call::Ask(format!("cow {}", self.rng.below(1_000)))))
                }
                _ => self.request_end_move(),
            };
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Several in one: all by the same caller, who is right for the first.
    fn batch_move(&mut self) -> (Address, Call) {
        let (caller, first) = self.one_move();
        let mut calls = vec![first];
        for _ in 0..self.rng.below(3) {
            calls.push(self.one_move().1);
        }
        calls.retain(|call| {
            !matches!(call, Call::CommitReceipt { .. } | Call::RevealReceipt { .. } | Call::Ask(_))
        });
        (caller, Call::Batch { calls, all_or_nothing: self.rng.percent(50) })
    }

    /// What happens next: something that a machine wants, or in most cases something that the model takes, or whatever
    /// comes. Says whether it was a machine.
    pub(crate) fn next_move(&mut self) -> (Address, Call, bool) {
        let kept = self.kept_open();
        if !kept.is_empty() && self.rng.percent(50) {
            let terms = self.rng.pick(&kept).clone();
            let turn = self.rng.index(100);
            if let Some((caller, call)) = self.machine_move(&terms, turn) {
                return (caller, call, true);
            }
        }
        let tries = if self.rng.percent(78) { 14 } else { 1 };
        let mut found = None;
        for _ in 0..tries {
            let (caller, call) = if self.rng.percent(4) { self.batch_move() } else { self.one_move() };
            let taken = self.model.clone().step(&self.block, caller, &call).is_ok();
            found = Some((caller, call, false));
            if taken {
                break;
            }
        }
        found.expect("one try at least")
    }

    /// When the next block comes: soon, or just at or after some deadline.
    pub(crate) fn next_time(&mut self, now: u64) -> u64 {
        if self.rng.percent(94) {
            return now + self.rng.between(0, 2);
        }
        match self.deadlines_after(now, now + 400).as_slice() {
            [] => now + self.rng.between(1, 30),
            times => *self.rng.pick(times) + self.rng.below(2),
        }
    }

    /// The next seconds in which something is possible for the last time.
    pub(crate) fn deadlines_after(&self, now: u64, before: u64) -> Vec<u64> {
        let deals = self.terms.iter().map(|terms| (terms, self.model.deal(terms)));
        let mut times: Vec<u64> = deals
            .filter(|(_, deal)| deal.state != DealState::Settled)
            .flat_map(|(terms, deal)| match deal.state {
                DealState::Committed => vec![deal.deadline, deal.reveal_deadline(terms)],
                DealState::Matched => vec![deal.deadline, terms.decline_deadline()],
                _ => vec![deal.deadline],
            })
            .collect();
        let dockets = self.model.mediation.dockets.values();
        times.extend(dockets.flat_map(|docket| [docket.commit_deadline, docket.reveal_deadline()]));
        let posted =
            self.requests.iter().filter(|offer| self.model.request_locks.contains_key(&offer.hash()));
        times.extend(posted.map(|offer| offer.expiry));
        times.retain(|time| *time >= now && *time < before);
        times.sort_unstable();
        times
    }
}
