//! A deal's small numbers, which its terms carry packed in one word: `contracts/src/market/Rules.sol` in Rust.

use super::{LilypadMarket::DealTerms, LilypadMarket::JobOffer, U256};

/// What a wrong result can be told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verification {
    /// Every run of the job gives the same receipt.
    BitExact,
    /// Honest runs give the same outputs; the time they took differs.
    Repeated,
    /// Nobody can tell.
    Unverified,
}

/// What `fuel` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Meter {
    /// The runtime's fuel.
    Fuel,
    /// Time on cores.
    CoreNanoseconds,
    /// Time on GPUs.
    GpuNanoseconds,
}

/// The numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rules {
    /// What a wrong result can be told by.
    pub verification: Verification,
    /// What fuel counts.
    pub meter: Meter,
    /// Providers that run the job, each in its own deal.
    pub replicas: u8,
    /// Mediators drawn, should there be mediation.
    pub mediator_count: u8,
    /// Times that each mediator runs the job.
    pub runs: u8,
    /// Chance of an audit, of 10,000.
    pub audit_bps: u16,
    /// Penalty of whoever is at fault, in 1/10,000 of the price.
    pub penalty_bps: u32,
    /// Seconds for a result, or a commitment to one.
    pub submit_window: u32,
    /// Seconds to judge it.
    pub judge_window: u32,
    /// Seconds for mediators to commit, and again to reveal; replicas reveal in as many.
    pub mediation_window: u32,
    /// Gas of the callback; zero for none.
    pub callback_gas: u32,
    /// When the deal was made, in seconds since 1970.
    pub matched_at: u64,
}

/// Where each field begins, from the lowest bit; each ends where the next begins.
const BITS: [usize; 13] = [0, 8, 16, 24, 32, 40, 56, 88, 112, 136, 160, 192, 232];

impl Rules {
    /// The rules that a match of this offer at this time packs, windows cut to their 24 bits; `None` for enums that
    /// don't exist.
    #[must_use]
    pub fn of_offer(offer: &JobOffer, matched_at: u64) -> Option<Self> {
        Some(Self {
            verification: verification(offer.verification.into())?,
            meter: meter(offer.meter.into())?,
            replicas: offer.replicas,
            mediator_count: offer.mediatorCount,
            runs: offer.runs,
            audit_bps: offer.auditBps,
            penalty_bps: offer.penaltyBps,
            submit_window: offer.submitWindow,
            judge_window: offer.judgeWindow,
            mediation_window: offer.mediationWindow,
            callback_gas: offer.callbackGas,
            matched_at,
        })
    }

    /// One word.
    #[must_use]
    pub fn pack(&self) -> U256 {
        let fields = [
            self.verification as u64,
            self.meter as u64,
            self.replicas.into(),
            self.mediator_count.into(),
            self.runs.into(),
            self.audit_bps.into(),
            self.penalty_bps.into(),
            self.submit_window.into(),
            self.judge_window.into(),
            self.mediation_window.into(),
            self.callback_gas.into(),
            self.matched_at,
        ];
        let mut word = U256::ZERO;
        for (field, bits) in fields.into_iter().zip(BITS.windows(2)) {
            let mask = (U256::from(1) << (bits[1] - bits[0])) - U256::from(1);
            word |= (U256::from(field) & mask) << bits[0];
        }
        word
    }

    /// The numbers of a word; `None` for one that no match of this version's contract can have written.
    #[must_use]
    pub fn unpack(word: U256) -> Option<Self> {
        let field = |i: usize| {
            let mask = (U256::from(1) << (BITS[i + 1] - BITS[i])) - U256::from(1);
            ((word >> BITS[i]) & mask).to::<u64>()
        };
        if word >> BITS[12] != U256::ZERO {
            return None;
        }
        Some(Self {
            verification: verification(field(0))?,
            meter: meter(field(1))?,
            replicas: field(2).try_into().ok()?,
            mediator_count: field(3).try_into().ok()?,
            runs: field(4).try_into().ok()?,
            audit_bps: field(5).try_into().ok()?,
            penalty_bps: field(6).try_into().ok()?,
            submit_window: field(7).try_into().ok()?,
            judge_window: field(8).try_into().ok()?,
            mediation_window: field(9).try_into().ok()?,
            callback_gas: field(10).try_into().ok()?,
            matched_at: field(11),
        })
    }

    /// The numbers of a deal's terms.
    #[must_use]
    pub fn of(terms: &DealTerms) -> Option<Self> {
        Self::unpack(terms.rules)
    }

    /// Last second in which the provider may decline: the first half of its window.
    #[must_use]
    pub const fn decline_deadline(&self) -> u64 {
        self.matched_at + self.submit_window as u64 / 2
    }
}

const fn verification(number: u64) -> Option<Verification> {
    Some(match number {
        0 => Verification::BitExact,
        1 => Verification::Repeated,
        2 => Verification::Unverified,
        _ => return None,
    })
}

const fn meter(number: u64) -> Option<Meter> {
    Some(match number {
        0 => Meter::Fuel,
        1 => Meter::CoreNanoseconds,
        2 => Meter::GpuNanoseconds,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules {
            verification: Verification::Unverified,
            meter: Meter::GpuNanoseconds,
            replicas: u8::MAX,
            mediator_count: u8::MAX,
            runs: u8::MAX,
            audit_bps: u16::MAX,
            penalty_bps: u32::MAX,
            submit_window: (1 << 24) - 1,
            judge_window: (1 << 24) - 1,
            mediation_window: (1 << 24) - 1,
            callback_gas: u32::MAX,
            matched_at: (1 << 40) - 1,
        }
    }

    #[test]
    fn the_largest_of_everything_stays_in_its_place() {
        assert_eq!(Rules::unpack(rules().pack()), Some(rules()));
        let only_windows = Rules { submit_window: 0, mediation_window: 0, ..rules() };
        assert_eq!(Rules::unpack(only_windows.pack()), Some(only_windows));
    }

    #[test]
    fn what_no_match_writes_is_not_understood() {
        assert_eq!(Rules::unpack(U256::from(3)), None, "no such verification");
        assert_eq!(Rules::unpack(U256::from(3) << 8), None, "no such meter");
        assert_eq!(Rules::unpack(U256::from(1) << 232), None, "beyond the last field");
    }

    #[test]
    fn half_of_the_window_is_for_saying_no() {
        let rules = Rules { matched_at: 1_000, submit_window: 61, ..rules() };
        assert_eq!(rules.decline_deadline(), 1_030);
    }

    proptest! {
        #[test]
        fn any_word_that_is_understood_is_written_alike(mut words: [u64; 4]) {
            // Enums that exist, and nothing beyond the last field.
            let (verification, meter) = ((words[0] & 0xff) % 3, ((words[0] >> 8) & 0xff) % 3);
            words[0] = (words[0] & !0xffff) | verification | (meter << 8);
            words[3] &= (1 << 40) - 1;
            let word = U256::from_limbs(words);
            prop_assert_eq!(Rules::unpack(word).unwrap().pack(), word);
        }
    }
}
