//! Everything that is named by its hash. EIP-712 type strings are put together from the members' names and types.

use super::types::{JobOffer, Receipt, ResourceOffer, Rules, Terms, Verification, Word};
use alloy::primitives::{Address, B256, U256, keccak256};
use std::sync::OnceLock;

/// A member of a struct: Solidity's type and name, and the value's word.
type Member = (&'static str, &'static str, B256);

fn number(value: impl Into<u128>) -> B256 {
    U256::from(value.into()).into()
}

/// Words one after the other, which is Solidity's ABI encoding of members without a length.
pub(crate) fn hash_words(words: impl IntoIterator<Item = B256>) -> B256 {
    keccak256(words.into_iter().flat_map(|word| word.0).collect::<Vec<_>>())
}

fn struct_hash(known: &OnceLock<B256>, name: &str, members: &[Member]) -> B256 {
    let type_hash = *known.get_or_init(|| {
        let members: Vec<_> = members.iter().map(|(kind, name, _)| format!("{kind} {name}")).collect();
        keccak256(format!("{name}({})", members.join(",")))
    });
    hash_words(std::iter::once(type_hash).chain(members.iter().map(|member| member.2)))
}

impl JobOffer {
    /// The EIP-712 struct hash, which is also a request's id.
    pub(crate) fn hash(&self) -> B256 {
        static TYPE_HASH: OnceLock<B256> = OnceLock::new();
        struct_hash(
            &TYPE_HASH,
            "JobOffer",
            &[
                ("address", "creator", self.creator.word()),
                ("bytes32", "jobDigest", self.job_digest),
                ("bytes32", "inputHash", self.input_hash),
                ("bytes32", "profile", self.profile),
                ("uint8", "verification", number(self.verification as u8)),
                ("uint8", "meter", number(self.meter as u8)),
                ("uint8", "replicas", number(self.replicas)),
                ("uint64", "fuelLimit", number(self.fuel_limit)),
                ("uint64", "memoryBytesMax", number(self.memory_bytes_max)),
                ("uint64", "diskBytesMax", number(self.disk_bytes_max)),
                ("uint16", "cores", number(self.cores)),
                ("uint16", "gpus", number(self.gpus)),
                ("uint32", "gpuMemoryMib", number(self.gpu_memory_mib)),
                ("uint128", "pricePerGigafuelMax", number(self.price_per_gigafuel_max)),
                ("uint128", "solverFee", number(self.solver_fee)),
                ("bytes32", "panel", self.panel),
                ("uint8", "mediatorCount", number(self.mediator_count)),
                ("uint8", "runs", number(self.runs)),
                ("uint128", "mediatorFee", number(self.mediator_fee)),
                ("uint128", "availabilityFee", number(self.availability_fee)),
                ("uint32", "penaltyBps", number(self.penalty_bps)),
                ("uint16", "auditBps", number(self.audit_bps)),
                ("uint32", "submitWindow", number(self.submit_window)),
                ("uint32", "judgeWindow", number(self.judge_window)),
                ("uint32", "mediationWindow", number(self.mediation_window)),
                ("uint32", "callbackGas", number(self.callback_gas)),
                ("address", "solver", self.solver.word()),
                ("address", "provider", self.provider.word()),
                ("uint64", "nonce", number(self.nonce)),
                ("uint64", "expiry", number(self.expiry)),
                ("string", "gateway", keccak256(&self.gateway)),
            ],
        )
    }
}

