//! Links: list, make (veth, vxlan), change, delete.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{CREATE, Rtnl, address_of, octets};
use crate::netlink::{Attributes, NetlinkError, Writer};

const IFINFOMSG: usize = 16;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_LINK: u16 = 3;
const IFLA_VXLAN_LOCAL: u16 = 4;
const IFLA_VXLAN_LEARNING: u16 = 7;
const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_VXLAN_LOCAL6: u16 = 17;

/// A network link as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: String,
    /// Hardware address, empty where the link has none.
    pub mac: Vec<u8>,
    /// Administratively up.
    pub up: bool,
    /// The loopback link.
    pub loopback: bool,
    /// Largest packet.
    pub mtu: u32,
    /// Kind of a virtual link (`veth`, `vxlan`, ...).
    pub kind: Option<String>,
    /// VXLAN network identifier, local address and port, where it is a VXLAN.
    pub vxlan: Option<(u32, Option<IpAddr>, u16)>,
}

/// What a VXLAN link is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vxlan {
    /// Network identifier.
    pub id: u32,
    /// Source address of the outer packets.
    pub local: IpAddr,
    /// Destination port of the outer packets.
    pub port: u16,
    /// The underlying link.
    pub device: u32,
    /// Hardware address of the link.
    pub mac: [u8; 6],
    /// Largest inner packet.
    pub mtu: u32,
}

impl Rtnl {
    /// All links.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let messages = self.socket.dump("list links", libc::RTM_GETLINK, |w| header(w, 0, 0, 0))?;
        Ok(messages.iter().filter_map(|message| parse(&message.body)).collect())
    }

    /// The link of that name, if there is one.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let operation = format!("get link {name}");
        let answer = self.socket.exchange(&operation, libc::RTM_GETLINK, libc::NLM_F_ACK as u16, |w| {
            header(w, 0, 0, 0);
            w.text(libc::IFLA_IFNAME, name);
        });
        match answer {
            Ok(messages) => Ok(messages.iter().find_map(|message| parse(&message.body))),
            Err(error) if error.missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a veth pair: `name` here (up, with `mac`), `peer` inside `namespace`.
    pub fn add_veth(
        &mut self,
        name: &str,
        mac: [u8; 6],
        peer: (&str, [u8; 6], Option<BorrowedFd>),
        mtu: u32,
    ) -> Result<(), NetlinkError> {
        let (peer_name, peer_mac, namespace) = peer;
        self.socket.request(&format!("add veth {name}"), libc::RTM_NEWLINK, CREATE, |w| {
            let up = libc::IFF_UP as u32;
            header(w, 0, up, up);
            w.text(libc::IFLA_IFNAME, name);
            w.attribute(libc::IFLA_ADDRESS, &mac);
            w.u32(libc::IFLA_MTU, mtu);
            w.nest(libc::IFLA_LINKINFO, |w| {
                w.text(IFLA_INFO_KIND, "veth");
                w.nest(IFLA_INFO_DATA, |w| {
                    w.nest(VETH_INFO_PEER, |w| {
                        header(w, 0, 0, 0);
                        w.text(libc::IFLA_IFNAME, peer_name);
                        w.attribute(libc::IFLA_ADDRESS, &peer_mac);
                        w.u32(libc::IFLA_MTU, mtu);
                        if let Some(namespace) = namespace {
                            w.u32(libc::IFLA_NET_NS_FD, namespace.as_raw_fd() as u32);
                        }
                    });
                });
            });
        })
    }

    /// Makes a VXLAN link without learning: its forwarding entries are ours.
    pub fn add_vxlan(&mut self, name: &str, vxlan: &Vxlan) -> Result<(), NetlinkError> {
        self.socket.request(&format!("add vxlan {name}"), libc::RTM_NEWLINK, CREATE, |w| {
            let up = libc::IFF_UP as u32;
            header(w, 0, up, up);
            w.text(libc::IFLA_IFNAME, name);
            w.attribute(libc::IFLA_ADDRESS, &vxlan.mac);
            w.u32(libc::IFLA_MTU, vxlan.mtu);
            w.nest(libc::IFLA_LINKINFO, |w| {
                w.text(IFLA_INFO_KIND, "vxlan");
                w.nest(IFLA_INFO_DATA, |w| {
                    w.u32(IFLA_VXLAN_ID, vxlan.id);
                    w.u32(IFLA_VXLAN_LINK, vxlan.device);
                    let local = if vxlan.local.is_ipv4() { IFLA_VXLAN_LOCAL } else { IFLA_VXLAN_LOCAL6 };
                    w.attribute(local, &octets(vxlan.local));
                    w.u8(IFLA_VXLAN_LEARNING, 0);
                    w.be16(IFLA_VXLAN_PORT, vxlan.port);
                });
            });
        })
    }

    /// Sets a link administratively up.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let up = libc::IFF_UP as u32;
        self.socket.request(&format!("set link {index} up"), libc::RTM_NEWLINK, 0, |w| header(w, index, up, up))
    }

    /// Deletes a link by name; one that is not there is no error.
    pub fn delete_link(&mut self, name: &str) -> Result<(), NetlinkError> {
        let outcome = self.socket.request(&format!("delete link {name}"), libc::RTM_DELLINK, 0, |w| {
            header(w, 0, 0, 0);
            w.text(libc::IFLA_IFNAME, name);
        });
        match outcome {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }
}

/// Writes a `struct ifinfomsg`.
fn header(writer: &mut Writer, index: u32, flags: u32, change: u32) {
    writer.raw(&[0; 4]);
    writer.raw(&index.to_ne_bytes());
    writer.raw(&flags.to_ne_bytes());
    writer.raw(&change.to_ne_bytes());
}

fn parse(body: &[u8]) -> Option<Link> {
    let word = |at: usize| body.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let (index, flags) = (word(4)?, word(8)?);
    let attributes = Attributes(body.get(IFINFOMSG..)?);
    let info = attributes.nested(libc::IFLA_LINKINFO);
    let kind = info.and_then(|info| info.text(IFLA_INFO_KIND)).map(str::to_owned);
    let data = info.and_then(|info| info.nested(IFLA_INFO_DATA));
    let vxlan = data.filter(|_| kind.as_deref() == Some("vxlan")).and_then(parse_vxlan);
    Some(Link {
        index,
        name: attributes.text(libc::IFLA_IFNAME)?.to_owned(),
        mac: attributes.find(libc::IFLA_ADDRESS).unwrap_or_default().to_vec(),
        up: flags & libc::IFF_UP as u32 != 0,
        loopback: flags & libc::IFF_LOOPBACK as u32 != 0,
        mtu: attributes.u32(libc::IFLA_MTU).unwrap_or_default(),
        kind,
        vxlan,
    })
}

fn parse_vxlan(data: Attributes<'_>) -> Option<(u32, Option<IpAddr>, u16)> {
    let local = data.find(IFLA_VXLAN_LOCAL).or_else(|| data.find(IFLA_VXLAN_LOCAL6)).and_then(address_of);
    let port = data.find(IFLA_VXLAN_PORT)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
    Some((data.u32(IFLA_VXLAN_ID)?, local, port))
}
