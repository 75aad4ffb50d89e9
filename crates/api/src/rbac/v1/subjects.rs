//! What role bindings give and to whom: defaults and cells that RoleBinding and ClusterRoleBinding share.

use serde_json::Value;

use crate::tree::{at_mut, default as fill, items, items_mut, text};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Users, groups and roles are of RBAC's own group; service accounts of the core one.
pub(super) fn default(binding: &mut Value) {
    if let Some(role) = at_mut(binding, "roleRef") {
        fill(role, "apiGroup", GROUP);
    }
    for subject in items_mut(binding, "subjects").filter(|subject| matches!(text(subject, "kind"), "User" | "Group")) {
        fill(subject, "apiGroup", GROUP);
    }
}

/// `ClusterRole/view`.
pub(super) fn role(binding: &Value) -> Value {
    format!("{}/{}", text(binding, "roleRef.kind"), text(binding, "roleRef.name")).into()
}

/// Names of the subjects of one kind.
pub(super) fn of_kind(binding: &Value, kind: &str) -> Value {
    let subjects = items(binding, "subjects").iter().filter(|subject| text(subject, "kind") == kind);
    let name = |subject: &Value| match kind {
        "ServiceAccount" => format!("{}/{}", text(subject, "namespace"), text(subject, "name")),
        _ => text(subject, "name").to_owned(),
    };
    subjects.map(name).collect::<Vec<_>>().join(", ").into()
}
