//! Address ranges in prefix notation, cut into equal parts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range; the address has no bits below the prefix. Ordered by family, address, length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    is_v6: bool,
    /// The address in the upper bits, whatever its family.
    bits: u128,
    length: u8,
}

/// The text is no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPrefix;

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl Prefix {
    pub fn is_v6(&self) -> bool {
        self.is_v6
    }

    /// All parts of this length, in order; none if this range is smaller.
    pub fn parts(self, length: u8) -> impl Iterator<Item = Prefix> {
        let count = length.checked_sub(self.length).map_or(0, |bits| 1_u128.checked_shl(u32::from(bits)).unwrap_or(0));
        let step = 128 - u32::from(length);
        let part = move |index: u128| Prefix { bits: self.bits | index.checked_shl(step).unwrap_or(0), length, ..self };
        (0..count).map(part)
    }

    pub fn overlaps(&self, other: &Prefix) -> bool {
        let shorter = mask(self.length.min(other.length));
        self.is_v6 == other.is_v6 && self.bits & shorter == other.bits & shorter
    }
}

impl FromStr for Prefix {
    type Err = NoPrefix;

    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let (address, length) = text.split_once('/').ok_or(NoPrefix)?;
        let length: u8 = length.parse().map_err(|_| NoPrefix)?;
        let (is_v6, bits, most) = match address.parse().map_err(|_| NoPrefix)? {
            IpAddr::V4(address) => (false, u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (true, address.to_bits(), 128),
        };
        if length > most {
            return Err(NoPrefix);
        }
        Ok(Self { is_v6, bits: bits & mask(length), length })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = if self.is_v6 {
            IpAddr::V6(Ipv6Addr::from_bits(self.bits))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.bits >> 96).expect("32 bits are left")))
        };
        write!(f, "{address}/{}", self.length)
    }
}
