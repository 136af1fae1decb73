//! A reference model of the market, and the chapter that plays it against the contracts.
//!
//! The model (`contract` and what it uses) is written from the documentation of `ILilypadMarket`, `ILilypadMediation`
//! and `Types.sol`, and from the rows of `PAYOFFS.md`; it is pure, keeps everything in plain maps, and knows nothing
//! of slots, gas or packing.
//! The `driver` sends the same random calls, right ones and wrong ones, to the model and to the real contracts on a
//! real anvil; after each, what the model says must be what the chain says: errors with their arguments, states,
//! deadlines, hashes, money.
//!
//! Where a call is wrong in more than one way, the model names the first of: state of the deal, caller, proofs of
//! what is on chain (receipts, lists), time, content. The contracts' documentation leaves that order open.

pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod deal;
pub(crate) mod judging;
pub(crate) mod matching;
pub(crate) mod mediation;
pub(crate) mod money;
pub(crate) mod names;
pub(crate) mod settle;
pub(crate) mod types;

mod driver;
