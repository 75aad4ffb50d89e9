//! Addresses and node ports of Services: what is taken is what stored Services have, plus what writes under way have reserved. An address is
//! also an IPAddress object, so that several servers never give it twice.

mod families;
mod ledger;
mod plan;
mod pool;
mod service;
mod taken;

pub use service::ServiceAllocation;

#[cfg(test)]
mod tests;
