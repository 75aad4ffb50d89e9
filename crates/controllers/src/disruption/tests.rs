//! Golden cases of budgets and of stale marks.

use std::collections::BTreeMap;

use super::*;
use crate::world::{World, check_cases};

/// The custom controller of the cases: it has ten replicas.
const CUSTOM: (&str, i32) = ("uid-custom", 10);

fn plan(world: &World, key: &ObjectKey, now: jiff::Timestamp) -> Plan {
    let workloads = Workloads {
        deployments: world.lister(),
        replica_sets: world.lister(),
        stateful_sets: world.lister(),
        controllers: world.lister(),
    };
    let budget = world.lister::<PodDisruptionBudget>().get(key).expect("a budget");
    let pods = selected(&budget, &world.lister());
    let asked = workloads.unknown(&pods).into_iter().filter(|owner| owner.uid == CUSTOM.0);
    let others: BTreeMap<String, Scale> =
        asked.map(|owner| (owner.uid.clone(), Scale::Of(owner.uid.clone(), CUSTOM.1))).collect();
    reconcile(&Observed { budget: &budget, pods: &pods, workloads: &workloads, others: &others, now })
}

#[test]
fn cases() {
    check_cases("disruption", |world, key, attempt| match world.lister::<Pod>().get(key) {
        Some(_) => stale::plan(&world.lister(), key, attempt.now),
        None => plan(world, key, attempt.now),
    });
}

// Writing a status and looking again changes nothing and tells nothing.
#[test]
fn a_counted_budget_stays() {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    let spec = serde_json::json!({"minAvailable": 1, "selector": {}});
    world.add(serde_json::json!({"kind": "PodDisruptionBudget", "name": "b", "spec": spec}));
    let key = ObjectKey::new("default", "b");
    let first = plan(&world, &key, world.now);
    assert_eq!(first.actions.len(), 2, "{first}");
    world.apply(&first);
    assert!(plan(&world, &key, world.now).is_empty());
}
