//! Routes between nodes: by the node's address where both are on one L2 network, through a VXLAN otherwise; the node's own address in
//! its Pod range; and the link that routes to service addresses leave by, so that a host without a default route reaches Services.

mod apply;
mod desired;
mod start;

pub use apply::apply;
pub use desired::{Desired, Local, Mode, Peer, Settings, desired};
pub use start::{Config, start};

#[cfg(test)]
mod tests;
