//! The expressions a rule is made of, and their encoding.

use std::time::Duration;

use super::constants::*;
use super::element::Value;
use crate::netlink::Writer;

/// One of the sixteen 32-bit registers; wider values take the following ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reg(pub u8);

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Let it pass this hook.
    Accept,
    /// Drop it.
    Drop,
    /// Back to the caller.
    Return,
    /// Into a chain and back.
    Jump(String),
    /// Into a chain for good.
    Goto(String),
}

/// Which header a payload is loaded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// IPv4 or IPv6 header.
    Network,
    /// TCP, UDP, SCTP header.
    Transport,
}

/// Facts about the packet outside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// The firewall mark.
    Mark,
    /// Incoming link's name (16 bytes).
    InputName,
    /// Outgoing link's name (16 bytes).
    OutputName,
    /// IPv4 or IPv6 in an inet table.
    Family,
    /// Transport protocol.
    Protocol,
}

/// Facts about the packet's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conntrack {
    /// New, established, related.
    State,
    /// Bits such as "destination rewritten".
    Status,
    /// The IPv4 address that the client asked for, before any rewriting.
    AskedIpv4,
    /// The IPv6 address that the client asked for.
    AskedIpv6,
    /// The port that the client asked for.
    AskedPort,
}

/// Equal or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
}

/// How a slot number is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numgen {
    /// Numbers are below this.
    pub modulus: u32,
    /// Added to each.
    pub offset: u32,
}

/// What a look into the routing table yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FibResult {
    /// Index of the outgoing link, 0 for none.
    Output,
    /// Type of the address: 2 is local.
    AddressType,
}

/// A look into the routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fib {
    /// What it yields.
    pub result: FibResult,
    /// Look up the packet's source instead of its destination.
    pub source: bool,
    /// Only routes by the incoming link.
    pub by_input: bool,
}

/// How a packet is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// ICMP or ICMPv6 port unreachable.
    PortUnreachable,
    /// A TCP reset; only for TCP.
    TcpReset,
}

/// What a dynset does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicOperation {
    /// Add if absent.
    Add,
    /// Add, or restart the element's timeout.
    Update,
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Loads header bytes.
    Payload { base: Base, offset: u32, length: u32, into: Reg },
    /// Loads a fact.
    Meta { key: Meta, into: Reg },
    /// Sets the packet's mark.
    SetMark { from: Reg },
    /// Loads a fact about the connection.
    Conntrack { key: Conntrack, into: Reg },
    /// Goes on only if the register compares.
    Compare { from: Reg, comparison: Comparison, with: Vec<u8> },
    /// (register & mask) ^ xor, in place.
    Bitwise { register: Reg, mask: Vec<u8>, xor: Vec<u8> },
    /// Loads a constant.
    Load { into: Reg, bytes: Vec<u8> },
    /// Looks a key up: goes on if it is there (or is not), with the map's data in `into`. A verdict map ends the rule.
    Lookup { set: String, from: Reg, into: Option<Reg>, verdict: bool, inverted: bool },
    /// Changes a set from the packet path.
    Dynamic { set: String, operation: DynamicOperation, key: Reg, data: Option<Reg>, timeout: Option<Duration> },
    /// A random number.
    Numgen { numgen: Numgen, into: Reg },
    /// A look into the routing table.
    Fib { fib: Fib, into: Reg },
    /// Rewrites the destination.
    Dnat { family: u8, address: Reg, port: Reg },
    /// Rewrites the source to the outgoing link's address, with a random port.
    Masquerade,
    /// Turns the packet away.
    Reject(Reject),
    /// Counts packets and bytes.
    Counter,
    /// Ends the rule.
    Verdict(Verdict),
}

