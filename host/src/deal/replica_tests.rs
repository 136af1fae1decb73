//! Replicas' machines against a small model of what the contract does with a group of deals, in random orders.
//!
//! Transactions get lost, parties restart and forget, time jumps. Whatever happens: every action is one that the
//! contract would take, every deal ends, an honest replica is never slashed, and beside one that is seen in time no
//! cheat is paid.

use super::{
    tests::{WINDOW, matched, receipt, stub},
    *,
};
use lilypad_abi::Receipt;
use proptest::prelude::*;

const REPLICAS: usize = 3;

/// The deals of one job, without money. Mediators always find the truth, or nothing when they sleep.
struct Model {
    deals: [DealView; REPLICAS],
    receipts: [Option<Receipt>; REPLICAS],
    truth: Receipt,
    mediators_sleep: bool,
    verdict: Settlement,
}

impl Model {
    fn new(truth: Receipt, mediators_sleep: bool) -> Self {
        let mut view = matched();
        view.group.replicas = u8::try_from(REPLICAS).unwrap();
        view.reveal_deadline = view.deadline + WINDOW;
        let deals = std::array::from_fn(|_| view.clone());
        Self { deals, receipts: [None; REPLICAS], truth, mediators_sleep, verdict: Settlement::None }
    }

    /// Changes what all deals see of the group.
    fn group(&mut self, change: impl Fn(&mut Group)) {
        self.deals.iter_mut().for_each(|deal| change(&mut deal.group));
        for deal in &mut self.deals {
            deal.audit_due = deal.state == DealState::Submitted && deal.group.accord == Accord::Disputed;
        }
    }

    fn settle(&mut self, i: usize, how: Settlement) {
        assert_ne!(self.deals[i].state, DealState::Settled, "a deal settles once");
        self.deals[i].state = DealState::Settled;
        self.deals[i].settlement = how;
    }

    fn commit(&mut self, i: usize, receipt: Receipt) {
        let deal = &mut self.deals[i];
        assert!(deal.state == DealState::Matched && deal.now <= deal.deadline);
        deal.state = DealState::Committed;
        deal.receipt_stub = stub(receipt.hash());
        self.group(|group| group.committed += 1);
    }

    fn reveal(&mut self, i: usize, receipt: Receipt) {
        let deal = &mut self.deals[i];
        assert!(deal.state == DealState::Committed && deal.now <= deal.reveal_deadline);
        assert!(deal.replicas_reveal(), "nobody shows what others could copy");
        assert_eq!(deal.receipt_stub, stub(receipt.hash()), "what was committed to is shown");
        deal.state = DealState::Submitted;
        deal.deadline = deal.reveal_deadline + WINDOW;
        let differs = self.receipts.iter().flatten().any(|other| *other != receipt);
        self.receipts[i] = Some(receipt);
        self.group(|group| {
            group.revealed += 1;
            if differs && group.accord == Accord::Agreeing {
                group.accord = Accord::Disputed;
            }
        });
    }

    fn mediate(&mut self, i: usize, state: DealState) {
        let deal = &mut self.deals[i];
        assert!(deal.state == DealState::Submitted && deal.seed_known);
        assert!(matches!(deal.group.accord, Accord::Agreeing | Accord::Disputed), "one mediation judges all");
        if state == DealState::Audited {
            assert_eq!(deal.group.accord, Accord::Disputed, "no audits are drawn here");
        } else {
            assert!(deal.now <= deal.deadline);
        }
        deal.state = state;
        // Its seats are all taken by one who answers at once, or never.
        deal.seats = vec![Seat {
            mediator: [9; 20],
            committed: !self.mediators_sleep,
            revealed: (!self.mediators_sleep).then(|| self.truth.hash()),
        }];
        (deal.deadline, deal.reveal_deadline) = (deal.now + WINDOW, deal.now + 2 * WINDOW);
        self.group(|group| group.accord = Accord::InMediation);
    }

