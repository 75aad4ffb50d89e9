//! Which address comes next: pure. The network's own address and the node's (the first) are never given out, nor IPv4's last.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::rtnl::Prefix;

/// Large IPv6 ranges are used up to here; no node has more Pods.
const MOST: u64 = 65_536;

/// The node's own address in its range.
pub fn node_address(range: &Prefix) -> Option<IpAddr> {
    range.nth(1)
}

/// The first free address after `last`, going round, so that an address rests as long as possible before it is used again.
pub fn next(range: &Prefix, used: &BTreeSet<IpAddr>, last: Option<IpAddr>) -> Option<IpAddr> {
    let end = last_offset(range);
    let start = last.and_then(|last| offset(range, last)).map_or(2, |offset| (offset + 1).max(2));
    (start..=end)
        .chain(2..start.min(end + 1))
        .filter_map(|offset| range.nth(offset))
        .find(|address| !used.contains(address))
}

fn last_offset(range: &Prefix) -> u64 {
    let bits = if range.address.is_ipv4() { 32 } else { 128 } - u32::from(range.length);
    let count = 1_u64.checked_shl(bits).filter(|_| bits < 64).unwrap_or(u64::MAX).min(MOST);
    if range.address.is_ipv4() { count.saturating_sub(2) } else { count - 1 }
}

fn offset(range: &Prefix, address: IpAddr) -> Option<u64> {
    if !range.contains(address) {
        return None;
    }
    match (range.address, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => Some(u64::from(u32::from(address) - u32::from(base))),
        (IpAddr::V6(base), IpAddr::V6(address)) => u64::try_from(u128::from(address) - u128::from(base)).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_go_round() {
        let range: Prefix = "10.42.0.0/29".parse().unwrap();
        let mut used = BTreeSet::new();
        let mut last = None;
        for expected in ["10.42.0.2", "10.42.0.3", "10.42.0.4", "10.42.0.5", "10.42.0.6"] {
            last = next(&range, &used, last);
            assert_eq!(last, Some(address(expected)));
            used.insert(address(expected));
        }
        assert_eq!(next(&range, &used, last), None);
        used.remove(&address("10.42.0.3"));
        assert_eq!(next(&range, &used, last), Some(address("10.42.0.3")));
        used.clear();
        assert_eq!(next(&range, &used, Some(address("10.42.0.3"))), Some(address("10.42.0.4")));
        assert_eq!(next(&range, &used, Some(address("10.9.0.3"))), Some(address("10.42.0.2")));
        assert_eq!(next(&"fd42::/64".parse().unwrap(), &used, None), Some(address("fd42::2")));
    }

    proptest! {
        #[test]
        fn never_twice_and_always_inside(length in 24_u8..30, taken in proptest::collection::btree_set(0_u32..256, 0..300), last in 0_u32..256) {
            let range = Prefix::new(address("10.1.2.0"), length);
            let of = |n: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0a01_0200 + n));
            let used: BTreeSet<IpAddr> = taken.iter().map(|n| of(*n)).collect();
            let size = 1_u32 << (32 - length);
            let free = (2..size - 1).filter(|n| !taken.contains(n)).count();
            match next(&range, &used, Some(of(last))) {
                Some(found) => prop_assert!(range.contains(found) && !used.contains(&found) && found != of(0) && found != of(1) && found != of(size - 1)),
                None => prop_assert_eq!(free, 0),
            }
        }
    }
}