impl Expression {
    /// Writes the expression as a list element.
    pub fn encode(&self, writer: &mut Writer) {
        writer.nest(NFTA_LIST_ELEM, |w| {
            w.text(NFTA_EXPR_NAME, self.name());
            w.nest(NFTA_EXPR_DATA, |w| self.encode_data(w));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Payload { .. } => "payload",
            Self::Meta { .. } | Self::SetMark { .. } => "meta",
            Self::Conntrack { .. } => "ct",
            Self::Compare { .. } => "cmp",
            Self::Bitwise { .. } => "bitwise",
            Self::Load { .. } | Self::Verdict(_) => "immediate",
            Self::Lookup { .. } => "lookup",
            Self::Dynamic { .. } => "dynset",
            Self::Numgen { .. } => "numgen",
            Self::Fib { .. } => "fib",
            Self::Dnat { .. } => "nat",
            Self::Masquerade => "masq",
            Self::Reject(_) => "reject",
            Self::Counter => "counter",
        }
    }

    /// Attributes are numbered per expression; the numbers follow the kernel's enums in their order.
    fn encode_data(&self, w: &mut Writer) {
        match self {
            Self::Payload { base, offset, length, into } => {
                w.be32(1, into.number());
                w.be32(2, if *base == Base::Network { 1 } else { 2 });
                w.be32(3, *offset);
                w.be32(4, *length);
            }
            Self::Meta { key, into } => {
                w.be32(1, into.number());
                w.be32(2, key.number());
            }
            Self::SetMark { from } => {
                w.be32(2, Meta::Mark.number());
                w.be32(3, from.number());
            }
            Self::Conntrack { key, into } => {
                w.be32(1, into.number());
                w.be32(2, key.number());
                if key.has_direction() {
                    w.u8(3, 0);
                }
            }
            Self::Compare { from, comparison, with } => {
                w.be32(1, from.number());
                w.be32(2, if *comparison == Comparison::Equal { 0 } else { 1 });
                w.nest(3, |w| w.attribute(NFTA_DATA_VALUE, with));
            }
            Self::Bitwise { register, mask, xor } => {
                w.be32(1, register.number());
                w.be32(2, register.number());
                w.be32(3, mask.len() as u32);
                w.nest(4, |w| w.attribute(NFTA_DATA_VALUE, mask));
                w.nest(5, |w| w.attribute(NFTA_DATA_VALUE, xor));
            }
            Self::Load { into, bytes } => {
                w.be32(1, into.number());
                w.nest(2, |w| w.attribute(NFTA_DATA_VALUE, bytes));
            }
            Self::Verdict(verdict) => {
                w.be32(1, 0);
                Value::Verdict(verdict.clone()).encode(2, w);
            }
            _ => self.encode_action(w),
        }
    }

    fn encode_action(&self, w: &mut Writer) {
        match self {
            Self::Lookup { set, from, into, verdict, inverted } => {
                w.text(1, set);
                w.be32(2, from.number());
                if *verdict {
                    w.be32(3, 0);
                } else if let Some(into) = into {
                    w.be32(3, into.number());
                }
                if *inverted {
                    w.be32(5, 1);
                }
            }
            Self::Dynamic { set, operation, key, data, timeout } => {
                w.text(1, set);
                w.be32(3, if *operation == DynamicOperation::Add { 0 } else { 1 });
                w.be32(4, key.number());
                if let Some(data) = data {
                    w.be32(5, data.number());
                }
                if let Some(timeout) = timeout {
                    w.be64(6, timeout.as_millis() as u64);
                }
            }
            Self::Numgen { numgen, into } => {
                w.be32(1, into.number());
                w.be32(2, numgen.modulus);
                w.be32(3, 1);
                w.be32(4, numgen.offset);
            }
            Self::Fib { fib, into } => {
                w.be32(1, into.number());
                w.be32(2, if fib.result == FibResult::Output { 1 } else { 3 });
                let side = if fib.source { 1 } else { 2 };
                w.be32(3, side | if fib.by_input { 8 } else { 0 });
            }
            Self::Dnat { family, address, port } => {
                w.be32(1, 1);
                w.be32(2, u32::from(*family));
                w.be32(3, address.number());
                w.be32(5, port.number());
            }
            // NF_NAT_RANGE_PROTO_RANDOM_FULLY
            Self::Masquerade => w.be32(1, 1 << 4),
            Self::Reject(reject) => {
                w.be32(1, if *reject == Reject::TcpReset { 1 } else { 2 });
                w.u8(2, if *reject == Reject::TcpReset { 0 } else { 1 });
            }
            _ => {}
        }
    }
}

impl Reg {
    fn number(self) -> u32 {
        8 + u32::from(self.0)
    }
}

impl Conntrack {
    fn number(self) -> u32 {
        match self {
            Self::State => 0,
            Self::Status => 2,
            Self::AskedPort => 12,
            Self::AskedIpv4 => 20,
            Self::AskedIpv6 => 22,
        }
    }

    /// Whether it is a fact about one direction; here always the original one.
    fn has_direction(self) -> bool {
        matches!(self, Self::AskedIpv4 | Self::AskedIpv6 | Self::AskedPort)
    }
}

impl Meta {
    fn number(self) -> u32 {
        match self {
            Self::Mark => 3,
            Self::InputName => 6,
            Self::OutputName => 7,
            Self::Family => 15,
            Self::Protocol => 16,
        }
    }
}

impl Verdict {
    /// The kernel's code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Jump(_) => -3,
            Self::Goto(_) => -4,
            Self::Return => -5,
        }
    }
}
