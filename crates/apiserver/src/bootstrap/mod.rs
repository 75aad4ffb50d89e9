//! The objects a cluster has from its first start on, reconciled at every start: added and completed, never taken away from the user.

mod apply;
mod cluster;
mod flow;
mod reconcile;
mod roles;

#[cfg(test)]
mod tests;

pub use apply::{BootstrapError, ensure, run};
pub(crate) use roles::default_role_rules;
#[cfg(test)]
pub(crate) use roles::desired as joining_roles;
pub use roles::{default_roles, role_rows};
