//! Drawn mediators: commit, reveal, verdict.

use super::{
    names::{commitment, hash_words},
    types::{Receipt, Refusal, Verification, Word, refuse},
};
use alloy::primitives::{Address, B256, U256};
use std::collections::BTreeMap;

/// A receipt's status that says: my own runs of this job differ.
const STATUS_VARIED: u8 = 4;

/// What a mediator has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seat {
    /// Nothing.
    Empty,
    /// A commitment.
    Committed(B256),
    /// A receipt's comparable hash, or that its runs varied.
    Revealed(Finding),
}

/// What a mediator found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The hash of what honest runs have in common.
    Receipt(B256),
    /// Its own runs differ.
    Varied,
}

impl Finding {
    /// The word that stands for it on chain.
    pub(crate) fn word(self) -> B256 {
        match self {
            Self::Receipt(hash) => hash,
            Self::Varied => U256::from(1).into(),
        }
    }
}

/// One deal's mediation.
#[derive(Debug, Clone)]
pub(crate) struct Docket {
    pub(crate) commit_deadline: u64,
    pub(crate) window: u64,
    pub(crate) verification: Verification,
    pub(crate) drawn: Vec<Address>,
    pub(crate) seats: Vec<Seat>,
}

/// What the mediators found together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agreed(B256),
    Varied,
    Inconclusive,
}

/// Draws mediators without replacement from a panel less the two parties: the seat's number and the seed
/// say how far ahead of the seat's own place in the list its member is found; the two change places.
pub(crate) fn draw(panel: &[Address], parties: [Address; 2], count: u8, seed: B256) -> Vec<Address> {
    let mut list: Vec<_> = panel.iter().copied().filter(|member| !parties.contains(member)).collect();
    for seat in 0..usize::from(count) {
        let lot: U256 = hash_words([seed, U256::from(seat).into()]).into();
        let ahead: usize = (lot % U256::from(list.len() - seat)).to();
        list.swap(seat, seat + ahead);
    }
    list.truncate(count.into());
    list
}

/// Whether the seed says to audit a deal.
pub(crate) fn audited(seed: B256, deal: B256, audit_bps: u16) -> bool {
    // The ABI encoding of (seed, deal, "audit"): where the text lies, its length, itself.
    let words = [seed, deal, U256::from(96).into(), U256::from(5).into(), "audit".word()];
    let lot: U256 = hash_words(words).into();
    lot % U256::from(10_000) < U256::from(audit_bps)
}

/// All mediations. Holds no money.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mediation {
    pub(crate) dockets: BTreeMap<B256, Docket>,
}

impl Mediation {
    pub(crate) fn open(
        &mut self,
        deal: B256,
        drawn: Vec<Address>,
        now: u64,
        window: u32,
        verification: Verification,
    ) {
        let docket = Docket {
            commit_deadline: now + u64::from(window),
            window: window.into(),
            verification,
            seats: vec![Seat::Empty; drawn.len()],
            drawn,
        };
        assert!(self.dockets.insert(deal, docket).is_none(), "a deal is mediated once");
    }

    fn docket(&mut self, deal: B256, drawn: &[Address]) -> Result<&mut Docket, Refusal> {
        let Some(docket) = self.dockets.get_mut(&deal) else { return refuse!(NotOpen, deal) };
        if docket.drawn != drawn {
            return refuse!(DrawnMismatch, deal);
        }
        Ok(docket)
    }

    pub(crate) fn commit(
        &mut self,
        now: u64,
        caller: Address,
        deal: B256,
        drawn: &[Address],
        commitment: B256,
    ) -> Result<(), Refusal> {
        let docket = self.docket(deal, drawn)?;
        if now > docket.commit_deadline {
            return refuse!(TooLate, docket.commit_deadline);
        }
        let seat = docket.seat(caller)?;
        if docket.seats[seat] != Seat::Empty {
            return refuse!(AlreadyCommitted, caller);
        }
        if commitment.is_zero() {
            return refuse!(NotCommitted, caller);
        }
        docket.seats[seat] = Seat::Committed(commitment);
        Ok(())
    }

