//! pv_protection_controller_test.go TestPVProtectionController, row by row.

use serde_json::json;

use super::*;
use crate::world::World;

#[test]
fn bound_volumes_stay() {
    let add = "update PersistentVolume v {\"metadata\":{\"finalizers\":[\"kubernetes.io/pv-protection\"]}}\n";
    let remove = "update PersistentVolume v {\"metadata\":{\"finalizers\":[]}}\n";
    for (name, deleted, protected, phase, expected) in [
        ("PV without finalizer", false, false, "Available", add),
        ("PV with finalizer", false, true, "Available", ""),
        ("deleted PV with finalizer, not bound", true, true, "Available", remove),
        ("deleted PV with finalizer, released", true, true, "Released", remove),
        ("deleted PV with finalizer, bound", true, true, "Bound", ""),
        ("deleted PV without finalizer", true, false, "Available", ""),
    ] {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let mut metadata = json!({});
        if protected {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        if deleted {
            metadata["deletionTimestamp"] = json!("2026-01-01T11:00:00Z");
        }
        world.add(json!({"kind": "PersistentVolume", "name": "v", "metadata": metadata, "spec": {}, "status": {"phase": phase}}));
        assert_eq!(plan(&world.lister(), &ObjectKey::cluster("v")).to_string(), expected, "{name}");
    }
}
