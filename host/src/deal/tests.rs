//! The machines against a small model of the contract, under random orders of events.
//!
//! Transactions get lost, parties restart and forget, time jumps. Whatever happens: an honest provider is never
//! slashed, a cheat that was challenged is never upheld, every action is one that the contract would take,
//! and every deal ends.

use super::*;
use lilypad_abi::{BlobDigest, Receipt};
use proptest::prelude::*;

const MEDIATORS: usize = 3;
const WINDOW: u64 = 20;

fn receipt(fuel_used: u64) -> Receipt {
    Receipt {
        job_digest: BlobDigest([1; 32]),
        profile: [2; 32],
        status: 0,
        trap_kind: 0,
        exit_code: 0,
        fuel_used,
        outputs_digest: BlobDigest([3; 32]),
        journal_hash: [4; 32],
    }
}

/// What the contract does, without money: phases, deadlines and who may do what when.
struct Model {
    view: DealView,
    commitments: [bool; MEDIATORS],
}

impl Model {
    fn new() -> Self {
        let view = DealView {
            state: DealState::Matched,
            settlement: Settlement::None,
            now: 1_000,
            deadline: 1_000 + WINDOW,
            reveal_deadline: 0,
            seed_known: false,
            seed_lost: false,
            audit_due: false,
            receipt_hash: ReceiptHash::default(),
            seats: Vec::new(),
            callback: Callback::NotAsked,
        };
        Self { view, commitments: [false; MEDIATORS] }
    }

    fn settle(&mut self, how: Settlement) {
        self.view.state = DealState::Settled;
        self.view.settlement = how;
    }

    fn submit(&mut self, receipt: Receipt, audited: bool) {
        assert_eq!(self.view.state, DealState::Matched, "a result is posted once");
        assert!(self.view.now <= self.view.deadline, "a result is posted in time");
        self.view.state = DealState::Submitted;
        self.view.receipt_hash = receipt.hash();
        self.view.deadline = self.view.now + WINDOW;
        self.view.audit_due = audited;
    }

    fn mediate(&mut self) {
        assert_eq!(self.view.state, DealState::Submitted);
        assert!(self.view.seed_known, "mediators are drawn from a block nobody foresaw");
        self.view.state = DealState::Challenged;
        self.view.deadline = self.view.now + WINDOW;
        self.view.reveal_deadline = self.view.now + 2 * WINDOW;
        self.view.seats = (0..MEDIATORS)
            .map(|i| Seat { mediator: mediator(i), committed: false, revealed: None })
            .collect();
    }

    fn commit(&mut self, seat: usize) {
        assert!(self.view.now <= self.view.deadline && !self.commitments[seat]);
        self.commitments[seat] = true;
        self.view.seats[seat].committed = true;
    }

    fn reveal(&mut self, seat: usize, receipt: Receipt) {
        assert!(self.view.reveals_open() && self.view.now <= self.view.reveal_deadline);
        assert!(self.commitments[seat] && self.view.seats[seat].revealed.is_none());
        self.view.seats[seat].revealed = Some(receipt.hash());
    }

    fn conclude(&mut self) {
        assert_eq!(self.view.state, DealState::Challenged);
        assert!(self.view.can_conclude());
        let revealed: Vec<_> = self.view.seats.iter().filter_map(|seat| seat.revealed).collect();
        let agreed = revealed
            .iter()
            .find(|hash| revealed.iter().filter(|other| other == hash).count() * 2 > MEDIATORS);
        self.settle(match agreed {
            Some(hash) if *hash == self.view.receipt_hash => Settlement::ProviderUpheld,
            Some(_) => Settlement::ProviderSlashed,
            None => Settlement::Inconclusive,
        });
    }

    fn finalize(&mut self) {
        assert_eq!(self.view.state, DealState::Submitted);
        assert!(self.view.now > self.view.deadline && !self.view.audit_due);
        self.settle(Settlement::Finalized);
    }
}

fn mediator(i: usize) -> Party {
    [u8::try_from(i).unwrap() + 1; 20]
}

struct Parties {
    truth: Receipt,
    claim: Receipt,
    audited: bool,
    provider: Provider,
    creator: Creator,
    mediators: [Mediator; MEDIATORS],
}

impl Parties {
    fn new(cheats: bool, audited: bool) -> Self {
        Self {
            truth: receipt(1),
            claim: receipt(if cheats { 2 } else { 1 }),
            audited,
            provider: Provider::new(None),
            creator: Creator::new(),
            mediators: std::array::from_fn(|i| Mediator::new(mediator(i), None)),
        }
    }

