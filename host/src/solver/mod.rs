//! The solver: takes signed offers over HTTP, matches them, and sends the matches to the contract.
//!
//! It holds no money: offers are signed by their parties and the contract checks every constraint again, so no match
//! can break an offer's terms. A dishonest solver can fail to match, match later than it says, or choose the worse
//! of two fitting machines.
//!
//! - [`matching`]: which offers fit; pure.
//! - [`policy`]: which terms a party takes part in; pure.
//! - [`book`]: the offers at hand, durable.
//! - [`service`]: the HTTP API and the loop.
//! - [`client`]: the other end of the API.

pub mod book;
pub mod client;
pub mod matching;
pub mod policy;
pub mod service;

pub use self::{
    book::{JobStatus, MachineOnOffer, SignedJobOffer, SignedResourceOffer},
    client::{SolverClient, SolverError},
};
