//! The model's nouns and calls in the contracts' ABI.

use crate::model::{
    contract::Call,
    types::{JobOffer, Receipt, ResourceOffer, Signature, Terms},
};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::{SolCall, SolConstructor as _, SolValue},
};

alloy::sol!(
    #[allow(clippy::too_many_arguments, reason = "generated")]
    LilypadMarket,
    "../contracts/abi/LilypadMarket.json"
);
alloy::sol!(LilypadMediation, "../contracts/abi/LilypadMediation.json");
alloy::sol!(
    #[sol(all_derives)]
    LilypadLens,
    "../contracts/abi/LilypadLens.json"
);
alloy::sol!(LilypadToken, "../contracts/abi/LilypadToken.json");
alloy::sol!(
    #[allow(clippy::too_many_arguments, reason = "generated")]
    CowsayClient,
    "../contracts/abi/CowsayClient.json"
);

use LilypadMarket as M;

/// The same words as another contract's type of the same struct.
pub(crate) fn same<A: SolValue, B: SolValue + From<<B::SolType as alloy::sol_types::SolType>::RustType>>(
    value: &A,
) -> B {
    B::abi_decode(&value.abi_encode()).expect("the same struct")
}

pub(crate) fn job(o: &JobOffer) -> M::JobOffer {
    M::JobOffer {
        creator: o.creator,
        jobDigest: o.job_digest,
        inputHash: o.input_hash,
        profile: o.profile,
        verification: o.verification as u8,
        meter: o.meter as u8,
        replicas: o.replicas,
        fuelLimit: o.fuel_limit,
        memoryBytesMax: o.memory_bytes_max,
        diskBytesMax: o.disk_bytes_max,
        cores: o.cores,
        gpus: o.gpus,
        gpuMemoryMib: o.gpu_memory_mib,
        pricePerGigafuelMax: o.price_per_gigafuel_max,
        solverFee: o.solver_fee,
        panel: o.panel,
        mediatorCount: o.mediator_count,
        runs: o.runs,
        mediatorFee: o.mediator_fee,
        availabilityFee: o.availability_fee,
        penaltyBps: o.penalty_bps,
        auditBps: o.audit_bps,
        submitWindow: o.submit_window,
        judgeWindow: o.judge_window,
        mediationWindow: o.mediation_window,
        callbackGas: o.callback_gas,
        solver: o.solver,
        provider: o.provider,
        nonce: o.nonce,
        expiry: o.expiry,
        gateway: o.gateway.clone(),
    }
}

pub(crate) fn resource(o: &ResourceOffer) -> M::ResourceOffer {
    M::ResourceOffer {
        provider: o.provider,
        profile: o.profile,
        meter: o.meter as u8,
        fuelLimitMax: o.fuel_limit_max,
        memoryBytesMax: o.memory_bytes_max,
        diskBytesMax: o.disk_bytes_max,
        cores: o.cores,
        gpus: o.gpus,
        gpuMemoryMib: o.gpu_memory_mib,
        pricePerGigafuel: o.price_per_gigafuel,
        collateralMax: o.collateral_max,
        panel: o.panel,
        mediatorFeeMin: o.mediator_fee_min,
        availabilityFeeMax: o.availability_fee_max,
        submitWindowMin: o.submit_window_min,
        judgeWindowMax: o.judge_window_max,
        mediationWindowMin: o.mediation_window_min,
        slots: o.slots,
        solver: o.solver,
        nonce: o.nonce,
        expiry: o.expiry,
        gateway: o.gateway.clone(),
    }
}

pub(crate) fn terms(t: &Terms) -> M::DealTerms {
    M::DealTerms {
        jobOfferHash: t.job_offer_hash,
        resourceOfferHash: t.resource_offer_hash,
        creator: t.creator,
        provider: t.provider,
        solver: t.solver,
        jobDigest: t.job_digest,
        inputHash: t.input_hash,
        profile: t.profile,
        panel: t.panel,
        rules: t.rules.word(),
        fuelLimit: t.fuel_limit,
        pricePerGigafuel: t.price_per_gigafuel,
        solverFee: t.solver_fee,
        mediatorFee: t.mediator_fee,
        availabilityFee: t.availability_fee,
    }
}

pub(crate) fn receipt(r: &Receipt) -> M::Receipt {
    M::Receipt {
        jobDigest: r.job_digest,
        profile: r.profile,
        status: r.status,
        trapKind: r.trap_kind,
        exitCode: r.exit_code,
        fuelUsed: r.fuel_used,
        outputsDigest: r.outputs_digest,
        journalHash: r.journal_hash,
    }
}

/// Which contract a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Market,
    Mediation,
    Client,
}

