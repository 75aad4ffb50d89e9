//! The default priority levels and flow schemas (API priority and fairness), as tables.

use serde_json::{Value, json};

use super::reconcile::{Desired, Keep};

const API_VERSION: &str = "flowcontrol.apiserver.k8s.io/v1";

/// (name, shares, lendable percent, queuing: queues, hand size, queue length limit)
type Level = (&'static str, u32, u32, Option<(u32, u32, u32)>);

const LEVELS: [Level; 7] = [
    ("catch-all", 5, 0, None),
    ("global-default", 20, 50, Some((128, 6, 50))),
    ("leader-election", 10, 0, Some((16, 4, 50))),
    ("node-high", 40, 25, Some((64, 6, 50))),
    ("system", 30, 33, Some((64, 6, 50))),
    ("workload-high", 40, 50, Some((128, 6, 50))),
    ("workload-low", 100, 90, Some((128, 6, 50))),
];

/// Every verb on everything.
const ALL: &[Rule] = &[Rule::Resource("*", "*", "*", true), Rule::Path("*", "*")];

#[derive(Clone, Copy)]
enum Rule {
    /// verbs, group, resources, whether cluster-scoped objects are meant too
    Resource(&'static str, &'static str, &'static str, bool),
    /// verbs, paths
    Path(&'static str, &'static str),
}

struct Schema {
    name: &'static str,
    level: &'static str,
    precedence: u32,
    /// `ByUser`, `ByNamespace` or none.
    distinguisher: &'static str,
    /// `Group=`, `User=`, `ServiceAccount=` (of kube-system), separated by commas.
    subjects: &'static str,
    rules: &'static [Rule],
}

const fn schema(
    name: &'static str,
    level: &'static str,
    precedence: u32,
    distinguisher: &'static str,
    subjects: &'static str,
    rules: &'static [Rule],
) -> Schema {
    Schema { name, level, precedence, distinguisher, subjects, rules }
}

const EVERYBODY: &str = "Group=system:unauthenticated,Group=system:authenticated";
const LEASES: &[Rule] = &[Rule::Resource("get,create,update", "coordination.k8s.io", "leases", false)];
const PROBES: &[Rule] = &[Rule::Path("get", "/healthz,/readyz,/livez")];
const ENDPOINTS: &[Rule] = &[Rule::Resource("get,create,update", "", "endpoints", false)];
const NODE_HIGH: &[Rule] =
    &[Rule::Resource("*", "", "nodes,nodes/status", true), Rule::Resource("*", "coordination.k8s.io", "leases", false)];
const ENDPOINT_CONTROLLERS: &str = "User=system:kube-controller-manager,ServiceAccount=endpoint-controller,ServiceAccount=endpointslicemirroring-controller";
const LEADERS: &str = "User=system:kube-controller-manager,User=system:kube-scheduler,ServiceAccount=*";

const SCHEMAS: [Schema; 13] = [
    schema("exempt", "exempt", 1, "", "Group=system:masters", ALL),
    schema("probes", "exempt", 2, "", EVERYBODY, PROBES),
    schema("system-leader-election", "leader-election", 100, "ByUser", LEADERS, LEASES),
    schema("endpoint-controller", "workload-high", 150, "ByUser", ENDPOINT_CONTROLLERS, ENDPOINTS),
    schema("workload-leader-election", "leader-election", 200, "ByUser", "ServiceAccount=*", LEASES),
    schema("system-node-high", "node-high", 400, "ByUser", "Group=system:nodes", NODE_HIGH),
    schema("system-nodes", "system", 500, "ByUser", "Group=system:nodes", ALL),
    schema("kube-controller-manager", "workload-high", 800, "ByNamespace", "User=system:kube-controller-manager", ALL),
    schema("kube-scheduler", "workload-high", 800, "ByNamespace", "User=system:kube-scheduler", ALL),
    schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", "ServiceAccount=*", ALL),
    schema("service-accounts", "workload-low", 9000, "ByUser", "Group=system:serviceaccounts", ALL),
    schema("global-default", "global-default", 9900, "ByUser", EVERYBODY, ALL),
    schema("catch-all", "catch-all", 10000, "ByUser", EVERYBODY, ALL),
];

/// Both kinds' objects.
pub(crate) fn objects() -> Vec<Desired> {
    let exempt = json!({
        "apiVersion": API_VERSION, "kind": "PriorityLevelConfiguration", "metadata": metadata("exempt"),
        "spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}},
    });
    let mut all = vec![keep("exempt", exempt)];
    all.extend(LEVELS.iter().map(|row| keep(row.0, level(row))));
    all.extend(SCHEMAS.iter().map(|row| keep(row.name, flow_schema(row))));
    all
}

/// The mandatory two are exactly ours, the others are suggestions.
fn keep(name: &str, object: Value) -> Desired {
    let mandatory = matches!(name, "exempt" | "catch-all");
    Desired::new(object, if mandatory { Keep::Fields(&["spec"]) } else { Keep::SuggestedSpec })
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}})
}

fn level((name, shares, lendable, queuing): &Level) -> Value {
    let response = match queuing {
        None => json!({"type": "Reject"}),
        Some((queues, hand, length)) => {
            json!({"type": "Queue", "queuing": {"queues": queues, "handSize": hand, "queueLengthLimit": length}})
        }
    };
    let limited = json!({"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response});
    json!({
        "apiVersion": API_VERSION, "kind": "PriorityLevelConfiguration", "metadata": metadata(name),
        "spec": {"type": "Limited", "limited": limited},
    })
}

fn flow_schema(row: &Schema) -> Value {
    let list = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    for rule in row.rules {
        match rule {
            Rule::Resource(verbs, group, names, cluster) => {
                let mut rule =
                    json!({"verbs": list(verbs), "apiGroups": [group], "resources": list(names), "namespaces": ["*"]});
                if *cluster {
                    rule["clusterScope"] = true.into();
                }
                resources.push(rule);
            }
            Rule::Path(verbs, urls) => paths.push(json!({"verbs": list(verbs), "nonResourceURLs": list(urls)})),
        }
    }
    let mut rules = json!({"subjects": row.subjects.split(',').map(subject).collect::<Vec<_>>()});
    if !resources.is_empty() {
        rules["resourceRules"] = resources.into();
    }
    if !paths.is_empty() {
        rules["nonResourceRules"] = paths.into();
    }
    let mut spec = json!({
        "priorityLevelConfiguration": {"name": row.level}, "matchingPrecedence": row.precedence, "rules": [rules],
    });
    if !row.distinguisher.is_empty() {
        spec["distinguisherMethod"] = json!({"type": row.distinguisher});
    }
    json!({"apiVersion": API_VERSION, "kind": "FlowSchema", "metadata": metadata(row.name), "spec": spec})
}

fn subject(text: &str) -> Value {
    let (kind, name) = text.split_once('=').expect("kind=name");
    match kind {
        "Group" => json!({"kind": kind, "group": {"name": name}}),
        "User" => json!({"kind": kind, "user": {"name": name}}),
        _ => json!({"kind": kind, "serviceAccount": {"name": name, "namespace": "kube-system"}}),
    }
}
