//! Ranges to allocate from. What nobody asked for by name comes from the upper part first, so that the lower one stays free for addresses
//! that people choose (KEP 3070, KEP 3668). Pure.

use std::net::IpAddr;

/// A range of service addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AddressRange {
    pub text: String,
    network: u128,
    /// Usable addresses begin after the network's own.
    size: u128,
    is_v4: bool,
}

impl AddressRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        // What is no address or no number of bits is no range.
        let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
        let is_v4 = address.is_ipv4();
        let width: u32 = if is_v4 { 32 } else { 128 };
        let host_bits = width.checked_sub(bits)?;
        let size = if host_bits >= 64 { 1 << 64 } else { 1_u128 << host_bits };
        let network = number(address) & !(1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1));
        // IPv4's last address is broadcast.
        let usable = size.checked_sub(if is_v4 { 2 } else { 1 }).filter(|size| *size > 0)?;
        Some(Self { text: text.to_owned(), network, size: usable, is_v4 })
    }

    pub(super) fn family(&self) -> &'static str {
        if self.is_v4 { "IPv4" } else { "IPv6" }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let offset = number(address).wrapping_sub(self.network);
        address.is_ipv4() == self.is_v4 && offset >= 1 && offset <= self.size
    }

    /// A free address; `random` says where to begin to look.
    pub(super) fn free(&self, random: u64, taken: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        let at = |offset: u128| self.address(offset + 1);
        pick(self.size, band(self.size, 16, 256), u128::from(random), |offset| taken(at(offset))).map(at)
    }

    fn address(&self, offset: u128) -> IpAddr {
        let number = self.network + offset;
        if self.is_v4 { IpAddr::from((number as u32).to_be_bytes()) } else { IpAddr::from(number.to_be_bytes()) }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Size of the lower part: an n-th of the range, within limits; nothing of a range that is too small for it.
fn band(size: u128, share: u128, most: u128) -> u128 {
    let least = 16;
    if size < least { 0 } else { (size / share).clamp(least, most) }
}

/// Looks through the upper part from a random place, then through the lower one.
fn pick(size: u128, band: u128, random: u128, taken: impl Fn(u128) -> bool) -> Option<u128> {
    let upper = size - band;
    let in_upper = (0..upper).map(|step| band + (random + step) % upper);
    let in_lower = (0..band).map(|step| (random + step) % band);
    in_upper.chain(in_lower).find(|offset| !taken(*offset))
}

/// The range of node ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub(super) fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    pub(super) fn free(&self, random: u64, taken: impl Fn(u16) -> bool) -> Option<u16> {
        let size = u128::from(self.last - self.first) + 1;
        let at = |offset: u128| self.first + offset as u16;
        pick(size, band(size, 32, 128), u128::from(random), |offset| taken(at(offset))).map(at)
    }
}
