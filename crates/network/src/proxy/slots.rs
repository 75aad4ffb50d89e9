//! Slot numbers of endpoints: stable over changes, so that a change touches few elements. Pure.

use std::collections::BTreeSet;

use super::frontend::Endpoint;

/// The wanted endpoints in slots 0.., keeping former places: new endpoints fill holes first, then the last slot does.
pub fn place(former: &[Endpoint], wanted: &BTreeSet<Endpoint>) -> Vec<Endpoint> {
    let mut slots = former.to_vec();
    let held: BTreeSet<Endpoint> = former.iter().copied().collect();
    let mut new = wanted.difference(&held).copied();
    let mut at = 0;
    while at < slots.len() {
        if wanted.contains(&slots[at]) {
            at += 1;
        } else if let Some(endpoint) = new.next() {
            slots[at] = endpoint;
            at += 1;
        } else {
            slots.swap_remove(at);
        }
    }
    slots.extend(new);
    slots
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn endpoints(last_bytes: &[u8]) -> Vec<Endpoint> {
        last_bytes.iter().map(|byte| (IpAddr::from([10, 0, 0, *byte]), 80)).collect()
    }

    #[test]
    fn holes_are_filled() {
        for (former, wanted, expected) in [
            (&[][..], &[1, 2][..], &[1, 2][..]),
            (&[1, 2, 3], &[2, 3], &[3, 2]),
            (&[1, 2, 3], &[1, 2], &[1, 2]),
            (&[1, 2, 3], &[1, 3, 4], &[1, 4, 3]),
            (&[1, 2], &[], &[]),
            (&[1, 2, 3], &[3], &[3]),
        ] {
            let wanted = endpoints(wanted).into_iter().collect();
            assert_eq!(place(&endpoints(former), &wanted), endpoints(expected));
        }
    }

    proptest! {
        #[test]
        fn slots_hold_exactly_what_is_wanted_and_move_little(
            former in proptest::collection::btree_set(0_u8..40, 0..30),
            wanted in proptest::collection::btree_set(0_u8..40, 0..30),
        ) {
            let former_slots = endpoints(&former.iter().copied().collect::<Vec<_>>());
            let wanted_set: BTreeSet<Endpoint> = endpoints(&wanted.iter().copied().collect::<Vec<_>>()).into_iter().collect();
            let slots = place(&former_slots, &wanted_set);
            prop_assert_eq!(slots.len(), wanted_set.len());
            prop_assert_eq!(slots.iter().copied().collect::<BTreeSet<_>>(), wanted_set);
            let moved = slots.iter().zip(&former_slots).filter(|(new, old)| new != old).count();
            prop_assert!(moved <= former.difference(&wanted).count());
        }
    }
}