    /// What the mediators found says of a replica.
    fn judged(&self, i: usize, state: DealState) -> Settlement {
        match (self.mediators_sleep, self.receipts[i] == Some(self.truth)) {
            (true, _) => Settlement::Inconclusive,
            (_, false) => Settlement::ProviderSlashed,
            _ if state == DealState::Challenged => Settlement::ProviderUpheld,
            _ => Settlement::AuditPassed,
        }
    }

    fn conclude(&mut self, i: usize) {
        assert!(self.deals[i].state.in_mediation() && self.deals[i].can_conclude());
        let how = self.judged(i, self.deals[i].state);
        self.settle(i, how);
        self.verdict = how;
        self.group(|group| group.accord = Accord::Judged);
    }

    fn finalize(&mut self, i: usize) {
        let deal = &self.deals[i];
        assert_eq!(deal.state, DealState::Submitted);
        let how = match deal.group.accord {
            Accord::Disputed | Accord::InMediation => panic!("mediation is due"),
            Accord::Judged => self.judged(i, DealState::Audited),
            Accord::Agreeing if deal.group.agreed() => Settlement::Agreed,
            Accord::Agreeing => {
                assert!(deal.now > deal.deadline, "silence is judged when its time is over");
                Settlement::Finalized
            }
        };
        self.settle(i, how);
    }

    fn time_out(&mut self, i: usize) {
        let deal = &self.deals[i];
        match deal.state {
            DealState::Matched => assert!(deal.now > deal.deadline),
            DealState::Committed => assert!(deal.now > deal.reveal_deadline),
            state => panic!("a time-out when {state:?}"),
        }
        self.settle(i, Settlement::SubmissionTimedOut);
    }

    fn pass(&mut self, seconds: u64) {
        for deal in &mut self.deals {
            deal.now += seconds;
            deal.seed_known |= deal.state == DealState::Submitted && seconds > 0;
        }
    }
}

struct Parties {
    claims: [Receipt; REPLICAS],
    providers: [Provider; REPLICAS],
    creators: [Creator; REPLICAS],
}

impl Parties {
    fn new(claims: [Receipt; REPLICAS]) -> Self {
        Self {
            claims,
            providers: std::array::from_fn(|_| Provider::new(None)),
            creators: std::array::from_fn(|_| Creator::new()),
        }
    }

    fn poll_provider(&mut self, i: usize, model: &mut Model, lost: bool) {
        let view = model.deals[i].clone();
        for action in self.providers[i].step(ProviderEvent::Chain(view)) {
            match action {
                ProviderAction::Execute => {
                    drop(self.providers[i].step(ProviderEvent::Executed(self.claims[i])));
                }
                _ if lost => {}
                ProviderAction::Commit(receipt) => model.commit(i, receipt),
                ProviderAction::Reveal(receipt) => model.reveal(i, receipt),
                ProviderAction::Audit => model.mediate(i, DealState::Audited),
                ProviderAction::Finalize => model.finalize(i),
                ProviderAction::Conclude => model.conclude(i),
                ProviderAction::Done | ProviderAction::FixSeed => {}
                action => panic!("a replica doesn't {action:?}"),
            }
        }
    }

    fn poll_creator(&mut self, i: usize, model: &mut Model, lost: bool) {
        let view = model.deals[i].clone();
        for action in self.creators[i].step(CreatorEvent::Chain(view.clone())) {
            match action {
                CreatorAction::Check => {
                    assert!(!view.replicas_awaited(), "replicas check each other first");
                    let good = view.receipt_stub == stub(model.truth.hash());
                    let judgement = if good { Judgement::Good } else { Judgement::Bad };
                    drop(self.creators[i].step(CreatorEvent::Checked(judgement)));
                }
                _ if lost => {}
                CreatorAction::Accept => model.settle(i, Settlement::Accepted),
                CreatorAction::Challenge => model.mediate(i, DealState::Challenged),
                CreatorAction::Audit => model.mediate(i, DealState::Audited),
                CreatorAction::Finalize => model.finalize(i),
                CreatorAction::TimeOut => model.time_out(i),
                CreatorAction::Conclude => model.conclude(i),
                CreatorAction::FixSeed | CreatorAction::Done => {}
            }
        }
    }
}

