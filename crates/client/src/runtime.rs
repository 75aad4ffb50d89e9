//! The reconcile runtime, once for every controller: informers feed a queue of keys, a pure decision makes a plan, the plan
//! is applied in order with its preconditions, failures back off, and a key is held until the informers have caught up
//! with its own writes. So controllers need no expectations and never decide on a state older than what they did.

mod action;
mod apply;
mod controller;
mod plan;
mod seen;

pub use action::{Action, Report, Target};
pub use apply::{Failure, apply};
pub use controller::{Attempt, Controller, panics};
pub use plan::Plan;
pub use seen::Seen;

#[cfg(test)]
mod tests;
