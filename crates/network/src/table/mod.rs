//! The one nftables table of a node, `inet oxkube`: what it should hold, and making it so. Host ports, Services and policies hand in
//! deltas; a flush by somebody else is answered by putting everything back.

mod apply;
mod layout;
mod ruleset;
mod skeleton;

pub use apply::{Table, TableError};
pub use layout::{AFFINITY_MARK, Family, MASQUERADE_MARK, POD_MARK, steps};
pub use ruleset::{Delta, Ruleset};
pub use skeleton::{Cidrs, names, skeleton};

#[cfg(test)]
mod tests;
