//! Links, addresses, routes and neighbours of one network namespace, over the routing family of netlink.

mod address;
mod link;
mod neighbour;
mod route;

pub use address::Address;
pub use link::{Link, Vxlan};
pub use neighbour::Neighbour;
pub use route::{Prefix, PrefixError, Route};

use std::path::Path;

use crate::netlink::{NetlinkError, Socket, in_namespace};

/// A connection to the routing family; it works in the namespace it was opened in, from any thread.
pub struct Rtnl {
    socket: Socket,
}

impl Rtnl {
    /// Opens a connection in the current namespace.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: Socket::route()? })
    }

    /// Opens a connection in the namespace at `path`.
    pub fn open_in(path: &Path) -> Result<Self, NetlinkError> {
        in_namespace(path, Self::open)
    }
}

/// Flags that make a new object and refuse an existing one.
const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
/// Flags that make an object or replace it.
const REPLACE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;

/// The address family byte of an address.
fn family(address: std::net::IpAddr) -> u8 {
    match address {
        std::net::IpAddr::V4(_) => libc::AF_INET as u8,
        std::net::IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

/// The address in network order.
fn octets(address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// An address from an attribute of four or sixteen bytes.
fn address_of(bytes: &[u8]) -> Option<std::net::IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}
