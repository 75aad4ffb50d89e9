//! Kinds whose whole row is their life, continued: what Pods, nodes and storage are described with.

use serde_json::json;

use super::super::lifecycle::{Kind, by_selector, lifecycle};
use super::checks;

checks! {
    "rtc-crud" => lifecycle, &RUNTIME_CLASS;
    "csidriver-lifecycle" => lifecycle, &CSI_DRIVER;
    "csicapacity-crud" => lifecycle, &CSI_CAPACITY;
    "vac-lifecycle" => lifecycle, &ATTRIBUTES_CLASS;
    "va-lifecycle" => lifecycle, &ATTACHMENT;
    "va-status" => lifecycle, &ATTACHMENT_WITH_STATUS;
    "lease-crud" => lifecycle, &LEASE;
    "pt-lifecycle" => lifecycle, &POD_TEMPLATE;
    "pt-delcol" => by_selector, &POD_TEMPLATE;
    "lr-collection" => lifecycle, &LIMIT_RANGE;
    "sa-lifecycle" => lifecycle, &SERVICE_ACCOUNT;
    "cm-lifecycle" => lifecycle, &CONFIG_MAP;
    "pdb-list-delcol" => by_selector, &BUDGET;
    "pdb-crud" => lifecycle, &BUDGET;
    "node-crud" => lifecycle, &NODE;
    "ev-new-delcol" => by_selector, &EVENT;
    "rq-lifecycle" => lifecycle, &QUOTA;
    "svc-delcol" => by_selector, &SERVICE;
}

const NAMESPACED: Kind =
    Kind { group_version: "v1", plural: "", namespaced: true, body: |_, _| json!({}), status: None, name: None };
const CLUSTER: Kind = Kind { namespaced: false, ..NAMESPACED };

const RUNTIME_CLASS: Kind = Kind {
    group_version: "node.k8s.io/v1",
    plural: "runtimeclasses",
    body: |_, _| json!({"handler": "conformance"}),
    ..CLUSTER
};

const CSI_DRIVER: Kind = Kind {
    group_version: "storage.k8s.io/v1",
    plural: "csidrivers",
    body: |_, _| json!({"spec": {"attachRequired": false, "podInfoOnMount": true, "volumeLifecycleModes": ["Ephemeral"]}}),
    ..CLUSTER
};

const CSI_CAPACITY: Kind = Kind {
    group_version: "storage.k8s.io/v1",
    plural: "csistoragecapacities",
    body: |_, _| json!({"storageClassName": "conformance", "capacity": "100Gi"}),
    ..NAMESPACED
};

const ATTRIBUTES_CLASS: Kind = Kind {
    group_version: "storage.k8s.io/v1",
    plural: "volumeattributesclasses",
    body: |_, _| json!({"driverName": "conformance.example.com", "parameters": {"iops": "1000"}}),
    ..CLUSTER
};

const ATTACHMENT: Kind = Kind {
    group_version: "storage.k8s.io/v1",
    plural: "volumeattachments",
    body: |_, _| {
        let source = json!({"persistentVolumeName": "conformance-none"});
        json!({"spec": {"attacher": "conformance.example.com", "nodeName": "conformance-none", "source": source}})
    },
    ..CLUSTER
};

const ATTACHMENT_WITH_STATUS: Kind = Kind {
    status: Some([|| json!({"status": {"attached": true}}), || json!({"status": {"attached": false}})]),
    ..ATTACHMENT
};

const LEASE: Kind = Kind {
    group_version: "coordination.k8s.io/v1",
    plural: "leases",
    body: |_, _| {
        json!({"spec": {
            "holderIdentity": "holder", "leaseDurationSeconds": 30, "acquireTime": "2024-01-02T03:04:05.000006Z",
            "renewTime": "2024-01-02T03:05:05.000006Z", "leaseTransitions": 1,
        }})
    },
    ..NAMESPACED
};

const POD_TEMPLATE: Kind = Kind {
    plural: "podtemplates",
    body: |_, _| {
        let containers = json!([{"name": "nginx", "image": "nginx"}]);
        json!({"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}})
    },
    ..NAMESPACED
};

const LIMIT_RANGE: Kind = Kind {
    plural: "limitranges",
    body: |_, _| json!({"spec": {"limits": [{"type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": "500m"}}]}}),
    ..NAMESPACED
};

const SERVICE_ACCOUNT: Kind =
    Kind { plural: "serviceaccounts", body: |_, _| json!({"automountServiceAccountToken": false}), ..NAMESPACED };

const CONFIG_MAP: Kind =
    Kind { plural: "configmaps", body: |_, _| json!({"data": {"valueName": "value"}}), ..NAMESPACED };

const BUDGET: Kind = Kind {
    group_version: "policy/v1",
    plural: "poddisruptionbudgets",
    body: |_, at| json!({"spec": {"minAvailable": at, "selector": {"matchLabels": {"app": "conformance-none"}}}}),
    ..NAMESPACED
};

const NODE: Kind = Kind { plural: "nodes", ..CLUSTER };

const EVENT: Kind = Kind {
    group_version: "events.k8s.io/v1",
    plural: "events",
    body: |ctx, _| {
        json!({
            "type": "Normal", "reason": "Test", "action": "Do", "note": "a check's event", "reportingController": "conformance.example.com/check",
            "reportingInstance": "check-1", "eventTime": "2024-01-02T03:04:05.000006Z",
            "regarding": {"kind": "Pod", "apiVersion": "v1", "name": "none", "namespace": ctx.ns},
        })
    },
    ..NAMESPACED
};

const QUOTA: Kind =
    Kind { plural: "resourcequotas", body: |_, _| json!({"spec": {"hard": {"pods": "5", "cpu": "1"}}}), ..NAMESPACED };

const SERVICE: Kind =
    Kind { plural: "services", body: |_, _| json!({"spec": {"ports": [{"name": "http", "port": 80}]}}), ..NAMESPACED };