/// Where a call goes and its data. `sign` makes the bytes of a signature.
pub(crate) fn encode(call: &Call, sign: &mut dyn FnMut(Signature) -> Bytes) -> (Target, Vec<u8>) {
    let mut signature = |s: &Option<Signature>| s.map_or_else(Bytes::new, &mut *sign);
    let data = match call {
        Call::Deposit(amount) => M::depositCall { amount: *amount }.abi_encode(),
        Call::Withdraw(amount) => M::withdrawCall { amount: *amount }.abi_encode(),
        Call::RegisterPanel(list) => M::registerPanelCall { mediators: list.clone() }.abi_encode(),
        Call::PayPanel(list) => M::payPanelCall { panel: list.clone() }.abi_encode(),
        Call::CancelNonce(nonce) => M::cancelNonceCall { nonce: *nonce }.abi_encode(),
        Call::RequestJob { offer, input } => {
            M::requestJobCall { offer: job(offer), input: input.clone().into() }.abi_encode()
        }
        Call::CancelRequest(offer) => M::cancelRequestCall { offer: job(offer) }.abi_encode(),
        Call::MatchOffers { jobs, resources } => M::matchOffersCall {
            jobs: jobs.iter().map(|(offer, _)| job(offer)).collect(),
            jobSignatures: jobs.iter().map(|(_, s)| signature(s)).collect(),
            resources: resources.iter().map(|(offer, _)| resource(offer)).collect(),
            resourceSignatures: resources.iter().map(|(_, s)| signature(s)).collect(),
        }
        .abi_encode(),
        Call::Decline(t) => M::declineDealCall { terms: terms(t), reason: 1 }.abi_encode(),
        Call::Submit(t, r) => M::submitResultCall { terms: terms(t), receipt: receipt(r) }.abi_encode(),
        Call::CommitResult(t, commitment) => {
            M::commitResultCall { terms: terms(t), commitment: *commitment }.abi_encode()
        }
        Call::RevealResult(t, r, salt) => {
            M::revealResultCall { terms: terms(t), receipt: receipt(r), salt: *salt }.abi_encode()
        }
        Call::TimeOut(t) => M::timeoutSubmissionCall { terms: terms(t) }.abi_encode(),
        Call::Accept(t, r) => M::acceptResultCall { terms: terms(t), receipt: receipt(r) }.abi_encode(),
        Call::Finalize(t, r) => M::finalizeDealCall { terms: terms(t), receipt: receipt(r) }.abi_encode(),
        Call::FixSeed(t) => M::fixSeedCall { terms: terms(t) }.abi_encode(),
        Call::Challenge(t, panel) => {
            M::challengeResultCall { terms: terms(t), panel: panel.clone() }.abi_encode()
        }
        Call::Audit(t, panel) => M::auditResultCall { terms: terms(t), panel: panel.clone() }.abi_encode(),
        Call::Conclude { terms: t, receipt: r, drawn } => {
            M::concludeMediationCall { terms: terms(t), providerReceipt: receipt(r), drawn: drawn.clone() }
                .abi_encode()
        }
        Call::DeliverResult { terms: t, receipt: r, journal } => {
            M::deliverResultCall { terms: terms(t), receipt: receipt(r), journal: journal.clone().into() }
                .abi_encode()
        }
        Call::DeliverFailure(t) => M::deliverFailureCall { terms: terms(t) }.abi_encode(),
        Call::Batch { calls, all_or_nothing } => {
            let calls = calls.iter().map(|call| encode(call, sign).1.into()).collect();
            M::batchCall { calls, allOrNothing: *all_or_nothing }.abi_encode()
        }
        Call::CommitReceipt { deal, drawn, commitment } => {
            let call = LilypadMediation::commitReceiptCall {
                dealId: *deal,
                drawn: drawn.clone(),
                commitment: *commitment,
            };
            return (Target::Mediation, call.abi_encode());
        }
        Call::RevealReceipt { deal, drawn, receipt: r, salt } => {
            let call = LilypadMediation::revealReceiptCall {
                dealId: *deal,
                drawn: drawn.clone(),
                receipt: same(&receipt(r)),
                salt: *salt,
            };
            return (Target::Mediation, call.abi_encode());
        }
        Call::Ask(message) => {
            return (Target::Client, CowsayClient::askCall { message: message.clone() }.abi_encode());
        }
    };
    (Target::Market, data)
}

/// The example client's constructor arguments.
pub(crate) fn client_arguments(market: Address, template: &JobOffer) -> Vec<u8> {
    let template: CowsayClient::JobOffer = same(&job(template));
    CowsayClient::constructorCall { market_: market, template }.abi_encode()
}

/// Data of calls on the token.
pub(crate) fn mint(to: Address, amount: U256) -> Vec<u8> {
    LilypadToken::mintCall { to, amount }.abi_encode()
}

/// See [`mint`].
pub(crate) fn approve_all(spender: Address) -> Vec<u8> {
    LilypadToken::approveCall { spender, value: U256::MAX }.abi_encode()
}
