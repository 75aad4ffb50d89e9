//! Neighbour entries: permanent ARP/NDP entries and VXLAN forwarding entries.

use std::net::IpAddr;

use super::{REPLACE, Rtnl, address_of, family, octets};
use crate::netlink::{Attributes, NetlinkError, Writer};

const NDMSG: usize = 12;
const NUD_PERMANENT: u16 = 0x80;
/// The entry belongs to the link itself (a VXLAN's forwarding entry).
const NTF_SELF: u8 = 0x02;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// A permanent neighbour of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// Index of the link.
    pub link: u32,
    /// Its address: of the neighbour, or of the tunnel's far end for a forwarding entry.
    pub address: IpAddr,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// A forwarding entry (`bridge fdb`) instead of an ARP/NDP entry.
    pub forwarding: bool,
}

impl Rtnl {
    /// Makes or replaces a permanent entry.
    pub fn set_neighbour(&mut self, neighbour: &Neighbour) -> Result<(), NetlinkError> {
        let operation = format!("set neighbour {}", neighbour.address);
        self.socket.request(&operation, libc::RTM_NEWNEIGH, REPLACE, |w| write(w, neighbour))
    }

    /// Deletes an entry; one that is not there is no error.
    pub fn delete_neighbour(&mut self, neighbour: &Neighbour) -> Result<(), NetlinkError> {
        let operation = format!("delete neighbour {}", neighbour.address);
        match self.socket.request(&operation, libc::RTM_DELNEIGH, 0, |w| write(w, neighbour)) {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }

    /// The permanent entries of a link, of both kinds.
    pub fn neighbours(&mut self, link: u32) -> Result<Vec<Neighbour>, NetlinkError> {
        let mut found = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6, libc::AF_BRIDGE] {
            let messages = self.socket.dump("list neighbours", libc::RTM_GETNEIGH, |w| {
                w.raw(&[family as u8, 0, 0, 0]);
                w.raw(&[0; 8]);
            })?;
            found.extend(messages.iter().filter_map(|message| parse(&message.body)).filter(|entry| entry.link == link));
        }
        Ok(found)
    }
}

fn write(writer: &mut Writer, neighbour: &Neighbour) {
    let (family, flags) =
        if neighbour.forwarding { (libc::AF_BRIDGE as u8, NTF_SELF) } else { (family(neighbour.address), 0) };
    writer.raw(&[family, 0, 0, 0]);
    writer.raw(&neighbour.link.to_ne_bytes());
    writer.raw(&NUD_PERMANENT.to_ne_bytes());
    writer.raw(&[flags, 0]);
    writer.attribute(NDA_DST, &octets(neighbour.address));
    writer.attribute(NDA_LLADDR, &neighbour.mac);
}

fn parse(body: &[u8]) -> Option<Neighbour> {
    let header: &[u8; NDMSG] = body.first_chunk()?;
    let attributes = Attributes(&body[NDMSG..]);
    let state = u16::from_ne_bytes([header[8], header[9]]);
    if state & NUD_PERMANENT == 0 {
        return None;
    }
    Some(Neighbour {
        link: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        address: attributes.find(NDA_DST).and_then(address_of)?,
        mac: attributes.find(NDA_LLADDR)?.try_into().ok()?,
        forwarding: i32::from(header[0]) == libc::AF_BRIDGE,
    })
}