    pub(crate) fn reveal(
        &mut self,
        now: u64,
        caller: Address,
        deal: B256,
        drawn: &[Address],
        receipt: &Receipt,
        salt: B256,
    ) -> Result<(), Refusal> {
        let docket = self.docket(deal, drawn)?;
        if now > docket.reveal_deadline() {
            return refuse!(TooLate, docket.reveal_deadline());
        }
        if now <= docket.commit_deadline && docket.seats.contains(&Seat::Empty) {
            return refuse!(TooEarly, docket.commit_deadline + 1);
        }
        let seat = docket.seat(caller)?;
        let posted = match docket.seats[seat] {
            Seat::Empty => return refuse!(NotCommitted, caller),
            Seat::Revealed(_) => return refuse!(AlreadyRevealed, caller),
            Seat::Committed(posted) => posted,
        };
        let given = commitment(deal, caller, receipt, salt);
        if given != posted {
            return refuse!(CommitmentMismatch, posted, given);
        }
        let repeated = docket.verification == Verification::Repeated;
        let finding = match receipt.status {
            0..STATUS_VARIED => Finding::Receipt(receipt.comparable(docket.verification)),
            STATUS_VARIED if repeated => Finding::Varied,
            _ => return refuse!(ReceiptInvalid, "status"),
        };
        docket.seats[seat] = Seat::Revealed(finding);
        Ok(())
    }

    /// Ends a mediation: what was found, and who earned the fee.
    pub(crate) fn close(
        &mut self,
        now: u64,
        deal: B256,
        drawn: &[Address],
    ) -> Result<(Verdict, Vec<Address>), Refusal> {
        let docket = self.docket(deal, drawn)?;
        if docket.waits(now) {
            return refuse!(TooEarly, docket.reveal_deadline() + 1);
        }
        let found = docket.findings();
        let verdict = docket.verdict();
        let earns = |finding| match verdict {
            Verdict::Agreed(hash) => finding == Finding::Receipt(hash),
            Verdict::Varied | Verdict::Inconclusive => true,
        };
        let paid =
            found.iter().filter(|(_, finding)| earns(*finding)).map(|(mediator, _)| *mediator).collect();
        self.dockets.remove(&deal);
        Ok((verdict, paid))
    }
}

impl Docket {
    pub(crate) fn reveal_deadline(&self) -> u64 {
        self.commit_deadline + self.window
    }

    fn seat(&self, caller: Address) -> Result<usize, Refusal> {
        match self.drawn.iter().position(|mediator| *mediator == caller) {
            Some(seat) => Ok(seat),
            None => refuse!(NotDrawnMediator, caller),
        }
    }

    /// Whether somebody can still change what is found: commits until the first deadline, reveals until the second.
    pub(crate) fn waits(&self, now: u64) -> bool {
        self.seats.iter().any(|seat| match seat {
            Seat::Empty => now <= self.commit_deadline,
            Seat::Committed(_) => now <= self.reveal_deadline(),
            Seat::Revealed(_) => false,
        })
    }

    fn findings(&self) -> Vec<(Address, Finding)> {
        let seats = self.drawn.iter().zip(&self.seats);
        seats
            .filter_map(|(mediator, seat)| match seat {
                Seat::Revealed(finding) => Some((*mediator, *finding)),
                Seat::Empty | Seat::Committed(_) => None,
            })
            .collect()
    }

    fn verdict(&self) -> Verdict {
        let found: Vec<_> = self.findings().into_iter().map(|(_, finding)| finding).collect();
        let quorum = |count: usize| count * 2 > self.drawn.len();
        if self.verification == Verification::Repeated {
            if !quorum(found.len()) {
                return Verdict::Inconclusive;
            }
            return match found[0] {
                Finding::Receipt(hash) if found.iter().all(|other| *other == found[0]) => {
                    Verdict::Agreed(hash)
                }
                _ => Verdict::Varied,
            };
        }
        for finding in &found {
            if let Finding::Receipt(hash) = finding
                && quorum(found.iter().filter(|other| *other == finding).count())
            {
                return Verdict::Agreed(*hash);
            }
        }
        Verdict::Inconclusive
    }
}
