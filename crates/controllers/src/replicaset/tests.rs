//! ReplicaSet's golden cases, and that a plan leaves nothing to do.

use client::Object;
use k8s_openapi::api::apps::v1::ReplicaSet;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

fn reconcile(world: &World, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    plan(&world.lister(), &world.lister(), key, attempt)
}

#[test]
fn cases() {
    check_cases("replicaset", reconcile);
}

fn pod(index: usize, (state, labels, owner): (u8, u8, u8)) -> serde_json::Value {
    let phase = ["Pending", "Running", "Succeeded", "Failed"][usize::from(state % 4)];
    let app = if labels == 0 { "other" } else { "web" };
    let mut pod = json!({
        "kind": "Pod", "name": format!("pod-{index}"), "labels": {"app": app}, "spec": {"containers": []},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": if state > 3 { "True" } else { "False" }}]},
    });
    match owner {
        0 => {}
        1 => pod["owner"] = json!("ReplicaSet/theirs"),
        _ => pod["owner"] = json!("ReplicaSet/web"),
    }
    if state == 7 {
        pod["metadata"] = json!({"deletionTimestamp": "2026-01-01T12:00:30Z"});
    }
    pod
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_plan_leaves_nothing_to_do(replicas in 0..8_i32, pods in proptest::collection::vec((0..8_u8, 0..3_u8, 0..4_u8), 0..12)) {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        let spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template});
        world.add(json!({"kind": "ReplicaSet", "name": "web", "spec": spec}));
        pods.iter().enumerate().for_each(|(index, state)| world.add(pod(index, *state)));
        let key = ObjectKey::new("default", "web");
        let attempt = Attempt { now: world.now, failure: None };
        let first = reconcile(&world, &key, &attempt);
        world.apply(&first);
        // Creating and deleting shows in the status one round later.
        let second = reconcile(&world, &key, &attempt);
        prop_assert!(second.actions.iter().all(|action| action.to_string().starts_with("status")), "{}", second);
        world.apply(&second);
        let third = reconcile(&world, &key, &attempt);
        prop_assert!(third.is_empty(), "{}", third);
        let set = world.lister::<ReplicaSet>().get(&key).expect("the set");
        prop_assert_eq!(set.status.as_ref().map(|status| status.replicas), Some(replicas));
        prop_assert!(!set.is_deleting());
    }
}
