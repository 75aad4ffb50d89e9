//! Which register holds what in the rules of the table, and the recurring steps of rules.

use std::net::IpAddr;

use crate::nft::{
    Comparison, Conntrack, Expression, FAMILY_IPV4, FAMILY_IPV6, Fib, FibResult, Field, HeaderBase, Key, Meta, Reg,
    SetData, Verdict,
};
use crate::rtnl::Prefix;

/// Packets with this bit leave with the node's address (upstream's default masquerade bit).
pub const MASQUERADE_MARK: u32 = 0x4000;
/// Packets of new connections to a Service with session affinity carry this bit from the choice of the endpoint to its noting.
pub const AFFINITY_MARK: u32 = 0x1000;
/// Packets from or to a Pod carry this bit, so that one rule in somebody's chain can accept them.
pub const POD_MARK: u32 = 0x2000;

/// IPv4 or IPv6: registers, offsets and types. The source, address, protocol, port and slot registers are contiguous, so that any run of
/// them is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// `4` or `6`, the suffix of sets and chains.
    pub fn digit(self) -> char {
        if self == Self::V4 { '4' } else { '6' }
    }

    /// The kernel's number.
    pub fn number(self) -> u8 {
        if self == Self::V4 { FAMILY_IPV4 } else { FAMILY_IPV6 }
    }

    /// The address's type in sets.
    pub fn field(self) -> Field {
        if self == Self::V4 { Field::Ipv4 } else { Field::Ipv6 }
    }

    /// Address and port, as endpoint maps hold them.
    pub fn endpoint(self) -> SetData {
        SetData::Fields(vec![self.field(), Field::Port])
    }

    /// Address, protocol, port.
    pub fn frontend(self) -> [Field; 3] {
        [self.field(), Field::Protocol, Field::Port]
    }

    fn words(self) -> u8 {
        if self == Self::V4 { 1 } else { 4 }
    }

    /// Source address.
    pub fn source(self) -> Reg {
        Reg(0)
    }

    /// Destination address.
    pub fn address(self) -> Reg {
        Reg(self.words())
    }

    /// Transport protocol.
    pub fn protocol(self) -> Reg {
        Reg(2 * self.words())
    }

    /// Destination port.
    pub fn port(self) -> Reg {
        Reg(2 * self.words() + 1)
    }

    /// Slot number.
    pub fn slot(self) -> Reg {
        Reg(2 * self.words() + 2)
    }

    /// An endpoint's address.
    pub fn endpoint_address(self) -> Reg {
        Reg(2 * self.words() + 3)
    }

    /// An endpoint's port.
    pub fn endpoint_port(self) -> Reg {
        Reg(3 * self.words() + 3)
    }

    /// Loads the packet's source address.
    pub fn load_source(self) -> Expression {
        let (offset, length) = if self == Self::V4 { (12, 4) } else { (8, 16) };
        Expression::Payload { base: HeaderBase::Network, offset, length, into: self.source() }
    }

    /// Loads the packet's destination address.
    pub fn load_address(self) -> Expression {
        let (offset, length) = if self == Self::V4 { (16, 4) } else { (24, 16) };
        Expression::Payload { base: HeaderBase::Network, offset, length, into: self.address() }
    }

    /// Loads protocol and destination port.
    pub fn load_port(self) -> [Expression; 2] {
        [
            Expression::Meta { key: Meta::Protocol, into: self.protocol() },
            Expression::Payload { base: HeaderBase::Transport, offset: 2, length: 2, into: self.port() },
        ]
    }

    /// Loads what the client asked for before the destination was rewritten: address (or the unspecified one), protocol, port.
    pub fn load_asked(self, any_local: bool) -> [Expression; 3] {
        let key = if self == Self::V4 { Conntrack::AskedIpv4 } else { Conntrack::AskedIpv6 };
        let address = if any_local {
            Expression::Load { into: self.address(), bytes: Key::new().ip(self.unspecified()).0 }
        } else {
            Expression::Conntrack { key, into: self.address() }
        };
        let port = Expression::Conntrack { key: Conntrack::AskedPort, into: self.port() };
        [address, Expression::Meta { key: Meta::Protocol, into: self.protocol() }, port]
    }

    /// Loads where the packet goes now, as endpoint maps hold it.
    pub fn load_endpoint(self) -> [Expression; 2] {
        let (offset, length) = if self == Self::V4 { (16, 4) } else { (24, 16) };
        [
            Expression::Payload { base: HeaderBase::Network, offset, length, into: self.endpoint_address() },
            Expression::Payload { base: HeaderBase::Transport, offset: 2, length: 2, into: self.endpoint_port() },
        ]
    }

    /// Goes on only for packets of this family.
    pub fn only(self) -> [Expression; 2] {
        [Expression::Meta { key: Meta::Family, into: Reg(0) }, steps::equal(Reg(0), vec![self.number()])]
    }

    /// The unspecified address: stands for "any local address" in keys.
    pub fn unspecified(self) -> IpAddr {
        if self == Self::V4 { std::net::Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() }
    }
}

