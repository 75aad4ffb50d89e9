//! Checks that Deployments, ReplicaSets, DaemonSets, StatefulSets, ReplicationControllers and Jobs share: selector against template,
//! what a template may not say, and rolling updates' numbers.

use serde_json::{Value, json};

use crate::core::v1::pod::validate;
use crate::field::Field;
use crate::selector::LabelSelector;
use crate::selector_rules::label_selector;
use crate::{int_or_string, names};

/// `spec.selector` must be there, well-formed and not empty. `empty_for` stands in upstream's message.
pub(crate) fn selector(spec: &Field, empty_for: &str) {
    let selector = spec.get("selector");
    if !selector.is_set() {
        return selector.required("");
    }
    label_selector(&selector);
    if selector.get("matchLabels").len() + selector.get("matchExpressions").len() == 0 {
        selector.invalid(&format!("empty selector is invalid for {empty_for}"));
    }
}

/// The template's labels fulfil the selector.
pub(crate) fn template_matches(spec: &Field, selector: &LabelSelector) {
    let template = spec.get("template");
    let metadata = template.get("metadata");
    let labels = metadata.get("labels");
    if !selector.is_everything() && !selector.matches(labels.map()) {
        let shown = if labels.is_set() { labels.value.clone() } else { Value::Null };
        labels.invalid_value(&shown, "`selector` does not match template `labels`");
    }
}

/// The template of a workload that keeps its Pods running.
pub(crate) fn running_template(spec: &Field, owner: &str) {
    let template = spec.get("template");
    validate::template(&template);
    always_restarts(spec, owner);
}

/// Only the restart policy Always, and no deadline.
pub(crate) fn always_restarts(spec: &Field, owner: &str) {
    let template = spec.get("template");
    let pod = template.get("spec");
    if pod.get("restartPolicy").text() != "Always" {
        pod.get("restartPolicy").not_supported(&["Always"]);
    }
    let deadline = pod.get("activeDeadlineSeconds");
    if deadline.is_set() {
        deadline.forbidden(&format!("activeDeadlineSeconds in {owner} is not Supported"));
    }
}

/// Selector and template of Deployments and ReplicaSets.
pub(crate) fn replicas_of_a_template(spec: &Field) {
    spec.get("replicas").not_negative();
    spec.get("minReadySeconds").not_negative();
    selector(spec, "deployment");
    match LabelSelector::from_json(spec.get("selector").value) {
        Err(_) => spec.get("selector").invalid("invalid label selector"),
        Ok(selector) => {
            template_matches(spec, &selector);
            running_template(spec, "ReplicaSet");
        }
    }
}

/// A number, not negative, or a percentage.
pub(crate) fn int_or_percent(field: &Field) {
    match field.value {
        Value::String(text) => field.invalid_all(names::percent(text)),
        _ => field.not_negative(),
    }
}

pub(crate) fn not_above_100_percent(field: &Field) {
    if let Ok(percent) = int_or_string::percentage(field.text())
        && percent > 100
    {
        field.invalid("must not be greater than 100%");
    }
}

/// Neither 0 nor 0%.
pub(crate) fn is_something(field: &Field) -> bool {
    match field.value {
        Value::String(text) => int_or_string::percentage(text).unwrap_or_default() != 0,
        other => *other != json!(0) && !other.is_null(),
    }
}
