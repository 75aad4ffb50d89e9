//! The service proxy: all Services in a handful of nftables maps. `desired` says what one Service needs, `proxier` what a change means for
//! the table, `apply` watches the API and does it. Node ports answer on every address of the node, loopback included (IPv4), as
//! kube-proxy's iptables mode has it.

mod apply;
mod desired;
mod elements;
mod endpoints;
mod foreign;
mod frontend;
mod pick;
mod proxier;
mod slots;
mod stale;

pub use apply::{Config, Handle, start};
pub use desired::{Frontends, desired};
pub use endpoints::NodeView;
pub use frontend::{Backend, Endpoint, Frontend, Listen, Masquerade, Refusal, ServiceKey};
pub use proxier::{Change, Proxier};

#[cfg(test)]
mod tests;