    /// Lets one party read the chain and act; a lost transaction is an action the chain never sees.
    fn poll(&mut self, who: usize, model: &mut Model, lost: bool) {
        let view = model.view.clone();
        match who {
            0 => {
                for action in self.provider.step(ProviderEvent::Chain(view)) {
                    match action {
                        ProviderAction::Execute if lost => {
                            let event = ProviderEvent::Failed {
                                reason: DeclineReason::InputsUnavailable,
                                retry: true,
                            };
                            assert!(self.provider.step(event).is_empty());
                        }
                        ProviderAction::Execute => {
                            drop(self.provider.step(ProviderEvent::Executed(self.claim)))
                        }
                        _ if lost => {}
                        ProviderAction::Submit(receipt) => model.submit(receipt, self.audited),
                        ProviderAction::Decline(_) => model.settle(Settlement::Declined),
                        ProviderAction::Audit => model.mediate(),
                        ProviderAction::Finalize => model.finalize(),
                        ProviderAction::Conclude => model.conclude(),
                        ProviderAction::FixSeed | ProviderAction::Deliver | ProviderAction::Done => {}
                    }
                }
            }
            1 => {
                for action in self.creator.step(CreatorEvent::Chain(view.clone())) {
                    match action {
                        CreatorAction::Check => {
                            let good = view.receipt_hash == self.truth.hash();
                            let judgement = if good { Judgement::Good } else { Judgement::Bad };
                            assert!(self.creator.step(CreatorEvent::Checked(judgement)).is_empty());
                        }
                        _ if lost => {}
                        CreatorAction::Accept => {
                            assert!(view.now <= view.deadline);
                            model.settle(Settlement::Accepted);
                        }
                        CreatorAction::Challenge | CreatorAction::Audit => model.mediate(),
                        CreatorAction::Finalize => model.finalize(),
                        CreatorAction::TimeOut => {
                            assert!(view.state == DealState::Matched && view.now > view.deadline);
                            model.settle(Settlement::SubmissionTimedOut);
                        }
                        CreatorAction::Conclude => model.conclude(),
                        CreatorAction::FixSeed | CreatorAction::Done => {}
                    }
                }
            }
            seat => {
                let seat = seat - 2;
                for action in self.mediators[seat].step(MediatorEvent::Chain(view)) {
                    match action {
                        MediatorAction::Execute => {
                            drop(self.mediators[seat].step(MediatorEvent::Executed(self.truth)));
                        }
                        _ if lost => {}
                        MediatorAction::Audit => model.mediate(),
                        MediatorAction::Commit(_) => model.commit(seat),
                        MediatorAction::Reveal(receipt) => model.reveal(seat, receipt),
                        MediatorAction::Conclude => model.conclude(),
                        MediatorAction::Done => {}
                    }
                }
            }
        }
    }

    fn restart(&mut self, who: usize, remembers: bool) {
        match who {
            0 => self.provider = Provider::new(remembers.then_some(self.claim)),
            1 => self.creator = Creator::new(),
            seat => {
                self.mediators[seat - 2] = Mediator::new(mediator(seat - 2), remembers.then_some(self.truth));
            }
        }
    }
}

/// Who moves, whether its transaction gets lost, seconds that pass, whether it restarts first, what it remembers.
type Move = (usize, bool, u64, bool, bool);

fn play(cheats: bool, audited: bool, moves: &[Move]) -> Model {
    let mut model = Model::new();
    let mut parties = Parties::new(cheats, audited);
    for &(who, lost, seconds, restarts, remembers) in moves {
        if restarts {
            parties.restart(who, remembers);
        }
        parties.poll(who, &mut model, lost);
        model.view.now += seconds;
        model.view.seed_known |= model.view.state != DealState::Matched && seconds > 0;
    }
    // From here on the world is calm: everybody polls, nothing is lost. The deal must end.
    for _ in 0..200 {
        if model.view.state == DealState::Settled {
            break;
        }
        for who in 0..2 + MEDIATORS {
            parties.poll(who, &mut model, false);
        }
        model.view.now += 1;
        model.view.seed_known |= model.view.state != DealState::Matched;
    }
    model
}

#[test]
fn an_honest_deal_is_accepted() {
    assert_eq!(play(false, false, &[]).view.settlement, Settlement::Accepted);
}

#[test]
fn a_cheat_is_slashed() {
    assert_eq!(play(true, false, &[]).view.settlement, Settlement::ProviderSlashed);
}

#[test]
fn a_vanished_creator_does_not_cost_the_provider_its_pay() {
    let provider_only: Vec<Move> = (0..60).map(|_| (0, false, 1, false, true)).collect();
    assert_eq!(play(false, false, &provider_only).view.settlement, Settlement::Finalized);
}

#[test]
fn a_drawn_audit_happens_even_when_only_the_provider_is_awake() {
    let provider_only: Vec<Move> = (0..60).map(|_| (0, false, 1, false, true)).collect();
    let honest = play(false, true, &provider_only).view.settlement;
    // Nobody mediates in time there: inconclusive, not finalized.
    assert_ne!(honest, Settlement::Finalized);
}

#[test]
fn a_silent_provider_times_out() {
    let creator_only: Vec<Move> = (0..60).map(|_| (1, false, 1, false, true)).collect();
    assert_eq!(play(false, false, &creator_only).view.settlement, Settlement::SubmissionTimedOut);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn whatever_happens_the_deal_ends_and_the_honest_are_safe(
        cheats: bool,
        audited: bool,
        moves in prop::collection::vec((0..2 + MEDIATORS, prop::bool::weighted(0.3), 0..12_u64, prop::bool::weighted(0.2), any::<bool>()), 0..80),
    ) {
        let end = play(cheats, audited, &moves).view;
        prop_assert_eq!(end.state, DealState::Settled);
        if cheats {
            prop_assert_ne!(end.settlement, Settlement::Accepted);
            prop_assert_ne!(end.settlement, Settlement::ProviderUpheld);
        } else {
            prop_assert_ne!(end.settlement, Settlement::ProviderSlashed);
        }
    }
}
