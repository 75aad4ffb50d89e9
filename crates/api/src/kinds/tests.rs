//! The list of kinds keeps its order and its promises.

use std::collections::BTreeSet;

use super::*;
use crate::kind::SubresourceRole;

#[test]
fn rows_are_sorted_and_unique() {
    let keys: Vec<_> = ALL.iter().map(|kind| (kind.group, kind.version, kind.plural)).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    let kinds: BTreeSet<_> = ALL.iter().map(|kind| (kind.group, kind.version, kind.kind)).collect();
    assert_eq!(kinds.len(), ALL.len());
}

#[test]
fn every_row_is_found_by_path_and_by_kind() {
    for kind in ALL {
        let found = find(kind.group, kind.version, kind.plural).expect("by path");
        assert_eq!(found.kind, kind.kind);
        let found = by_kind(kind.group, kind.version, kind.kind).expect("by kind");
        assert_eq!(found.plural, kind.plural);
    }
    assert!(find("", "v1", "deployments").is_none());
    assert!(by_kind("apps", "v1", "Pod").is_none());
}

#[test]
fn verbs_are_in_order() {
    for kind in ALL {
        let lists = std::iter::once(kind.verbs).chain(kind.subresources.iter().map(|sub| sub.verbs));
        for verbs in lists {
            assert!(!verbs.is_empty() && verbs.is_sorted(), "{}: {verbs:?}", kind.plural);
        }
    }
}

#[test]
fn virtual_kinds_have_a_service_and_stored_ones_a_prefix_of_their_own() {
    let mut prefixes = BTreeSet::new();
    for kind in ALL {
        assert_eq!(kind.storage.is_empty(), !kind.verbs.contains(&"delete"), "{}", kind.plural);
        assert!(!kind.storage.is_empty() || !kind.service.is_empty(), "{}", kind.plural);
        if !kind.storage.is_empty() && kind.storage_version.is_none() {
            assert!(prefixes.insert(kind.storage), "{} is used twice", kind.storage);
        }
    }
}

#[test]
fn rows_stored_in_another_version_name_a_row_of_that_version() {
    for kind in ALL {
        if let Some((group, version)) = kind.storage_version {
            let target = by_kind(group, version, kind.kind).expect("storage row");
            assert_eq!((target.storage, target.storage_version), (kind.storage, None));
        }
    }
}

#[test]
fn a_status_subresource_and_the_status_hook_go_together() {
    for kind in ALL {
        let has = kind.subresources.iter().any(|sub| sub.role == SubresourceRole::Status);
        assert_eq!(has, kind.hooks.has_status, "{}", kind.plural);
    }
}
