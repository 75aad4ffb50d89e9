//! pvc_protection_controller_test.go TestPVCProtectionController, row by row.

use serde_json::{Value, json};

use super::*;
use crate::world::World;

#[derive(Clone, Copy)]
struct Claim {
    deleted: bool,
    protected: bool,
}

const ADD: &str =
    "update PersistentVolumeClaim default/c {\"metadata\":{\"finalizers\":[\"kubernetes.io/pvc-protection\"]}}\n";
const REMOVE: &str = "update PersistentVolumeClaim default/c {\"metadata\":{\"finalizers\":[]}}\n";

fn pod(volume: Value, node: &str, phase: &str) -> Value {
    let spec = json!({"nodeName": node, "containers": [], "volumes": [volume]});
    json!({"kind": "Pod", "name": "p", "spec": spec, "status": {"phase": phase}})
}

#[test]
fn claims_stay_while_a_pod_on_a_node_uses_them() {
    let claim = |name: &str| json!({"name": "v", "persistentVolumeClaim": {"claimName": name}});
    let own = || json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    let fresh = Claim { deleted: false, protected: false };
    let kept = Claim { deleted: false, protected: true };
    let leaving = Claim { deleted: true, protected: true };
    for (name, state, pods, expected) in [
        ("PVC without finalizer", fresh, vec![], ADD),
        ("PVC with finalizer", kept, vec![], ""),
        ("deleted PVC with finalizer", leaving, vec![], REMOVE),
        ("deleted PVC without finalizer", Claim { deleted: true, protected: false }, vec![], ""),
        ("a Pod uses it", leaving, vec![pod(claim("c"), "n", "Running")], ""),
        ("a finished Pod uses it", leaving, vec![pod(claim("c"), "n", "Failed")], ""),
        ("a Pod uses another one", leaving, vec![pod(claim("unrelated"), "n", "Running")], REMOVE),
        ("a Pod without a claim", leaving, vec![pod(json!({"name": "v", "emptyDir": {}}), "n", "Running")], REMOVE),
        ("an unscheduled Pod", leaving, vec![pod(claim("c"), "", "Pending")], REMOVE),
        ("an ephemeral claim of another Pod's name", leaving, vec![pod(own(), "n", "Running")], REMOVE),
    ] {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let mut metadata = json!({});
        if state.protected {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        if state.deleted {
            metadata["deletionTimestamp"] = json!("2026-01-01T11:00:00Z");
        }
        world.add(json!({"kind": "PersistentVolumeClaim", "name": "c", "metadata": metadata, "spec": {}}));
        pods.into_iter().for_each(|pod| world.add(pod));
        let pods = world.lister::<Pod>();
        pods.add_index(BY_CLAIM, by_claim);
        let (plan, gives_up) = plan(&world.lister(), &pods, &ObjectKey::new("default", "c"));
        assert_eq!((plan.to_string().as_str(), gives_up), (expected, expected == REMOVE), "{name}");
    }
}

// docs "Generic ephemeral volumes": the claim is named after Pod and volume, and owned by the Pod.
#[test]
fn an_ephemeral_claim_is_its_pods() {
    let volume = json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    let mut pod = pod(volume, "n", "Running");
    pod["metadata"] = json!({"name": "p", "namespace": "default", "uid": "u"});
    let mut claim = json!({"metadata": {"name": "p-v", "namespace": "default"}});
    let is_used = |pod: &Value, claim: &Value| {
        let pod: Pod = serde_json::from_value(pod.clone()).expect("a pod");
        uses(&pod, &serde_json::from_value(claim.clone()).expect("a claim"))
    };
    assert!(!is_used(&pod, &claim));
    claim["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true}]);
    assert!(is_used(&pod, &claim));
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T11:00:00Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    assert!(!is_used(&pod, &claim));
}
