//! IP addresses and ranges as upstream checks them: fields of old take leading zeros and mapped addresses, newer ones only canonical text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::names::Messages;

/// An address as Go's lenient parser reads it: leading zeros in IPv4 are dropped, mapped addresses are IPv4.
pub fn parse_sloppy(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        let address: Ipv6Addr = text.parse().ok()?;
        return Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4));
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    }
    parts.next().is_none().then(|| IpAddr::V4(Ipv4Addr::from(octets)))
}

/// A range as Go's lenient parser reads it: its address with the bits beyond the prefix cleared, and the prefix's length.
pub fn parse_range_sloppy(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let written_as_v6 = address.contains(':');
    let address = parse_sloppy(address)?;
    let length: u8 = if length.bytes().all(|byte| byte.is_ascii_digit()) { length.parse().ok()? } else { return None };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (length <= longest && written_as_v6 != address.is_ipv4()).then(|| (network(address, length), length))
}

/// Whether a range, as [`parse_range_sloppy`] gives it, has the address.
pub fn in_range((first, length): (IpAddr, u8), address: IpAddr) -> bool {
    first.is_ipv4() == address.is_ipv4() && network(address, length) == network(first, length)
}

/// The address with the bits beyond the prefix cleared.
pub(crate) fn network(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

/// An address in a field that has always taken any spelling.
pub(crate) fn legacy(text: &str) -> Messages {
    if parse_sloppy(text).is_some() { Messages::new() } else { vec![INVALID.to_owned()] }
}

const INVALID: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// An address in canonical form.
pub(crate) fn canonical(text: &str) -> Messages {
    let Some(address) = parse_sloppy(text) else { return vec![INVALID.to_owned()] };
    let mut messages = Messages::new();
    match text.parse::<IpAddr>() {
        Err(_) => messages.push("must not have leading 0s".to_owned()),
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
            messages.push("must not be an IPv4-mapped IPv6 address".to_owned());
        }
        Ok(_) if address.to_string() != text => {
            messages.push(format!("must be in canonical form ({:?})", address.to_string()))
        }
        Ok(_) => {}
    }
    messages
}

/// A range in a field that has always taken any spelling.
pub(crate) fn legacy_range(text: &str) -> Messages {
    if parse_range_sloppy(text).is_some() { Messages::new() } else { vec![INVALID_RANGE.to_owned()] }
}

const INVALID_RANGE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// A range in canonical form.
pub(crate) fn canonical_range(text: &str) -> Messages {
    let Some((network, length)) = parse_range_sloppy(text) else { return vec![INVALID_RANGE.to_owned()] };
    let written = text.split_once('/').and_then(|(address, _)| address.parse::<IpAddr>().ok());
    let whole = format!("{network}/{length}");
    match written {
        None => vec!["must not have leading 0s in IP or prefix length".to_owned()],
        Some(address) if address != network => vec!["must not have bits set beyond the prefix length".to_owned()],
        Some(_) if whole != text => vec![format!("must be in canonical form ({whole:?})")],
        Some(_) => Messages::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_leniently_and_checked_strictly() {
        for good in ["1.2.3.4", "01.002.3.4", "::1", "2001:db8::ffff", "::ffff:1.2.3.4"] {
            assert!(legacy(good).is_empty(), "{good}");
        }
        for bad in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1.2.3.-4", "fe80::1%eth0", "[::1]"] {
            assert_eq!(legacy(bad), [INVALID], "{bad}");
        }
        assert_eq!(canonical("01.2.3.4"), ["must not have leading 0s"]);
        assert_eq!(canonical("::ffff:1.2.3.4"), ["must not be an IPv4-mapped IPv6 address"]);
        assert_eq!(canonical("2001:DB8::1"), ["must be in canonical form (\"2001:db8::1\")"]);
        assert!(canonical("10.0.0.1").is_empty());
    }

    #[test]
    fn ranges_have_no_stray_bits() {
        assert!(canonical_range("10.0.0.0/24").is_empty() && canonical_range("fd00::/112").is_empty());
        assert_eq!(canonical_range("10.0.0.1/24"), ["must not have bits set beyond the prefix length"]);
        assert_eq!(legacy_range("10.0.0.1/24"), Messages::new());
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/+8", "fd00::/129"] {
            assert_eq!(legacy_range(bad), [INVALID_RANGE], "{bad}");
        }
    }
}
