//! Rules of webhooks and policies as they are written: operations, groups, versions and resources (pkg/apis/admissionregistration/validation).

use crate::field::Field;

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

/// One rule with its operations.
pub(super) fn check(rule: &Field) {
    let operations = rule.get("operations");
    if operations.len() == 0 {
        operations.required("");
    }
    alone(&operations, "if '*' is present, must not specify other operations");
    operations.items().for_each(|operation| operation.one_of(&OPERATIONS));
    let (groups, versions) = (rule.get("apiGroups"), rule.get("apiVersions"));
    if groups.len() == 0 {
        groups.required("");
    }
    alone(&groups, "if '*' is present, must not specify other API groups");
    if versions.len() == 0 {
        versions.required("");
    }
    alone(&versions, "if '*' is present, must not specify other API versions");
    versions.items().filter(|version| version.text().is_empty()).for_each(|version| version.required(""));
    resources(&rule.get("resources"));
    rule.get("scope").check_one_of(&["*", "Cluster", "Namespaced"]);
}

/// A `*` is the only item of its list.
fn alone(list: &Field, message: &str) {
    if list.len() > 1 && list.items().any(|item| item.text() == "*") {
        list.invalid(message);
    }
}

/// `pods`, `pods/status`, `pods/*`, `*/scale`, `*`, `*/*`: no item may say what another says already.
fn resources(resources: &Field) {
    if resources.len() == 0 {
        resources.required("");
    }
    let (mut all_below, mut everywhere) = (Vec::new(), Vec::new());
    let (mut star, mut plain) = (false, false);
    for resource in resources.items() {
        let whole = resource.text();
        match whole.split_once('/') {
            _ if whole.is_empty() => resource.required(""),
            None => {
                star |= whole == "*";
                plain = whole != "*";
            }
            Some((name, below)) => {
                if all_below.contains(&name) {
                    resource.invalid(&format!("if '{name}/*' is present, must not specify {whole}"));
                }
                if everywhere.contains(&below) {
                    resource.invalid(&format!("if '*/{below}' is present, must not specify {whole}"));
                }
                all_below.extend((below == "*").then_some(name));
                everywhere.extend((name == "*").then_some(below));
            }
        }
    }
    if resources.len() > 1 && resources.items().any(|resource| resource.text() == "*/*") {
        resources.invalid("if '*/*' is present, must not specify other resources");
    }
    if star && plain {
        resources.invalid("if '*' is present, must not specify other resources without subresources");
    }
}
