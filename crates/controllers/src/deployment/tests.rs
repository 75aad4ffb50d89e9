//! Deployment's golden cases; that a rollout keeps within its limits at every step and comes to its end.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

fn step(world: &World, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    plan(&world.lister(), &world.lister(), &world.lister(), key, attempt)
}

#[test]
fn cases() {
    check_cases("deployment", step);
}

fn number(object: &serde_json::Value, part: &str, field: &str) -> i64 {
    object[part][field].as_i64().unwrap_or(0)
}

/// Pods that no ReplicaSet's shrinking could take from us: an available one may always be the victim.
fn surely_available(world: &World) -> i64 {
    let sets = world.of_kind("ReplicaSet");
    sets.map(|set| number(set, "status", "availableReplicas").min(number(set, "spec", "replicas"))).sum()
}

fn wanted(world: &World) -> i64 {
    world.of_kind("ReplicaSet").map(|set| number(set, "spec", "replicas")).sum()
}

/// What the ReplicaSet controller and the kubelets may do in between.
fn settle(world: &mut World, available: u8) {
    for ((kind, _), set) in &mut world.objects {
        if kind != "ReplicaSet" {
            continue;
        }
        let replicas = number(set, "spec", "replicas");
        let old = number(set, "status", "availableReplicas").min(replicas);
        let new = (old + i64::from(available)).min(replicas);
        set["status"] =
            json!({"replicas": replicas, "readyReplicas": new, "availableReplicas": new, "observedGeneration": 99});
    }
}

fn world(replicas: i32, surge: &serde_json::Value, unavailable: &serde_json::Value) -> World {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    let rolling = json!({"maxSurge": surge, "maxUnavailable": unavailable});
    let spec = json!({
        "replicas": replicas, "revisionHistoryLimit": 2, "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "0"}]}},
    });
    world.add(json!({"kind": "Deployment", "name": "web", "spec": spec}));
    world
}

fn deployment(world: &mut World) -> &mut serde_json::Value {
    world.objects.get_mut(&("Deployment".to_owned(), ObjectKey::new("default", "web"))).expect("it is there")
}

fn limit() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        (0..4_i32).prop_map(|number| json!(number)),
        (0..60_i32).prop_map(|percent| json!(format!("{percent}%")))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_rollout_keeps_its_limits_and_ends(
        replicas in 0..10_i32,
        surge in limit(),
        unavailable in limit(),
        steps in proptest::collection::vec((0..4_u8, 0..6_u8), 10..40),
    ) {
        let key = ObjectKey::new("default", "web");
        let mut world = world(replicas, &surge, &unavailable);
        let object: Deployment = serde_json::from_value(deployment(&mut world).clone()).expect("a Deployment");
        let (most, least) = (
            i64::from(replicas + strategy::max_surge(&object)),
            i64::from(replicas - strategy::max_unavailable(&object)),
        );
        let mut image = 0;
        for (available, event) in steps {
            if event == 0 {
                image += 1;
                let deployment = deployment(&mut world);
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image.to_string());
                deployment["metadata"]["generation"] = json!(image + 1);
            }
            let before = surely_available(&world);
            let plan = step(&world, &key, &Attempt { now: world.now, failure: None });
            world.apply(&plan);
            prop_assert!(wanted(&world) <= most, "{} wanted, {} allowed\n{}", wanted(&world), most, plan);
            let after = surely_available(&world);
            prop_assert!(after >= before.min(least), "{} available, {} promised\n{}", after, least, plan);
            settle(&mut world, available);
        }
        for _ in 0..60 {
            let plan = step(&world, &key, &Attempt { now: world.now, failure: None });
            world.apply(&plan);
            settle(&mut world, 10);
        }
        let last = step(&world, &key, &Attempt { now: world.now, failure: None });
        prop_assert!(last.is_empty(), "{}", last);
        prop_assert_eq!(wanted(&world), i64::from(replicas));
        prop_assert!(world.of_kind("ReplicaSet").count() <= 3);
        let sets: Vec<_> = world.of_kind("ReplicaSet").filter(|set| number(set, "spec", "replicas") > 0).collect();
        prop_assert!(sets.iter().all(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == json!(image.to_string())));
    }
}