impl ResourceOffer {
    /// The EIP-712 struct hash.
    pub(crate) fn hash(&self) -> B256 {
        static TYPE_HASH: OnceLock<B256> = OnceLock::new();
        struct_hash(
            &TYPE_HASH,
            "ResourceOffer",
            &[
                ("address", "provider", self.provider.word()),
                ("bytes32", "profile", self.profile),
                ("uint8", "meter", number(self.meter as u8)),
                ("uint64", "fuelLimitMax", number(self.fuel_limit_max)),
                ("uint64", "memoryBytesMax", number(self.memory_bytes_max)),
                ("uint64", "diskBytesMax", number(self.disk_bytes_max)),
                ("uint16", "cores", number(self.cores)),
                ("uint16", "gpus", number(self.gpus)),
                ("uint32", "gpuMemoryMib", number(self.gpu_memory_mib)),
                ("uint128", "pricePerGigafuel", number(self.price_per_gigafuel)),
                ("uint128", "collateralMax", number(self.collateral_max)),
                ("bytes32", "panel", self.panel),
                ("uint128", "mediatorFeeMin", number(self.mediator_fee_min)),
                ("uint128", "availabilityFeeMax", number(self.availability_fee_max)),
                ("uint32", "submitWindowMin", number(self.submit_window_min)),
                ("uint32", "judgeWindowMax", number(self.judge_window_max)),
                ("uint32", "mediationWindowMin", number(self.mediation_window_min)),
                ("uint32", "slots", number(self.slots)),
                ("address", "solver", self.solver.word()),
                ("uint64", "nonce", number(self.nonce)),
                ("uint64", "expiry", number(self.expiry)),
                ("string", "gateway", keccak256(&self.gateway)),
            ],
        )
    }
}

impl Rules {
    /// All in one word, from the lowest bit, each as wide as `Rules.sol` says.
    pub(crate) fn word(&self) -> U256 {
        let fields: [(usize, u64); 12] = [
            (8, self.verification as u64),
            (8, self.meter as u64),
            (8, self.replicas.into()),
            (8, self.mediator_count.into()),
            (8, self.runs.into()),
            (16, self.audit_bps.into()),
            (32, self.penalty_bps.into()),
            (24, self.submit_window.into()),
            (24, self.judge_window.into()),
            (24, self.mediation_window.into()),
            (32, self.callback_gas.into()),
            (40, self.matched_at),
        ];
        let mut word = U256::ZERO;
        let mut at = 0;
        for (bits, value) in fields {
            assert!(value >> bits == 0, "a rule is wider than its place");
            word |= U256::from(value) << at;
            at += bits;
        }
        word
    }
}

impl Terms {
    /// The deal's id.
    pub(crate) fn id(&self) -> B256 {
        *self.known_id.get_or_init(|| self.compute_id())
    }

    fn compute_id(&self) -> B256 {
        hash_words([
            self.job_offer_hash,
            self.resource_offer_hash,
            self.creator.word(),
            self.provider.word(),
            self.solver.word(),
            self.job_digest,
            self.input_hash,
            self.profile,
            self.panel,
            self.rules.word().into(),
            number(self.fuel_limit),
            number(self.price_per_gigafuel),
            number(self.solver_fee),
            number(self.mediator_fee),
            number(self.availability_fee),
        ])
    }
}

impl Receipt {
    /// The receipt's name.
    pub(crate) fn hash(&self) -> B256 {
        hash_words([
            self.job_digest,
            self.profile,
            number(self.status),
            number(self.trap_kind),
            number(self.exit_code),
            number(self.fuel_used),
            self.outputs_digest,
            self.journal_hash,
        ])
    }

    /// The name of what honest runs have in common: all, or, where a job is judged by repetition, all but its time.
    pub(crate) fn comparable(&self, verification: Verification) -> B256 {
        match verification {
            Verification::Repeated => Self { fuel_used: 0, ..*self }.hash(),
            Verification::BitExact | Verification::Unverified => self.hash(),
        }
    }
}

/// A party's commitment to a receipt in one deal.
pub(crate) fn commitment(deal: B256, party: Address, receipt: &Receipt, salt: B256) -> B256 {
    hash_words([deal, party.word(), receipt.hash(), salt])
}

/// A panel's name: keccak256 of the ABI-encoded list, which is where it lies, its length, its members.
pub(crate) fn panel(members: &[Address]) -> B256 {
    let head = [number(32_u8), number(u64::try_from(members.len()).unwrap_or(u64::MAX))];
    hash_words(head.into_iter().chain(members.iter().map(Word::word)))
}
