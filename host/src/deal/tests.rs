//! The machines against a small model of the contract, under random orders of events.
//!
//! Transactions get lost, parties restart and forget, time jumps. Whatever happens: an honest provider is never
//! slashed, a cheat that was challenged is never upheld, every action is one that the contract would take,
//! and every deal ends.

use super::*;
use lilypad_abi::{BlobDigest, Receipt, ReceiptHash};
use proptest::prelude::*;

const MEDIATORS: usize = 3;
pub(super) const WINDOW: u64 = 20;

/// What the contract keeps of a receipt.
pub(super) fn stub(hash: ReceiptHash) -> ReceiptStub {
    hash.0[..20].try_into().unwrap()
}

pub(super) fn receipt(fuel_used: u64) -> Receipt {
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

/// A deal just made.
pub(super) fn matched() -> DealView {
    DealView {
        state: DealState::Matched,
        settlement: Settlement::None,
        now: 1_000,
        deadline: 1_000 + WINDOW,
        reveal_deadline: 0,
        decline_deadline: 1_000 + WINDOW / 2,
        seed_known: false,
        seed_lost: false,
        audits: false,
        audit_due: false,
        receipt_stub: ReceiptStub::default(),
        group: Group::ALONE,
        seats: Vec::new(),
        callback: Callback::NotAsked,
    }
}

/// What the contract does, without money: phases, deadlines and who may do what when.
struct Model {
    view: DealView,
    commitments: [bool; MEDIATORS],
}

impl Model {
    fn new() -> Self {
        let view = matched();
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
        self.view.receipt_stub = stub(receipt.hash());
        self.view.deadline = self.view.now + WINDOW;
        self.view.audits = audited;
    }

    fn decline(&mut self) {
        assert_eq!(self.view.state, DealState::Matched);
        assert!(self.view.now <= self.view.decline_deadline, "after that, saying no is not free");
        self.settle(Settlement::Declined);
    }

    fn challenge(&mut self) {
        assert!(self.view.now <= self.view.deadline, "a challenge is made in time");
        self.mediate(DealState::Challenged);
    }

    fn audit(&mut self) {
        assert!(self.view.audit_due, "an audit is drawn");
        self.mediate(DealState::Audited);
    }

    fn mediate(&mut self, state: DealState) {
        assert_eq!(self.view.state, DealState::Submitted);
        assert!(self.view.seed_known, "mediators are drawn from a block nobody foresaw");
        self.view.state = state;
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
        assert!(self.view.state.in_mediation() && self.view.can_conclude());
        let revealed: Vec<_> = self.view.seats.iter().filter_map(|seat| seat.revealed).collect();
        let agreed = revealed
            .iter()
            .find(|hash| revealed.iter().filter(|other| other == hash).count() * 2 > MEDIATORS);
        self.settle(match agreed {
            Some(hash) if stub(*hash) != self.view.receipt_stub => Settlement::ProviderSlashed,
            Some(_) if self.view.state == DealState::Audited => Settlement::AuditPassed,
            Some(_) => Settlement::ProviderUpheld,
            None => Settlement::Inconclusive,
        });
    }

    fn finalize(&mut self) {
        assert_eq!(self.view.state, DealState::Submitted);
        assert!(self.view.now > self.view.deadline && !self.view.audit_due);
        assert!(self.view.seed_known || !self.view.audits, "the draw comes first");
        self.settle(Settlement::Finalized);
    }

    /// Time passes; a block after the result, the draw is known.
    fn pass(&mut self, seconds: u64) {
        self.view.now += seconds;
        self.view.seed_known |= self.view.state != DealState::Matched && seconds > 0;
        self.view.audit_due =
            self.view.state == DealState::Submitted && self.view.audits && self.view.seed_known;
    }
}

fn mediator(i: usize) -> Party {
    [u8::try_from(i).unwrap() + 1; 20]
}

struct Parties {
    truth: Receipt,
    claim: Receipt,
    audited: bool,
    /// Whether the creator takes results unchecked.
    trusting: bool,
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
            trusting: false,
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
                        ProviderAction::Decline(_) => model.decline(),
                        ProviderAction::Audit => model.audit(),
                        ProviderAction::Finalize => model.finalize(),
                        ProviderAction::Conclude => model.conclude(),
                        ProviderAction::FixSeed | ProviderAction::Deliver | ProviderAction::Done => {}
                        ProviderAction::Commit(_) | ProviderAction::Reveal(_) => panic!("no replicas here"),
                        ProviderAction::DeliverFailure => panic!("no callback here"),
                    }
                }
            }
            1 => {
                for action in self.creator.step(CreatorEvent::Chain(view.clone())) {
                    match action {
                        CreatorAction::Check => {
                            let good = view.receipt_stub == stub(self.truth.hash());
                            let judgement = match (self.trusting, good) {
                                (true, _) => Judgement::Trusted,
                                (_, true) => Judgement::Good,
                                _ => Judgement::Bad,
                            };
                            assert!(self.creator.step(CreatorEvent::Checked(judgement)).is_empty());
                        }
                        _ if lost => {}
                        CreatorAction::Accept => {
                            assert!(view.now <= view.deadline);
                            assert!(!(self.trusting && view.audits) || view.seed_known && !view.audit_due);
                            model.settle(Settlement::Accepted);
                        }
                        CreatorAction::Challenge => model.challenge(),
                        CreatorAction::Audit => model.audit(),
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
                        MediatorAction::Audit => model.audit(),
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

#[test]
fn a_mediator_that_a_reorganised_chain_draws_after_all_does_its_part() {
    let mut view = Model::new().view;
    let seat = |i| Seat { mediator: mediator(i), committed: false, revealed: None };
    view.state = DealState::Challenged;
    (view.deadline, view.reveal_deadline) = (view.now + 100, view.now + 200);
    view.seats = vec![seat(0)];
    let mut left_out = Mediator::new(mediator(1), None);
    assert_eq!(left_out.step(MediatorEvent::Chain(view.clone())), []);
    view.seats = vec![seat(1)];
    assert_eq!(left_out.step(MediatorEvent::Chain(view)), [MediatorAction::Execute]);
}

/// Who moves, whether its transaction gets lost, seconds that pass, whether it restarts first, what it remembers.
type Move = (usize, bool, u64, bool, bool);

fn play(cheats: bool, audited: bool, moves: &[Move]) -> Model {
    play_with(Parties::new(cheats, audited), moves)
}

fn play_with(mut parties: Parties, moves: &[Move]) -> Model {
    let mut model = Model::new();
    for &(who, lost, seconds, restarts, remembers) in moves {
        if restarts {
            parties.restart(who, remembers);
        }
        parties.poll(who, &mut model, lost);
        model.pass(seconds);
    }
    // From here on the world is calm: everybody polls, nothing is lost. The deal must end.
    for _ in 0..200 {
        if model.view.state == DealState::Settled {
            break;
        }
        for who in 0..2 + MEDIATORS {
            parties.poll(who, &mut model, false);
        }
        model.pass(1);
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
fn who_trusts_still_has_the_drawn_audit_made() {
    let trusting = |cheats, audited| Parties { trusting: true, ..Parties::new(cheats, audited) };
    assert_eq!(play_with(trusting(true, true), &[]).view.settlement, Settlement::ProviderSlashed);
    assert_eq!(play_with(trusting(false, true), &[]).view.settlement, Settlement::AuditPassed);
    assert_eq!(
        play_with(trusting(true, false), &[]).view.settlement,
        Settlement::Accepted,
        "no draw, no audit"
    );
}

#[test]
fn a_job_that_can_not_be_had_is_declined_while_that_is_free() {
    let failing: Vec<Move> = (0..3).map(|_| (0, true, 1, false, true)).collect();
    assert_eq!(play(false, false, &failing).view.settlement, Settlement::Declined);
    // Later it is tried on until the deadline, and what comes late is still paid.
    let late: Vec<Move> = [(0, true, WINDOW / 2 + 1, false, true)].into_iter().chain(failing).collect();
    assert_eq!(play(false, false, &late).view.settlement, Settlement::Accepted);
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
            prop_assert_ne!(end.settlement, Settlement::AuditPassed);
        } else {
            prop_assert_ne!(end.settlement, Settlement::ProviderSlashed);
        }
    }
}
