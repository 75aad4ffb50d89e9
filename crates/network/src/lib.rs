//! Pod networking, service proxy, node routes, DNS edge and network policy: desired state is computed purely (`desired.rs`), applied over
//! netlink only (`apply.rs`). No iptables, nft or CNI binaries are run, no bridge is made.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

pub mod conntrack;
pub mod dns;
pub mod edge;
pub mod error;
pub mod ledger;
pub mod names;
pub mod netlink;
pub mod nft;
pub mod node;
pub mod pods;
pub mod protocol;
pub mod proxy;
pub mod routes;
pub mod rtnl;
pub mod sysctl;
pub mod table;
#[cfg(test)]
mod tests;
