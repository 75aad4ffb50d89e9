//! EndpointSlice's golden cases, and that slices hold exactly what they should, in few writes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

fn reconcile(world: &World, key: &ObjectKey) -> Plan {
    plan(&world.lister(), &world.lister(), &world.lister(), &world.lister(), key)
}

#[test]
fn cases() {
    check_cases("endpointslice", |world, key, _| reconcile(world, key));
}

fn pod(number: usize, ready: bool) -> serde_json::Value {
    let ip = format!("10.1.{}.{}", number / 200, number % 200);
    json!({
        "kind": "Pod", "name": format!("pod-{number}"), "labels": {"app": "web"}, "spec": {"containers": []},
        "status": {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
    })
}

fn addresses(world: &World) -> Vec<String> {
    let slices =
        world.of_kind("EndpointSlice").flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
    let mut all: Vec<String> =
        slices.filter_map(|endpoint| endpoint["addresses"][0].as_str().map(str::to_owned)).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn slices_hold_every_pod_once(steps in proptest::collection::vec(proptest::collection::btree_set(0..260_usize, 0..260), 1..4)) {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let ports = json!([{"port": 80, "protocol": "TCP", "targetPort": 8080}]);
        let spec = json!({"selector": {"app": "web"}, "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "ports": ports});
        world.add(json!({"kind": "Service", "name": "web", "spec": spec}));
        let key = ObjectKey::new("default", "web");
        for numbers in steps {
            world.objects.retain(|(kind, _), _| kind != "Pod");
            numbers.iter().for_each(|number| world.add(pod(*number, number % 2 == 0)));
            let plan = reconcile(&world, &key);
            world.apply(&plan);
            let again = reconcile(&world, &key);
            prop_assert!(again.is_empty(), "{}", again);
            let found = addresses(&world);
            let expected: BTreeSet<&String> = found.iter().collect();
            prop_assert_eq!(expected.len(), found.len());
            prop_assert_eq!(found.len(), numbers.len());
            for slice in world.of_kind("EndpointSlice") {
                prop_assert!(slice["endpoints"].as_array().is_none_or(|endpoints| endpoints.len() <= 100));
            }
        }
    }
}
