//! The Node object: registration, capacity and conditions, its Lease.

pub mod capacity;
pub mod conditions;
pub mod info;
pub mod lease;
pub mod object;
pub mod reporter;
#[cfg(test)]
mod tests;
