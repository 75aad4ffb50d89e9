//! The default roles and bindings of RBAC, read from their table (`data/rbac.tsv`).

use serde_json::{Value, json};

use crate::authz::Rule;

const TABLE: &str = include_str!("../../data/rbac.tsv");
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// One role or binding of the table with the lines of its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    pub kind: &'static str,
    pub namespace: &'static str,
    pub name: &'static str,
    columns: [&'static str; 2],
    rules: Vec<&'static str>,
}

/// The table's rows: ClusterRoles, Roles, ClusterRoleBindings, RoleBindings.
pub fn role_rows() -> Vec<RoleRow> {
    let mut rows: Vec<RoleRow> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        if let Some(rule) = line.strip_prefix('\t') {
            rows.last_mut().expect("a rule follows its role").rules.push(rule);
            continue;
        }
        let mut cells = line.split('\t').map(|cell| if cell == "-" { "" } else { cell });
        let mut next = || cells.next().expect("five columns");
        rows.push(RoleRow {
            kind: next(),
            namespace: next(),
            name: next(),
            columns: [next(), next()],
            rules: Vec::new(),
        });
    }
    rows
}

/// Every default role and binding as an object.
pub fn default_roles() -> Vec<Value> {
    role_rows().iter().map(RoleRow::object).collect()
}

/// The rules of one default ClusterRole.
pub(crate) fn default_role_rules(name: &str) -> Vec<Rule> {
    let row = role_rows().into_iter().find(|row| row.kind == "ClusterRole" && row.name == name);
    row.into_iter().flat_map(|row| Rule::list(&row.object()["rules"])).collect()
}

/// What the cluster's own nodes need to join by token: ask for a certificate, have it approved, renew it; and to proxy Services.
const JOINING: [(&str, &str, &str); 4] = [
    ("oxkube:kubelet-bootstrap", "system:node-bootstrapper", "system:bootstrappers"),
    (
        "oxkube:node-autoapprove-bootstrap",
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "system:bootstrappers",
    ),
    (
        "oxkube:node-autoapprove-certificate-rotation",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "system:nodes",
    ),
    // The proxy of an agent speaks as its node.
    ("oxkube:node-proxier", "system:node-proxier", "system:nodes"),
];

/// Upstream's defaults with the rules of aggregating roles filled in, and our own bindings.
pub(crate) fn desired() -> Vec<Value> {
    let mut all = default_roles();
    aggregate(&mut all);
    let binding = |(name, role, group): (&str, &str, &str)| {
        json!({
            "apiVersion": API_VERSION, "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group}],
        })
    };
    all.extend(JOINING.into_iter().map(binding));
    all
}

/// `view` goes into `edit`, `edit` into `admin`: three rounds reach every rule.
fn aggregate(roles: &mut [Value]) {
    for _ in 0..3 {
        for at in 0..roles.len() {
            let selector = &roles[at]["aggregationRule"]["clusterRoleSelectors"][0]["matchLabels"];
            let Some(label) = selector.as_object().and_then(|labels| labels.keys().next()).cloned() else { continue };
            let mut rules: Vec<Value> = Vec::new();
            for role in roles.iter().filter(|role| role["metadata"]["labels"][&label] == "true") {
                for rule in role["rules"].as_array().into_iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
            roles[at]["rules"] = rules.into();
        }
    }
}

fn list(cell: &str) -> Vec<&str> {
    cell.split(',').map(|item| if item == "core" { "" } else { item }).collect()
}

fn rule(line: &str) -> Value {
    let cells: Vec<&str> = line.split('\t').collect();
    match cells.as_slice() {
        [verbs, "url", urls] => json!({"verbs": list(verbs), "nonResourceURLs": list(urls)}),
        [verbs, groups, resources] => {
            json!({"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources)})
        }
        [verbs, groups, resources, names] => {
            json!({"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources), "resourceNames": list(names)})
        }
        _ => unreachable!("three or four columns: {line}"),
    }
}

fn subject(text: &str) -> Value {
    let (kind, name) = text.split_once('=').expect("kind=name");
    match name.split_once('/') {
        Some((namespace, name)) if kind == "ServiceAccount" => {
            json!({"kind": kind, "name": name, "namespace": namespace})
        }
        _ => json!({"kind": kind, "name": name, "apiGroup": GROUP}),
    }
}

impl RoleRow {
    /// The object as upstream's bootstrap makes it.
    pub fn object(&self) -> Value {
        let mut object = json!({
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "metadata": {
                "name": self.name,
                "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
                "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
            },
        });
        if !self.namespace.is_empty() {
            object["metadata"]["namespace"] = self.namespace.into();
        }
        if self.kind.ends_with("Binding") {
            self.fill_binding(&mut object);
        } else {
            self.fill_role(&mut object);
        }
        object
    }

    fn fill_role(&self, object: &mut Value) {
        let [carries, aggregates] = self.columns;
        if !carries.is_empty() {
            object["metadata"]["labels"][format!("{AGGREGATE}{carries}")] = "true".into();
        }
        if !aggregates.is_empty() {
            let selector = json!({"matchLabels": {format!("{AGGREGATE}{aggregates}"): "true"}});
            object["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        }
        object["rules"] = self.rules.iter().map(|line| rule(line)).collect();
    }

    fn fill_binding(&self, object: &mut Value) {
        let [role, subjects] = self.columns;
        let (kind, name) = role.split_once('=').expect("kind=name");
        object["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": name});
        if !subjects.is_empty() {
            object["subjects"] = subjects.split(',').map(subject).collect();
        }
    }
}
