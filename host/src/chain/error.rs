//! What can go wrong between us and the chain, by what the reader can do about it.

use super::{Address, B256};

/// Whose fault it is that a match was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The job offer's, with whatever machine: expired, cancelled, badly signed.
    Job,
    /// The offers' of this party: cancelled, badly signed, or its balance doesn't reach.
    Party(Address),
    /// This resource offer's: it has no slot left.
    ResourceOffer(B256),
    /// No offer's alone: they don't fit together.
    Together,
    /// Nobody's: the call was no match, or the state moved before it was mined.
    Neither,
}

/// Why a read or a transaction failed.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The node doesn't answer.
    #[error(
        "the node at {url} does not answer ({what}); is it running? start one with `lilypad devnet`, or set LILYPAD_RPC_URL: {reason}"
    )]
    Unreachable {
        /// The endpoint, without its path, query or credentials.
        url: String,
        /// The call.
        what: &'static str,
        /// The transport's word, the endpoint's secrets taken out.
        reason: String,
    },
    /// The node answered with an error that is not a revert.
    #[error("the node refused to {what}: {message}")]
    Refused {
        /// The call.
        what: &'static str,
        /// The node's word.
        message: String,
    },
    /// Another chain than the network file says.
    #[error(
        "wrong network: the node at {url} has chain id {found}, this market is on {expected}; check LILYPAD_RPC_URL and --network"
    )]
    WrongChain {
        /// The endpoint.
        url: String,
        /// The network file's.
        expected: u64,
        /// The node's.
        found: u64,
    },
    /// No contract where the network file says the market is.
    #[error(
        "no market of this version at {0} on this chain; the network file is of another devnet: start `lilypad devnet` again"
    )]
    NoContract(Address),
    /// The contract said no; nothing was spent but gas, and mostly not even that.
    #[error("the market refused to {what}: {reason}")]
    Reverted {
        /// The call.
        what: &'static str,
        /// The custom error with its values.
        reason: String,
        /// Whose offer a refused match fails on.
        at_fault: Fault,
    },
    /// The transaction was sent and disappeared.
    #[error(
        "transaction {0} was sent and is gone (dropped, or the chain was rolled back); it is safe to try again"
    )]
    Dropped(B256),
    /// No key, where one is needed.
    #[error("this needs a key: set LILYPAD_PRIVATE_KEY, or LILYPAD_KEYSTORE and LILYPAD_KEYSTORE_PASSWORD")]
    NoKey,
    /// Tokens or coins are missing.
    #[error("{party} has {have}, and {what} needs {need}; {hint}")]
    NoFunds {
        /// Whose account.
        party: Address,
        /// What for.
        what: &'static str,
        /// Amount there.
        have: String,
        /// Amount needed.
        need: String,
        /// What to do.
        hint: &'static str,
    },
    /// The node's answer makes no sense.
    #[error("the node's answer to '{what}' can't be used: {message}")]
    Answer {
        /// The call.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The endpoint's URL can't be parsed.
    #[error("the node's endpoint is not an http(s) URL; check LILYPAD_RPC_URL")]
    Url,
    /// Signing failed.
    #[error("can't sign")]
    Sign(#[source] alloy::signers::Error),
}

impl ChainError {
    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Dropped(_) | Self::Refused { .. } | Self::Answer { .. }
        )
    }
}
