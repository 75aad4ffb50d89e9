//! Connection tracking over ctnetlink: finding and cutting entries, so that UDP clients of a removed endpoint are sent on.

use std::net::IpAddr;

use crate::netlink::{Attributes, NetlinkError, Socket, Writer};

const SUBSYSTEM: u16 = 1 << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
const HEADER: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Sender.
    pub source: (IpAddr, u16),
    /// Receiver.
    pub destination: (IpAddr, u16),
    /// Protocol number.
    pub protocol: u8,
}

/// A tracked connection.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As the client sent it.
    pub original: Tuple,
    /// As it is answered.
    pub reply: Tuple,
    family: u8,
    key: Vec<(u16, Vec<u8>)>,
}

/// A connection to ctnetlink, bound to the namespace of the thread that opened it.
pub struct Conntrack {
    socket: Socket,
}

impl Conntrack {
    /// Opens it in the current namespace.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: Socket::netfilter()? })
    }

    /// All entries of both families.
    pub fn entries(&mut self) -> Result<Vec<Entry>, NetlinkError> {
        let messages = self.socket.dump("list connections", GET, |w| w.raw(&[0; HEADER]))?;
        Ok(messages.iter().filter_map(|message| parse(*message.body.first()?, message.attributes(HEADER))).collect())
    }

    /// Deletes an entry; one that is gone is no error.
    pub fn delete(&mut self, entry: &Entry) -> Result<(), NetlinkError> {
        let write = |w: &mut Writer| {
            w.raw(&[entry.family, 0, 0, 0]);
            entry.key.iter().for_each(|(kind, bytes)| w.attribute(*kind, bytes));
        };
        match self.socket.request("delete a connection", DELETE, 0, write) {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }
}

fn parse(family: u8, attributes: Attributes<'_>) -> Option<Entry> {
    const NESTED: u16 = 0x8000;
    let mut key = vec![(CTA_TUPLE_ORIG | NESTED, attributes.find(CTA_TUPLE_ORIG)?.to_vec())];
    for kind in [CTA_ZONE, CTA_ID] {
        key.extend(attributes.find(kind).map(|bytes| (kind, bytes.to_vec())));
    }
    let original = tuple(attributes.nested(CTA_TUPLE_ORIG)?)?;
    Some(Entry { original, reply: tuple(attributes.nested(CTA_TUPLE_REPLY)?)?, family, key })
}

/// Addresses are attributes 1 and 2 for IPv4, 3 and 4 for IPv6.
fn tuple(attributes: Attributes<'_>) -> Option<Tuple> {
    let addresses = attributes.nested(CTA_TUPLE_IP)?;
    let ports = attributes.nested(CTA_TUPLE_PROTO)?;
    let address = |four: u16, six: u16| {
        let v4 = addresses.find(four).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(IpAddr::from);
        v4.or_else(|| addresses.find(six).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(IpAddr::from))
    };
    let port = |kind| Some(u16::from_be_bytes(*ports.find(kind)?.first_chunk()?));
    Some(Tuple {
        source: (address(1, 3)?, port(CTA_PROTO_SRC_PORT)?),
        destination: (address(2, 4)?, port(CTA_PROTO_DST_PORT)?),
        protocol: *ports.find(CTA_PROTO_NUM)?.first()?,
    })
}
