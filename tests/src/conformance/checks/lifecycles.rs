//! Kinds whose whole row is their life: discovery and the verbs. A kind is data. Policies, flow control, batch, network, certificates.

use serde_json::{Value, json};

use super::super::lifecycle::{Kind, lifecycle, with_every_patch};
use super::checks;

checks! {
    "apf-flowschema-crud" => lifecycle, &FLOW_SCHEMA;
    "apf-plc-crud" => lifecycle, &PRIORITY_LEVEL;
    "map-crud" => lifecycle, &MUTATING_POLICY;
    "mapb-crud" => lifecycle, &MUTATING_BINDING;
    "vap-crud" => lifecycle, &VALIDATING_POLICY;
    "svm-crud" => with_every_patch, &MIGRATION;
    "cronjob-crud" => lifecycle, &CRON_JOB;
    "eps-crud" => lifecycle, &ENDPOINT_SLICE;
    "ingress-crud" => lifecycle, &INGRESS;
    "ingressclass-crud" => lifecycle, &INGRESS_CLASS;
    "ipaddress-crud" => lifecycle, &IP_ADDRESS;
    "servicecidr-crud" => lifecycle, &SERVICE_CIDR;
    "ep-lifecycle" => lifecycle, &ENDPOINTS;
}

/// What most kinds have as their status: one condition.
fn condition(reason: &str) -> Value {
    json!([{
        "type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check",
        "lastTransitionTime": "2024-01-02T03:04:05Z",
    }])
}

fn patched() -> Value {
    json!({"status": {"conditions": condition("Patched")}})
}

fn updated() -> Value {
    json!({"status": {"conditions": condition("Updated")}})
}

/// As [`patched`], for kinds that take annotations through /status too.
fn patched_and_annotated() -> Value {
    json!({"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"conditions": condition("Patched")}})
}

const NAMESPACED: Kind =
    Kind { group_version: "", plural: "", namespaced: true, body: |_, _| json!({}), status: None, name: None };
const CLUSTER: Kind = Kind { namespaced: false, ..NAMESPACED };

const FLOW_SCHEMA: Kind = Kind {
    group_version: "flowcontrol.apiserver.k8s.io/v1",
    plural: "flowschemas",
    body: |_, _| {
        let resources = json!([{"verbs": ["none"], "apiGroups": ["none.example.com"], "resources": ["none"], "clusterScope": true}]);
        let subjects = json!([{"kind": "User", "user": {"name": "nobody-of-conformance"}}]);
        json!({"spec": {
            "matchingPrecedence": 9900, "priorityLevelConfiguration": {"name": "global-default"},
            "distinguisherMethod": {"type": "ByUser"}, "rules": [{"subjects": subjects, "resourceRules": resources}],
        }})
    },
    status: Some([patched_and_annotated, updated]),
    ..CLUSTER
};

const PRIORITY_LEVEL: Kind = Kind {
    group_version: "flowcontrol.apiserver.k8s.io/v1",
    plural: "prioritylevelconfigurations",
    body: |_, _| {
        let limited = json!({"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}});
        json!({"spec": {"type": "Limited", "limited": limited}})
    },
    status: Some([patched_and_annotated, updated]),
    ..CLUSTER
};

/// Matches nothing that exists.
fn match_nothing() -> Value {
    let rule = json!({"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["none"]});
    json!({"resourceRules": [rule]})
}

const MUTATING_POLICY: Kind = Kind {
    group_version: "admissionregistration.k8s.io/v1",
    plural: "mutatingadmissionpolicies",
    body: |_, _| {
        let mutation = json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}});
        json!({"spec": {
            "matchConstraints": match_nothing(), "failurePolicy": "Ignore", "reinvocationPolicy": "Never", "mutations": [mutation],
        }})
    },
    ..CLUSTER
};

const MUTATING_BINDING: Kind = Kind {
    group_version: "admissionregistration.k8s.io/v1",
    plural: "mutatingadmissionpolicybindings",
    body: |_, _| json!({"spec": {"policyName": "conformance-no-such-policy"}}),
    ..CLUSTER
};

const VALIDATING_POLICY: Kind = Kind {
    group_version: "admissionregistration.k8s.io/v1",
    plural: "validatingadmissionpolicies",
    body: |_, _| {
        let validations = json!([{"expression": "object.spec.replicas <= 100"}]);
        json!({"spec": {"matchConstraints": match_nothing(), "failurePolicy": "Fail", "validations": validations}})
    },
    status: Some([patched, updated]),
    ..CLUSTER
};

const MIGRATION: Kind = Kind {
    group_version: "storagemigration.k8s.io/v1",
    plural: "storageversionmigrations",
    body: |_, _| json!({"spec": {"resource": {"group": "none.example.com", "resource": "none"}}}),
    status: Some([patched, updated]),
    ..CLUSTER
};

const CRON_JOB: Kind = Kind {
    group_version: "batch/v1",
    plural: "cronjobs",
    body: |_, _| {
        let container = json!({"name": "c", "image": "busybox"});
        let pod = json!({"spec": {"restartPolicy": "OnFailure", "containers": [container]}});
        json!({"spec": {
            "schedule": "0 0 31 2 *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": {"template": pod}},
        }})
    },
    status: Some([
        || {
            let annotations = json!({"patchedstatus": "true"});
            json!({"metadata": {"annotations": annotations}, "status": {"lastScheduleTime": "2024-01-02T03:04:05Z"}})
        },
        || json!({"status": {"lastScheduleTime": "2024-01-02T04:04:05Z"}}),
    ]),
    ..NAMESPACED
};

const ENDPOINT_SLICE: Kind = Kind {
    group_version: "discovery.k8s.io/v1",
    plural: "endpointslices",
    body: |_, _| {
        let endpoints = json!([{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}]);
        json!({"addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]})
    },
    ..NAMESPACED
};

const ENDPOINTS: Kind = Kind {
    group_version: "v1",
    plural: "endpoints",
    body: |_, _| {
        let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        json!({"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": ports}]})
    },
    ..NAMESPACED
};

const INGRESS: Kind = Kind {
    group_version: "networking.k8s.io/v1",
    plural: "ingresses",
    body: |_, _| {
        json!({"spec": {
            "ingressClassName": "conformance-none", "defaultBackend": {"service": {"name": "default-backend", "port": {"number": 80}}},
        }})
    },
    status: Some([
        || {
            let ingress = json!([{"ip": "169.1.1.1"}]);
            json!({"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"loadBalancer": {"ingress": ingress}}})
        },
        || json!({"status": {"loadBalancer": {"ingress": [{"ip": "169.1.1.2"}]}}}),
    ]),
    ..NAMESPACED
};

const INGRESS_CLASS: Kind = Kind {
    group_version: "networking.k8s.io/v1",
    plural: "ingressclasses",
    body: |_, _| json!({"spec": {"controller": "example.com/conformance"}}),
    ..CLUSTER
};

const IP_ADDRESS: Kind = Kind {
    group_version: "networking.k8s.io/v1",
    plural: "ipaddresses",
    body: |_, _| json!({"spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "none"}}}),
    name: Some(|at| format!("192.0.2.{}", at + 10)),
    ..CLUSTER
};

const SERVICE_CIDR: Kind = Kind {
    group_version: "networking.k8s.io/v1",
    plural: "servicecidrs",
    body: |_, at| json!({"spec": {"cidrs": [format!("198.51.100.{}/28", at * 16)]}}),
    status: Some([patched, updated]),
    ..CLUSTER
};
