//! vac_protection_controller_test.go TestVACProtectionController, row by row.

use serde_json::{Value, json};

use super::*;
use crate::world::World;

const ADD: &str = "update VolumeAttributesClass c {\"metadata\":{\"finalizers\":[\"kubernetes.io/vac-protection\"]}}\n";
const REMOVE: &str = "update VolumeAttributesClass c {\"metadata\":{\"finalizers\":[]}}\n";

fn volume(class: &str) -> Value {
    json!({"kind": "PersistentVolume", "name": "v", "spec": {"volumeAttributesClassName": class}})
}

fn claim(spec: Value, status: Value) -> Value {
    json!({"kind": "PersistentVolumeClaim", "name": "p", "spec": spec, "status": status})
}

#[test]
fn classes_stay_while_they_are_named() {
    let asks = |class: &str| claim(json!({"volumeAttributesClassName": class}), json!({}));
    let has = |class: &str| claim(json!({}), json!({"currentVolumeAttributesClassName": class}));
    let becomes = |class: &str| {
        let modifying = json!({"status": "InProgress", "targetVolumeAttributesClassName": class});
        claim(json!({}), json!({"modifyVolumeStatus": modifying}))
    };
    for (name, deleted, protected, others, expected) in [
        ("VAC without finalizer", false, false, vec![], ADD),
        ("VAC with finalizer", false, true, vec![], ""),
        ("deleted VAC with finalizer", true, true, vec![], REMOVE),
        ("deleted VAC without finalizer", true, false, vec![], ""),
        ("a PV names it", true, true, vec![volume("c")], ""),
        ("a PV names another one", true, true, vec![volume("other")], REMOVE),
        ("a PV names none", true, true, vec![volume("")], REMOVE),
        ("a PVC asks for it", true, true, vec![asks("c")], ""),
        ("a PVC has it", true, true, vec![has("c")], ""),
        ("a PVC is being changed to it", true, true, vec![becomes("c")], ""),
        ("a PVC names others", true, true, vec![asks("a"), has("b"), becomes("d")], REMOVE),
        ("PV and PVC name it", true, true, vec![volume("c"), asks("c")], ""),
    ] {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let mut metadata = json!({});
        if protected {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        if deleted {
            metadata["deletionTimestamp"] = json!("2026-01-01T11:00:00Z");
        }
        world.add(json!({"kind": "VolumeAttributesClass", "name": "c", "metadata": metadata, "driverName": "d"}));
        for (at, mut other) in others.into_iter().enumerate() {
            other["name"] = json!(format!("other-{at}"));
            world.add(other);
        }
        let (claims, volumes) = (world.lister(), world.lister());
        claims.add_index(BY_CLASS, of_claim);
        volumes.add_index(BY_CLASS, of_volume);
        let plan = plan(&world.lister(), &claims, &volumes, &ObjectKey::cluster("c"));
        assert_eq!(plan.to_string(), expected, "{name}");
    }
}

/// pvcUpdated and pvUpdated: what is named no more is looked at again; so is what is named now, which costs nothing.
#[test]
fn a_change_leads_to_all_classes_that_were_or_are_named() {
    let claim = |asked: &str, current: &str| -> Arc<PersistentVolumeClaim> {
        let claim =
            claim(json!({"volumeAttributesClassName": asked}), json!({"currentVolumeAttributesClassName": current}));
        Arc::new(serde_json::from_value(claim).expect("a claim"))
    };
    let change = Change { old: Some(claim("gold", "gold")), new: Some(claim("silver", "gold")) };
    assert_eq!(keys(&change, of_claim), ["gold", "gold", "silver"].map(ObjectKey::cluster));
}
