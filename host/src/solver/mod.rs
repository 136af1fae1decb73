//! The solver: takes signed offers over HTTP, matches them, and sends the matches to the contract.
//!
//! It holds no money and is trusted with nothing: offers are signed by their parties and the contract checks
//! every constraint again. A dishonest solver can only fail to match.
//!
//! - [`matching`]: which offers fit; pure.
//! - [`book`]: the offers at hand, durable.
//! - [`service`]: the HTTP API and the loop.
//! - [`client`]: the other end of the API.

pub mod book;
pub mod client;
pub mod matching;
pub mod service;

pub use self::{
    book::{JobStatus, SignedJobOffer, SignedResourceOffer},
    client::{SolverClient, SolverError},
};
