//! Golden cases of Pods that are cleared away.

use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

#[test]
fn cases() {
    check_cases("podgc", |world, key, attempt| plan(&world.lister(), &world.lister(), key, attempt, 2).0);
}

// gc_controller_test.go TestGCTerminated: the oldest go first, active Pods never.
#[test]
fn the_oldest_ended_pods_make_room() {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    for (name, phase, hour) in [("a", "Failed", 3), ("b", "Succeeded", 1), ("c", "Failed", 2), ("d", "Running", 0)] {
        let metadata = json!({"creationTimestamp": format!("2026-01-01T0{hour}:00:00Z")});
        world.add(json!({"kind": "Pod", "name": name, "metadata": metadata, "spec": {"containers": []}, "status": {"phase": phase}}));
    }
    assert_eq!(trim(&world.lister(), 2).to_string(), "delete Pod default/b (grace 0s)\n");
    assert!(trim(&world.lister(), 0).is_empty());
}
