//! What guest, host, contract and mediators agree on, described once: jobs, outcomes, receipts, digests.
//!
//! Pure data and encodings; nothing here runs a job, touches a disk, a clock or a network.
#![no_std]
