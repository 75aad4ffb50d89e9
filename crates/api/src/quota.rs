//! What objects use of a namespace's quotas: counted the same way when a write is admitted and when the quota controller
//! counts again. Pure; upstream's evaluators.

pub mod amounts;
mod scopes;
mod usage;

pub use scopes::matches;
pub use usage::of as usage;

#[cfg(test)]
mod tests;
