//! Where a Pod may run: affinity, tolerations, spread.

use crate::field::Field;
use crate::names;
use crate::selector_rules::label_selector;
use crate::tree::{items, text};

pub(super) fn affinity(affinity: &Field) {
    let node = affinity.get("nodeAffinity");
    let required = node.get("requiredDuringSchedulingIgnoredDuringExecution");
    if required.is_set() {
        node_selector(&required);
    }
    for term in node.get("preferredDuringSchedulingIgnoredDuringExecution").items() {
        weight(&term);
        node_term(&term.get("preference"), false);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = affinity.get(kind);
        for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution").items() {
            pod_term(&term);
        }
        for term in affinity.get("preferredDuringSchedulingIgnoredDuringExecution").items() {
            weight(&term);
            pod_term(&term.get("podAffinityTerm"));
        }
    }
}

fn weight(term: &Field) {
    let weight = term.get("weight");
    if !(1..=100).contains(&weight.int().unwrap_or_default()) {
        weight.invalid("must be in the range 1-100");
    }
}

/// A required node selector; PersistentVolumes have one too.
pub(crate) fn node_selector(selector: &Field) {
    let terms = selector.get("nodeSelectorTerms");
    if terms.len() == 0 {
        terms.required("must have at least one node selector term");
    }
    terms.items().for_each(|term| node_term(&term, true));
}

fn node_term(term: &Field, check_values: bool) {
    term.get("matchExpressions").items().for_each(|expression| node_expression(&expression, check_values));
    for expression in term.get("matchFields").items() {
        let (key, operator, values) = (expression.get("key"), expression.get("operator"), expression.get("values"));
        match operator.text() {
            "In" | "NotIn" if values.len() != 1 => {
                values.required("must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
            }
            "In" | "NotIn" => {}
            _ => operator.invalid("not a valid selector operator"),
        }
        if key.text() == "metadata.name" {
            values.items().for_each(|value| value.invalid_all(names::dns1123_subdomain(value.text())));
        } else {
            key.invalid("not a valid field selector key");
        }
    }
}

fn node_expression(expression: &Field, check_values: bool) {
    let (key, operator, values) = (expression.get("key"), expression.get("operator"), expression.get("values"));
    match operator.text() {
        "In" | "NotIn" if values.len() == 0 => values.required("must be specified when `operator` is 'In' or 'NotIn'"),
        "Exists" | "DoesNotExist" if values.len() > 0 => {
            values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            values.required("must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        _ => operator.invalid("not a valid selector operator"),
    }
    key.invalid_all(names::qualified_name(key.text()));
    if check_values {
        values.items().for_each(|value| value.invalid_all(names::label_value(value.text())));
    }
}

fn pod_term(term: &Field) {
    label_selector(&term.get("labelSelector"));
    label_selector(&term.get("namespaceSelector"));
    for namespace in items(term.value, "namespaces") {
        let wrong = names::dns1123_label(namespace.as_str().unwrap_or_default());
        wrong.iter().for_each(|message| term.get("namespace").invalid_value(namespace, message));
    }
    label_keys(term);
    let key = term.get("topologyKey");
    if key.text().is_empty() {
        key.required("can not be empty");
    }
    key.invalid_all(names::qualified_name(key.text()));
}

/// Keys whose values come from the Pod's own labels.
fn label_keys(term: &Field) {
    let has_selector = term.get("labelSelector").is_set();
    let mismatch = term.get("mismatchLabelKeys");
    for list in [term.get("matchLabelKeys"), term.get("mismatchLabelKeys")] {
        if list.len() > 0 && !has_selector {
            list.forbidden("must not be specified when labelSelector is not set");
            continue;
        }
        list.items().for_each(|key| key.invalid_all(names::qualified_name(key.text())));
    }
    for key in term.get("matchLabelKeys").items() {
        if mismatch.items().any(|other| other.text() == key.text()) {
            key.invalid("exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}

pub(super) fn spread(constraints: &Field) {
    for (index, constraint) in constraints.items().enumerate() {
        let (skew, key, action) =
            (constraint.get("maxSkew"), constraint.get("topologyKey"), constraint.get("whenUnsatisfiable"));
        positive(&skew);
        if key.text().is_empty() {
            key.required("can not be empty");
        }
        action.one_of(&["DoNotSchedule", "ScheduleAnyway"]);
        let later = constraints.value.as_array().map_or(&[][..], |list| &list[index + 1..]);
        let same = |other: &&serde_json::Value| {
            text(other, "topologyKey") == key.text() && text(other, "whenUnsatisfiable") == action.text()
        };
        if later.iter().any(|other| same(&other)) {
            let shown = format!("{{{}, {}}}", key.text(), action.text()).into();
            constraint.get("{topologyKey, whenUnsatisfiable}").with(&shown).duplicate();
        }
        min_domains(&constraint, action.text());
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"].map(|policy| constraint.get(policy)) {
            if policy.is_set() {
                policy.one_of(&["Honor", "Ignore"]);
            }
        }
        label_keys(&constraint);
        label_selector(&constraint.get("labelSelector"));
    }
}

fn positive(number: &Field) {
    let value = number.int().unwrap_or_default();
    if value <= 0 {
        number.invalid_value(&value.into(), "must be greater than zero");
    }
}

fn min_domains(constraint: &Field, action: &str) {
    let domains = constraint.get("minDomains");
    if domains.is_set() {
        positive(&domains);
        if action != "DoNotSchedule" {
            domains.invalid(&format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"));
        }
    }
}

/// Tolerations of a Pod or a RuntimeClass.
pub(crate) fn tolerations(tolerations: &Field) {
    for toleration in tolerations.items() {
        let (key, operator) = (toleration.get("key"), toleration.get("operator"));
        let (value, effect) = (toleration.get("value"), toleration.get("effect"));
        key.check(names::qualified_name);
        if key.text().is_empty() && operator.text() != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            operator.invalid(why);
        }
        if toleration.get("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        match operator.text() {
            "" | "Equal" => {
                let wrong = names::label_value(value.text());
                if !wrong.is_empty() {
                    operator.invalid_value(value.value, &wrong.join(";"));
                }
            }
            "Exists" if !value.text().is_empty() => {
                operator.invalid_value(value.value, "value must be empty when `operator` is 'Exists'");
            }
            "Exists" => {}
            "Lt" | "Gt" => operator.not_supported(&["Equal", "Exists", "Lt", "Gt"]),
            _ => operator.not_supported(&["Equal", "Exists"]),
        }
        if !effect.text().is_empty() {
            effect.one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        }
    }
}
