//! Tests of everything that crosses a folder: real processes, a real chain, real files. One binary, one chapter a file.
//!
//! What one crate can test alone is tested there. Nothing here is mocked, and nothing is skipped when it is missing.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod market;
#[cfg(test)]
mod model;
#[cfg(test)]
mod money;
#[cfg(test)]
mod robbery;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod vectors;
