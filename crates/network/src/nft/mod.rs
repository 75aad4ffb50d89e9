//! nftables over nfnetlink: the objects as plain data, their encoding, one batch = one transaction, and what is read back.
//! It knows nothing of Services or Pods.

mod batch;
mod chain;
mod connection;
mod constants;
mod element;
mod error;
mod expression;
mod listing;
mod monitor;
mod set;

pub use batch::{Batch, TableId};
pub use chain::{Base, Chain, ChainKind, Hook, Policy, Rule};
pub use connection::Connection;
pub use constants::{
    CT_STATUS_DNAT, FAMILY_INET, FAMILY_IPV4, FAMILY_IPV6, STATE_ESTABLISHED, STATE_NEW, STATE_RELATED,
};
pub use element::{Element, Key, Value};
pub use error::NftError;
pub use expression::{
    Base as HeaderBase, Comparison, Conntrack, DynamicOperation, Expression, Fib, FibResult, Meta, Numgen, Reg, Reject,
    Verdict,
};
pub use listing::{ListedChain, ListedRule, TAG};
pub use monitor::{Change, Monitor};
pub use set::{Field, Set, SetData};

#[cfg(test)]
mod tests;