/// Whose deal, whether its creator moves, whether its transaction gets lost, seconds that pass, whether it restarts,
/// and whether it then remembers.
type Move = (usize, bool, bool, u64, bool, bool);

fn play(cheats: [bool; REPLICAS], mediators_sleep: bool, moves: &[Move]) -> [Settlement; REPLICAS] {
    let truth = receipt(1);
    let mut model = Model::new(truth, mediators_sleep);
    let mut parties = Parties::new(cheats.map(|cheats| if cheats { receipt(2) } else { truth }));
    for &(i, creator, lost, seconds, restarts, remembers) in moves {
        if restarts {
            parties.providers[i] = Provider::new(remembers.then_some(parties.claims[i]));
            parties.creators[i] = Creator::new();
        }
        match creator {
            true => parties.poll_creator(i, &mut model, lost),
            false => parties.poll_provider(i, &mut model, lost),
        }
        model.pass(seconds);
    }
    // From here on the world is calm: everybody polls, nothing is lost. Every deal must end.
    for _ in 0..300 {
        for i in 0..REPLICAS {
            parties.poll_provider(i, &mut model, false);
            parties.poll_creator(i, &mut model, false);
        }
        model.pass(1);
    }
    assert!(model.deals.iter().all(|deal| deal.state == DealState::Settled), "a deal did not end");
    model.deals.map(|deal| deal.settlement)
}

#[test]
fn replicas_that_agree_are_paid_at_once() {
    assert_eq!(play([false; REPLICAS], false, &[]), [Settlement::Agreed; REPLICAS]);
}

#[test]
fn one_that_differs_is_slashed_and_the_others_paid() {
    use Settlement as S;
    for cheat in 0..REPLICAS {
        let ends = play(std::array::from_fn(|i| i == cheat), false, &[]);
        let expected = std::array::from_fn(|i| if i == cheat { S::ProviderSlashed } else { S::AuditPassed });
        assert_eq!(ends, expected, "replica {cheat} cheats");
    }
}

#[test]
fn one_that_vanishes_leaves_the_others_to_the_creators_judgement() {
    // Two replicas commit; the third's time passes.
    let moves: Vec<Move> = (0..40).map(|i| (i % 2, false, false, 1, false, true)).collect();
    let ends = play([false, true, false], false, &moves);
    assert_eq!(ends[2], Settlement::SubmissionTimedOut);
    assert_eq!(ends[0], Settlement::AuditPassed);
    assert_eq!(ends[1], Settlement::ProviderSlashed);
    assert_eq!(play([false, false, false], false, &moves)[..2], [Settlement::Accepted; 2]);
}

#[test]
fn mediators_that_sleep_cost_nobody_a_deposit() {
    assert_eq!(play([true, false, false], true, &[]), [Settlement::Inconclusive; REPLICAS]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn whatever_happens_every_deal_ends_and_the_honest_are_safe(
        cheats: [bool; REPLICAS],
        mediators_sleep: bool,
        moves in prop::collection::vec((
            0..REPLICAS, any::<bool>(), prop::bool::weighted(0.3), 0..12_u64, prop::bool::weighted(0.2), any::<bool>(),
        ), 0..80),
    ) {
        let ends = play(cheats, mediators_sleep, &moves);
        for (cheats, end) in cheats.into_iter().zip(ends) {
            if cheats {
                prop_assert!(!matches!(end, Settlement::AuditPassed | Settlement::ProviderUpheld | Settlement::Accepted));
            } else {
                prop_assert_ne!(end, Settlement::ProviderSlashed);
            }
        }
    }
}
