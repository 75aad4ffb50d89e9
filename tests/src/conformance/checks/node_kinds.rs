//! Kinds of dynamic resource allocation: their lives, with every sort of patch.

use serde_json::{Value, json};

use super::super::lifecycle::{Kind, with_every_patch};
use super::checks;

checks! {
    "dra-taintrule" => with_every_patch, &TAINT_RULE;
    "dra-claim" => with_every_patch, &CLAIM;
    "dra-claimtemplate" => with_every_patch, &TEMPLATE;
    "dra-slice" => with_every_patch, &SLICE;
}

const TAINT_RULE: Kind = Kind {
    group_version: "resource.k8s.io/v1",
    plural: "devicetaintrules",
    namespaced: false,
    body: |_, _| {
        let selector = json!({"driver": "none.example.com"});
        json!({"spec": {"deviceSelector": selector, "taint": {"key": "example.com/key", "value": "value", "effect": "NoSchedule"}}})
    },
    status: Some([|| condition("Patched"), || condition("Updated")]),
    name: None,
};

fn condition(reason: &str) -> Value {
    json!({"status": {"conditions": [{
        "type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check",
        "lastTransitionTime": "2024-01-02T03:04:05Z",
    }]}})
}

fn devices() -> Value {
    json!({"requests": [{"name": "request", "exactly": {"deviceClassName": "none.example.com", "allocationMode": "ExactCount", "count": 1}}]})
}

fn allocation() -> Value {
    json!({"devices": {"results": [{"request": "request", "driver": "none.example.com", "pool": "pool", "device": "device"}]}})
}

const CLAIM: Kind = Kind {
    group_version: "resource.k8s.io/v1",
    plural: "resourceclaims",
    namespaced: true,
    body: |_, _| json!({"spec": {"devices": devices()}}),
    status: Some([
        || json!({"status": {"allocation": allocation()}}),
        || {
            let devices =
                json!([{"driver": "none.example.com", "pool": "pool", "device": "device", "data": {"some": "data"}}]);
            json!({"status": {"allocation": allocation(), "devices": devices}})
        },
    ]),
    name: None,
};

const TEMPLATE: Kind = Kind {
    plural: "resourceclaimtemplates",
    body: |_, _| json!({"spec": {"spec": {"devices": devices()}}}),
    status: None,
    ..CLAIM
};

const SLICE: Kind = Kind {
    plural: "resourceslices",
    namespaced: false,
    body: |ctx, at| {
        json!({"spec": {
            "driver": format!("{}-{at}.example.com", ctx.tag), "nodeName": "conformance-none",
            "pool": {"name": "pool", "generation": 1, "resourceSliceCount": 1}, "devices": [{"name": "device"}],
        }})
    },
    status: None,
    ..CLAIM
};
