//! A whole cluster in one thread: virtual clock, seeded randomness, faulty transport and disk, hollow nodes, invariants. One
//! seed is one history; the same seed gives the same one.

#![allow(clippy::disallowed_methods, reason = "this is the outside of everything simulated")]

mod cluster;
mod components;
mod disk;
mod hollow;
mod invariants;
mod link;
mod plan;
mod run;
mod seams;
mod story;
mod trace;
mod user;
mod witness;

#[cfg(test)]
mod tests;

pub use cluster::Keys;
pub use run::{Outcome, run};
