//! Routes of the main table, and prefixes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{REPLACE, Rtnl, address_of, family, octets};
use crate::netlink::{Attributes, NetlinkError, Writer};

const RTMSG: usize = 12;
/// The protocol number our routes carry, so that a listing tells whose they are (unused by others in rt_protos).
const PROTOCOL: u8 = 131;
const RTNH_F_ONLINK: u32 = 4;

/// A network prefix with its host bits cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The network's address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub length: u8,
}

/// A text that is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid CIDR address: {0}")]
pub struct PrefixError(pub String);

impl Prefix {
    /// A prefix; host bits are cleared, the length is cut to the family's.
    pub fn new(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V4(address) => {
                let length = length.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Self { address: Ipv4Addr::from(u32::from(address) & mask).into(), length }
            }
            IpAddr::V6(address) => {
                let length = length.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Self { address: Ipv6Addr::from(u128::from(address) & mask).into(), length }
            }
        }
    }

    /// The prefix of one address alone.
    pub fn host(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv4() { 32 } else { 128 })
    }

    /// Everything of that address's family.
    pub fn all(family_of: IpAddr) -> Self {
        Self::new(family_of, 0)
    }

    /// Whether the address lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Self::new(address, self.length) == *self
    }

    /// Whether the two share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.length <= other.length { self.contains(other.address) } else { other.contains(self.address) }
    }

    /// The address at that offset from the network's address, where the prefix has it.
    pub fn nth(&self, offset: u64) -> Option<IpAddr> {
        let address = match self.address {
            IpAddr::V4(address) => {
                IpAddr::V4(Ipv4Addr::from(u32::from(address).checked_add(u32::try_from(offset).ok()?)?))
            }
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address).checked_add(u128::from(offset))?)),
        };
        self.contains(address).then_some(address)
    }

    /// The highest address inside.
    pub fn last(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) | host).into()
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) | host).into()
            }
        }
    }

    /// The network's address in network order.
    pub fn octets(&self) -> Vec<u8> {
        octets(self.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let error = || PrefixError(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(error)?;
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let length: u8 = length.parse().map_err(|_| error())?;
        let limit = if address.is_ipv4() { 32 } else { 128 };
        if length > limit { Err(error()) } else { Ok(Self::new(address, length)) }
    }
}

/// A unicast route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where to.
    pub destination: Prefix,
    /// Next hop; none means on the link.
    pub gateway: Option<IpAddr>,
    /// Index of the outgoing link.
    pub link: u32,
    /// Source address that locally made packets get.
    pub source: Option<IpAddr>,
    /// The gateway counts as reachable on the link though no prefix covers it.
    pub onlink: bool,
}

impl Rtnl {
    /// Makes or replaces a route.
    pub fn set_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        let operation = format!("set route {}", route.destination);
        self.socket.request(&operation, libc::RTM_NEWROUTE, REPLACE, |w| write(w, route))
    }

    /// Deletes a route; one that is not there is no error.
    pub fn delete_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        let operation = format!("delete route {}", route.destination);
        match self.socket.request(&operation, libc::RTM_DELROUTE, 0, |w| write(w, route)) {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }

    /// The unicast routes of the main table of both families: (route, whether we made it).
    pub fn routes(&mut self) -> Result<Vec<(Route, bool)>, NetlinkError> {
        let mut found = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6] {
            let messages = self.socket.dump("list routes", libc::RTM_GETROUTE, |w| {
                w.raw(&[family as u8]);
                w.raw(&[0; RTMSG - 1]);
            })?;
            found.extend(messages.iter().filter_map(|message| parse(&message.body)));
        }
        Ok(found)
    }

    /// The link a packet to `destination` would leave by, and the next hop.
    pub fn lookup(&mut self, destination: IpAddr) -> Result<Option<Route>, NetlinkError> {
        let operation = format!("look up route to {destination}");
        let bits = Prefix::host(destination).length;
        let answer = self.socket.exchange(&operation, libc::RTM_GETROUTE, libc::NLM_F_ACK as u16, |w| {
            w.raw(&[family(destination), bits, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            w.attribute(libc::RTA_DST, &octets(destination));
        });
        match answer {
            Ok(messages) => Ok(messages.iter().find_map(|message| parse_any(&message.body))),
            Err(error) if error.missing() || error.errno() == Some(libc::ENETUNREACH) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn write(writer: &mut Writer, route: &Route) {
    let scope = if route.gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
    let flags = if route.onlink { RTNH_F_ONLINK } else { 0 };
    writer.raw(&[family(route.destination.address), route.destination.length, 0, 0]);
    writer.raw(&[libc::RT_TABLE_MAIN, PROTOCOL, scope, libc::RTN_UNICAST]);
    writer.raw(&flags.to_ne_bytes());
    if route.destination.length > 0 {
        writer.attribute(libc::RTA_DST, &route.destination.octets());
    }
    if let Some(gateway) = route.gateway {
        writer.attribute(libc::RTA_GATEWAY, &octets(gateway));
    }
    if let Some(source) = route.source {
        writer.attribute(libc::RTA_PREFSRC, &octets(source));
    }
    writer.u32(libc::RTA_OIF, route.link);
}

fn parse(body: &[u8]) -> Option<(Route, bool)> {
    let header: &[u8; RTMSG] = body.first_chunk()?;
    let main = header[4] == libc::RT_TABLE_MAIN && header[7] == libc::RTN_UNICAST;
    let route = main.then(|| parse_any(body)).flatten()?;
    Some((route, header[5] == PROTOCOL))
}

fn parse_any(body: &[u8]) -> Option<Route> {
    let header: &[u8; RTMSG] = body.first_chunk()?;
    let attributes = Attributes(&body[RTMSG..]);
    let unspecified: IpAddr =
        if i32::from(header[0]) == libc::AF_INET { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let destination = attributes.find(libc::RTA_DST).and_then(address_of).unwrap_or(unspecified);
    let flags = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    Some(Route {
        destination: Prefix::new(destination, header[1]),
        gateway: attributes.find(libc::RTA_GATEWAY).and_then(address_of),
        link: attributes.u32(libc::RTA_OIF)?,
        source: attributes.find(libc::RTA_PREFSRC).and_then(address_of),
        onlink: flags & RTNH_F_ONLINK != 0,
    })
}
