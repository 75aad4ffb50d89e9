//! Addresses on links.

use std::net::IpAddr;

use super::{REPLACE, Rtnl, address_of, family, octets};
use crate::netlink::{Attributes, NetlinkError};

const IFADDRMSG: usize = 8;
const IFA_F_NODAD: u8 = 0x02;

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Index of the link.
    pub link: u32,
    /// The address itself.
    pub address: IpAddr,
    /// Length of its on-link prefix.
    pub prefix: u8,
    /// RT_SCOPE_*: 0 universe, 253 link, 254 host.
    pub scope: u8,
}

impl Rtnl {
    /// All addresses of both families.
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let messages = self.socket.dump("list addresses", libc::RTM_GETADDR, |w| w.raw(&[0; IFADDRMSG]))?;
        Ok(messages.iter().filter_map(|message| parse(&message.body)).collect())
    }

    /// Puts an address on a link; there already is no error. IPv6 skips duplicate address detection.
    pub fn add_address(&mut self, address: &Address) -> Result<(), NetlinkError> {
        let operation = format!("add address {}/{}", address.address, address.prefix);
        self.socket.request(&operation, libc::RTM_NEWADDR, REPLACE, |w| {
            let flags = if address.address.is_ipv6() { IFA_F_NODAD } else { 0 };
            w.raw(&[family(address.address), address.prefix, flags, address.scope]);
            w.raw(&address.link.to_ne_bytes());
            w.attribute(libc::IFA_LOCAL, &octets(address.address));
            w.attribute(libc::IFA_ADDRESS, &octets(address.address));
        })
    }

    /// Takes an address off a link; one that is not there is no error.
    pub fn delete_address(&mut self, address: &Address) -> Result<(), NetlinkError> {
        let operation = format!("delete address {}/{}", address.address, address.prefix);
        let outcome = self.socket.request(&operation, libc::RTM_DELADDR, 0, |w| {
            w.raw(&[family(address.address), address.prefix, 0, address.scope]);
            w.raw(&address.link.to_ne_bytes());
            w.attribute(libc::IFA_LOCAL, &octets(address.address));
        });
        match outcome {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }
}

fn parse(body: &[u8]) -> Option<Address> {
    let header: &[u8; IFADDRMSG] = body.first_chunk()?;
    let attributes = Attributes(&body[IFADDRMSG..]);
    let value = attributes.find(libc::IFA_LOCAL).or_else(|| attributes.find(libc::IFA_ADDRESS))?;
    Some(Address {
        link: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        address: address_of(value)?,
        prefix: header[1],
        scope: header[3],
    })
}