/// Recurring steps of rules.
pub mod steps {
    use super::*;

    /// Goes on if the register has that value.
    pub fn equal(from: Reg, with: Vec<u8>) -> Expression {
        Expression::Compare { from, comparison: Comparison::Equal, with }
    }

    /// Goes on if the register has another value.
    pub fn differs(from: Reg, with: Vec<u8>) -> Expression {
        Expression::Compare { from, comparison: Comparison::NotEqual, with }
    }

    /// Goes on if the address in `register` is inside (or outside) the prefix; the register is masked.
    pub fn prefix(register: Reg, prefix: Prefix, comparison: Comparison) -> Vec<Expression> {
        let width = prefix.octets().len();
        let mask: Vec<u8> = (0..width).map(|byte| mask_byte(prefix.length, byte)).collect();
        vec![
            Expression::Bitwise { register, mask, xor: vec![0; width] },
            Expression::Compare { from: register, comparison, with: prefix.octets() },
        ]
    }

    fn mask_byte(length: u8, byte: usize) -> u8 {
        let bits = usize::from(length).saturating_sub(byte * 8).min(8);
        !(0xff_u8.checked_shr(bits as u32).unwrap_or(0))
    }

    /// Sets bits of the packet's mark.
    pub fn add_mark(bits: u32) -> Vec<Expression> {
        mark(!bits, bits)
    }

    /// Clears bits of the packet's mark.
    pub fn clear_mark(bits: u32) -> Vec<Expression> {
        mark(!bits, 0)
    }

    fn mark(mask: u32, xor: u32) -> Vec<Expression> {
        vec![
            Expression::Meta { key: Meta::Mark, into: Reg(15) },
            Expression::Bitwise {
                register: Reg(15),
                mask: mask.to_ne_bytes().to_vec(),
                xor: xor.to_ne_bytes().to_vec(),
            },
            Expression::SetMark { from: Reg(15) },
        ]
    }

    /// Goes on if the packet's mark has these bits.
    pub fn has_mark(bits: u32) -> Vec<Expression> {
        let bytes = bits.to_ne_bytes().to_vec();
        vec![
            Expression::Meta { key: Meta::Mark, into: Reg(15) },
            Expression::Bitwise { register: Reg(15), mask: bytes.clone(), xor: vec![0; 4] },
            equal(Reg(15), bytes),
        ]
    }

    /// Goes on if the link's name begins with `prefix`.
    pub fn link_begins(key: Meta, prefix: &str) -> Vec<Expression> {
        vec![Expression::Meta { key, into: Reg(0) }, equal(Reg(0), prefix.as_bytes().to_vec())]
    }

    /// Goes on if the destination (or source) is an address of this host.
    pub fn local(source: bool) -> Vec<Expression> {
        const RTN_LOCAL: u32 = 2;
        vec![
            Expression::Fib { fib: Fib { result: FibResult::AddressType, source, by_input: false }, into: Reg(15) },
            equal(Reg(15), RTN_LOCAL.to_ne_bytes().to_vec()),
        ]
    }

    /// Goes on if the connection's bits (state or status) share one with `bits`.
    pub fn conntrack(key: crate::nft::Conntrack, bits: u32) -> Vec<Expression> {
        vec![
            Expression::Conntrack { key, into: Reg(15) },
            Expression::Bitwise { register: Reg(15), mask: bits.to_ne_bytes().to_vec(), xor: vec![0; 4] },
            differs(Reg(15), vec![0; 4]),
        ]
    }

    /// Ends the rule with a verdict looked up by the key that begins at `from`.
    pub fn verdict_map(set: &str, from: Reg) -> Expression {
        Expression::Lookup { set: set.to_owned(), from, into: None, verdict: true, inverted: false }
    }

    /// Loads a map's data, or does not go on.
    pub fn data_map(set: &str, from: Reg, into: Reg) -> Expression {
        Expression::Lookup { set: set.to_owned(), from, into: Some(into), verdict: false, inverted: false }
    }

    /// Goes on if the key is in the set (or is not).
    pub fn member(set: &str, from: Reg, inverted: bool) -> Expression {
        Expression::Lookup { set: set.to_owned(), from, into: None, verdict: false, inverted }
    }

    /// Into a chain and back.
    pub fn jump(chain: &str) -> Expression {
        Expression::Verdict(Verdict::Jump(chain.to_owned()))
    }

    /// Into a chain for good.
    pub fn goto(chain: &str) -> Expression {
        Expression::Verdict(Verdict::Goto(chain.to_owned()))
    }

    /// A key of an address and port, as endpoint maps hold them.
    pub fn endpoint(address: IpAddr, port: u16) -> Key {
        Key::new().ip(address).port(port)
    }
}
