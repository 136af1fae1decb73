//! The nouns of the market as plain Rust: offers, terms, receipts, states, and what a refused call says.

use alloy::primitives::{Address, B256, FixedBytes, U256};
use std::cell::OnceCell;

/// The first 20 bytes of a hash.
pub(crate) type Cut = FixedBytes<20>;

/// Cuts a hash as the contract does.
pub(crate) fn cut(hash: B256) -> Cut {
    Cut::from_slice(&hash[..20])
}

/// Why a call is refused: the error's name and its arguments, a word each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<B256>,
}

/// A word from anything that an error may carry.
pub(crate) trait Word {
    fn word(&self) -> B256;
}
impl Word for B256 {
    fn word(&self) -> B256 {
        *self
    }
}
impl Word for Cut {
    fn word(&self) -> B256 {
        let mut word = B256::ZERO;
        word[..20].copy_from_slice(self.as_slice());
        word
    }
}
impl Word for Address {
    fn word(&self) -> B256 {
        self.into_word()
    }
}
impl Word for U256 {
    fn word(&self) -> B256 {
        (*self).into()
    }
}
impl Word for u64 {
    fn word(&self) -> B256 {
        U256::from(*self).into()
    }
}
/// Short text, as Solidity writes it into a `bytes32`.
impl Word for &str {
    fn word(&self) -> B256 {
        let mut word = B256::ZERO;
        word[..self.len()].copy_from_slice(self.as_bytes());
        word
    }
}

/// Builds a [`Refusal`].
macro_rules! refuse {
    ($name:ident $(, $argument:expr)*) => {
        Err($crate::model::types::Refusal {
            name: stringify!($name),
            words: vec![$($crate::model::types::Word::word(&$argument)),*],
        })
    };
}
pub(crate) use refuse;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum DealState {
    #[default]
    None,
    Matched,
    Committed,
    Submitted,
    Challenged,
    Audited,
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Settlement {
    #[default]
    None,
    Accepted,
    Finalized,
    Agreed,
    ProviderUpheld,
    AuditPassed,
    ProviderSlashed,
    JobVaried,
    Inconclusive,
    SubmissionTimedOut,
    Declined,
}

impl Settlement {
    /// All ways to end.
    pub(crate) const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Finalized,
        Self::Agreed,
        Self::ProviderUpheld,
        Self::AuditPassed,
        Self::ProviderSlashed,
        Self::JobVaried,
        Self::Inconclusive,
        Self::SubmissionTimedOut,
        Self::Declined,
    ];

    /// Whether the deal brought a result that its creator can rely on.
    pub(crate) const fn result_stands(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Finalized | Self::Agreed | Self::ProviderUpheld | Self::AuditPassed
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Callback {
    #[default]
    None,
    Delivered,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Verification {
    BitExact,
    Repeated,
    Unverified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Meter {
    Fuel,
    CoreNanoseconds,
    GpuNanoseconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Accord {
    #[default]
    Agreeing,
    Disputed,
    InMediation,
    VerdictAgreed,
    VerdictVaried,
    VerdictInconclusive,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobOffer {
    pub(crate) creator: Address,
    pub(crate) job_digest: B256,
    pub(crate) input_hash: B256,
    pub(crate) profile: B256,
    pub(crate) verification: Verification,
    pub(crate) meter: Meter,
    pub(crate) replicas: u8,
    pub(crate) fuel_limit: u64,
    pub(crate) memory_bytes_max: u64,
    pub(crate) disk_bytes_max: u64,
    pub(crate) cores: u16,
    pub(crate) gpus: u16,
    pub(crate) gpu_memory_mib: u32,
    pub(crate) price_per_gigafuel_max: u128,
    pub(crate) solver_fee: u128,
    pub(crate) panel: B256,
    pub(crate) mediator_count: u8,
    pub(crate) runs: u8,
    pub(crate) mediator_fee: u128,
    pub(crate) availability_fee: u128,
    pub(crate) penalty_bps: u32,
    pub(crate) audit_bps: u16,
    pub(crate) submit_window: u32,
    pub(crate) judge_window: u32,
    pub(crate) mediation_window: u32,
    pub(crate) callback_gas: u32,
    pub(crate) solver: Address,
    pub(crate) provider: Address,
    pub(crate) nonce: u64,
    pub(crate) expiry: u64,
    pub(crate) gateway: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceOffer {
    pub(crate) provider: Address,
    pub(crate) profile: B256,
    pub(crate) meter: Meter,
    pub(crate) fuel_limit_max: u64,
    pub(crate) memory_bytes_max: u64,
    pub(crate) disk_bytes_max: u64,
    pub(crate) cores: u16,
    pub(crate) gpus: u16,
    pub(crate) gpu_memory_mib: u32,
    pub(crate) price_per_gigafuel: u128,
    pub(crate) collateral_max: u128,
    pub(crate) panel: B256,
    pub(crate) mediator_fee_min: u128,
    pub(crate) availability_fee_max: u128,
    pub(crate) submit_window_min: u32,
    pub(crate) judge_window_max: u32,
    pub(crate) mediation_window_min: u32,
    pub(crate) slots: u32,
    pub(crate) solver: Address,
    pub(crate) nonce: u64,
    pub(crate) expiry: u64,
    pub(crate) gateway: String,
}

/// A deal's small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) verification: Verification,
    pub(crate) meter: Meter,
    pub(crate) replicas: u8,
    pub(crate) mediator_count: u8,
    pub(crate) runs: u8,
    pub(crate) audit_bps: u16,
    pub(crate) penalty_bps: u32,
    pub(crate) submit_window: u32,
    pub(crate) judge_window: u32,
    pub(crate) mediation_window: u32,
    pub(crate) callback_gas: u32,
    pub(crate) matched_at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) job_offer_hash: B256,
    pub(crate) resource_offer_hash: B256,
    pub(crate) creator: Address,
    pub(crate) provider: Address,
    pub(crate) solver: Address,
    pub(crate) job_digest: B256,
    pub(crate) input_hash: B256,
    pub(crate) profile: B256,
    pub(crate) panel: B256,
    pub(crate) rules: Rules,
    pub(crate) fuel_limit: u64,
    pub(crate) price_per_gigafuel: u128,
    pub(crate) solver_fee: u128,
    pub(crate) mediator_fee: u128,
    pub(crate) availability_fee: u128,
    /// Its id, once asked for: hashing is slow without optimization.
    pub(crate) known_id: OnceCell<B256>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) job_digest: B256,
    pub(crate) profile: B256,
    pub(crate) status: u8,
    pub(crate) trap_kind: u8,
    pub(crate) exit_code: u32,
    pub(crate) fuel_used: u64,
    pub(crate) outputs_digest: B256,
    pub(crate) journal_hash: B256,
}

/// An offer's signature, told by who made it and of what; `None` is an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) by: Address,
    pub(crate) of: B256,
}
