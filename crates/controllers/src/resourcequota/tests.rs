//! Golden cases of counting, and what brings a quota back.

use std::collections::BTreeMap;

use serde_json::json;

use super::counted::{Counted, counted};
use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("resourcequota", |world, key, attempt| {
        let number = |kind: &str| world.of_kind(kind).count();
        let counts = [("secrets", "Secret"), ("deployments.apps", "Deployment")];
        let counts: BTreeMap<String, usize> =
            counts.into_iter().map(|(name, kind)| (name.to_owned(), number(kind))).collect();
        reconcile(&Observed {
            quota: &world.lister().get(key).expect("a quota"),
            pods: &world.lister().list(),
            services: &world.lister().list(),
            claims: &world.lister().list(),
            counts: &counts,
            now: attempt.now,
        })
    });
}

// docs "Resource Quotas": the names of compute, storage, extended and object count quotas.
#[test]
fn names_and_what_they_count() {
    for (name, what) in [
        ("requests.nvidia.com/gpu", Some(Counted::Pods)),
        ("hugepages-2Mi", Some(Counted::Pods)),
        ("limits.ephemeral-storage", Some(Counted::Pods)),
        ("limits.nvidia.com/gpu", None),
        ("requests.storage", Some(Counted::Claims)),
        ("gold.storageclass.storage.k8s.io/requests.storage", Some(Counted::Claims)),
        ("services.nodeports", Some(Counted::Services)),
        ("secrets", Some(Counted::Objects("secrets"))),
        ("count/widgets.example.com", Some(Counted::Objects("widgets.example.com"))),
        ("example.com/foo", None),
    ] {
        assert_eq!(counted(name), what, "{name}");
    }
}

// resource_quota_controller.go: changes of the status alone are admission's; replenishment on deletes and ended Pods only.
#[test]
fn only_what_gives_back_counts_again() {
    let quota = |pods: &str, used: &str| {
        let quota = json!({"metadata": {"name": "q", "uid": "u"}, "spec": {"hard": {"pods": pods}}, "status": {"used": {"pods": used}}});
        Some(Arc::new(serde_json::from_value::<ResourceQuota>(quota).expect("a quota")))
    };
    assert!(needs_count(&Change { old: None, new: quota("1", "0") }));
    assert!(needs_count(&Change { old: quota("1", "0"), new: quota("2", "0") }));
    assert!(!needs_count(&Change { old: quota("1", "0"), new: quota("1", "1") }));
    let pod = |phase: &str| {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": {"phase": phase}});
        Some(Arc::new(serde_json::from_value::<Pod>(pod).expect("a pod")))
    };
    assert!(!pod_gives_back(&Change { old: None, new: pod("Pending") }));
    assert!(!pod_gives_back(&Change { old: pod("Pending"), new: pod("Running") }));
    assert!(pod_gives_back(&Change { old: pod("Running"), new: pod("Failed") }));
    assert!(pod_gives_back(&Change { old: pod("Running"), new: None }));
}
