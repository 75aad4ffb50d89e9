//! Checks of RBAC's rules and bindings.

use serde_json::Value;

use crate::field::Field;
use crate::names;

const GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a role.
pub(super) fn rule(rule: &Field, namespaced: bool) {
    if rule.get("verbs").len() == 0 {
        rule.get("verbs").required("");
    }
    let urls = rule.get("nonResourceURLs");
    let (groups, resources) = (rule.get("apiGroups"), rule.get("resources"));
    if urls.len() > 0 {
        if namespaced {
            urls.invalid("namespaced rules cannot apply to non-resource URLs");
        }
        if groups.len() + resources.len() + rule.get("resourceNames").len() > 0 {
            urls.invalid("rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if groups.len() == 0 {
        groups.required("resource rules must supply at least one api group");
    }
    if resources.len() == 0 {
        resources.required("resource rules must supply at least one resource");
    }
}

/// A binding's role and subjects.
pub(super) fn binding(binding: &Field, namespaced: bool) {
    let role = binding.get("roleRef");
    role.get("apiGroup").one_of(&[GROUP]);
    role.get("kind").one_of(if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] });
    role.get("name").require("", names::path_segment);
    binding.get("subjects").items().for_each(|subject| self::subject(&subject, namespaced));
}

fn subject(subject: &Field, namespaced: bool) {
    let (name, group) = (subject.get("name"), subject.get("apiGroup"));
    if name.text().is_empty() {
        name.required("");
    }
    match subject.get("kind").text() {
        "ServiceAccount" => {
            name.check(names::dns1123_subdomain);
            if !group.text().is_empty() {
                group.not_supported(&[""]);
            }
            if !namespaced && subject.get("namespace").text().is_empty() {
                subject.get("namespace").required("");
            }
        }
        "User" | "Group" => group.one_of(&[GROUP]),
        _ => subject.get("kind").not_supported(&["ServiceAccount", "User", "Group"]),
    }
}

/// A binding goes to one role for good.
pub(super) fn binding_update(binding: &Field, old: &Value) {
    binding.get("roleRef").immutable(crate::tree::at(old, "roleRef"));
}
