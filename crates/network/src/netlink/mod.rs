//! Netlink as the kernel speaks it: attributes, one blocking socket, errors with the kernel's own words. Families (routing, nftables,
//! connection tracking) build on it in their own folders; nothing here knows any of them.

mod attribute;
mod error;
mod events;
mod namespace;
mod socket;

pub use attribute::{Attributes, Writer};
pub use error::NetlinkError;
pub use events::Events;
pub use namespace::in_namespace;
pub use socket::{Message, Socket};

#[cfg(test)]
mod tests;
