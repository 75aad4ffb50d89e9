//! Validation of HorizontalPodAutoscalers (pkg/apis/autoscaling/validation): replicas, target, metrics and behavior.

use serde_json::Value;

use crate::core::v1::resources::quantity;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::names;

/// Types of metrics and the fields that hold them, in the order they are checked.
const SOURCES: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];
const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const WINDOW_SECONDS_MAX: i64 = 3600;
const PERIOD_SECONDS_MAX: i64 = 1800;

pub(crate) fn autoscaler(scaler: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(scaler, |scaler| {
        let spec = scaler.get("spec");
        replicas(&spec);
        reference(&spec.get("scaleTargetRef"), false);
        let metrics = spec.get("metrics");
        metrics.items().for_each(|metric| self::metric(&metric));
        let outside = |metric: Field| matches!(metric.get("type").text(), "Object" | "External");
        if spec.get("minReplicas").int() == Some(0) && !metrics.items().any(outside) {
            metrics
                .forbidden("must specify at least one Object or External metric to support scaling to zero replicas");
        }
        for direction in ["scaleUp", "scaleDown"] {
            let behavior = spec.get("behavior");
            let rules = behavior.get(direction);
            if rules.is_set() {
                scaling(&rules);
            }
        }
    })
}

fn replicas(spec: &Field) {
    let (least, most) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    least.not_negative();
    let limit = most.int().unwrap_or_default();
    match limit {
        0 => most.required(""),
        ..0 => most.invalid("must be greater than or equal to 1"),
        _ => {}
    }
    if least.int().is_some_and(|least| limit < least) {
        most.invalid_value(&limit.into(), "must be greater than or equal to `minReplicas`");
    }
}

/// A reference to an object; what is scaled is never of the core group.
fn reference(target: &Field, core: bool) {
    target.get("kind").require("", names::path_segment);
    target.get("name").require("", names::path_segment);
    let version = target.get("apiVersion");
    match version.text().split('/').count() {
        1 if core => {}
        1 => version.invalid("apiVersion must specify API group"),
        2 => {}
        _ => version.invalid(&format!("unexpected GroupVersion string: {}", version.text())),
    }
}

fn metric(metric: &Field) {
    let kind = metric.get("type");
    if kind.text().is_empty() {
        kind.required("must specify a metric source type");
    }
    kind.one_of(&TYPES);
    let wanted = SOURCES.iter().find(|(name, _)| *name == kind.text()).map(|(_, field)| *field);
    let mut present = SOURCES.iter().map(|(_, field)| *field).filter(|field| metric.get(field).is_set());
    if let Some(field) = present.clone().next() {
        source(field, &metric.get(field));
    }
    if let Some(field) = wanted.filter(|field| !metric.get(field).is_set()) {
        metric.get(field).required("must populate information for the given metric source");
    }
    if present.clone().count() > 1 {
        present.by_ref().filter(|field| Some(*field) != wanted).for_each(|field| {
            metric.get(field).forbidden("must populate the given metric source only");
        });
    }
}

fn source(kind: &str, source: &Field) {
    let (target, name) = (source.get("target"), source.get("name"));
    match kind {
        "resource" | "containerResource" => {
            if name.text().is_empty() {
                name.required("must specify a resource name");
            }
            let container = source.get("container");
            if kind == "containerResource" && container.text().is_empty() {
                container.required("must specify a container");
            }
        }
        _ => {
            if kind == "object" {
                reference(&source.get("describedObject"), true);
            }
            let metric = source.get("metric");
            metric.get("name").require("must specify a metric name", names::path_segment);
        }
    }
    self::target(&target);
    amounts(kind, &target);
}

fn target(target: &Field) {
    let kind = target.get("type");
    if kind.text().is_empty() {
        kind.required("must specify a metric target type");
    }
    if !matches!(kind.text(), "Utilization" | "Value" | "AverageValue") {
        kind.invalid("must be either Utilization, Value, or AverageValue");
    }
    for amount in ["value", "averageValue"].map(|name| target.get(name)) {
        if quantity(amount.value).is_some_and(|amount| amount.sign() != 1) {
            amount.invalid("must be positive");
        }
    }
    let utilization = target.get("averageUtilization");
    if utilization.int().is_some_and(|percent| percent < 1) {
        utilization.invalid("must be greater than 0");
    }
}

/// Which amounts a target of this kind needs.
fn amounts(kind: &str, target: &Field) {
    let (value, average, utilization) =
        (target.get("value"), target.get("averageValue"), target.get("averageUtilization"));
    let (has_value, has_average, has_utilization) = (value.is_set(), average.is_set(), utilization.is_set());
    match kind {
        "object" if !has_value && !has_average => average.required("must set either a target value or averageValue"),
        "external" if !has_value && !has_average => {
            average.required("must set either a target value for metric or a per-pod target");
        }
        "external" if has_value && has_average => {
            value.forbidden("may not set both a target value for metric and a per-pod target");
        }
        "pods" if !has_average => average.required("must specify a positive target averageValue"),
        "resource" | "containerResource" if !has_average && !has_utilization => {
            utilization.required("must set either a target raw value or a target utilization");
        }
        "resource" | "containerResource" if has_average && has_utilization => {
            average.forbidden("may not set both a target raw value and a target utilization");
        }
        _ => {}
    }
}

fn scaling(rules: &Field) {
    let window = rules.get("stabilizationWindowSeconds");
    match window.int() {
        Some(..0) => window.invalid("must be greater than or equal to zero"),
        Some(seconds) if seconds > WINDOW_SECONDS_MAX => {
            window.invalid(&format!("must be less than or equal to {WINDOW_SECONDS_MAX}"));
        }
        _ => {}
    }
    let select = rules.get("selectPolicy");
    if select.is_set() {
        select.one_of(&["Disabled", "Max", "Min"]);
    }
    let policies = rules.get("policies");
    if policies.len() == 0 {
        policies.required("must specify at least one Policy");
    }
    policies.items().for_each(|policy| self::policy(&policy));
    let tolerance = rules.get("tolerance");
    if quantity(tolerance.value).is_some_and(|tolerance| tolerance.sign() < 0) {
        tolerance.invalid("must be greater than or equal to 0");
    }
}

fn policy(policy: &Field) {
    policy.get("type").one_of(&["Percent", "Pods"]);
    let (value, period) = (policy.get("value"), policy.get("periodSeconds"));
    for number in [&value, &period] {
        if number.int().unwrap_or_default() <= 0 {
            number.invalid_value(&number.int().unwrap_or_default().into(), "must be greater than zero");
        }
    }
    if period.int().is_some_and(|seconds| seconds > PERIOD_SECONDS_MAX) {
        period.invalid(&format!("must be less than or equal to {PERIOD_SECONDS_MAX}"));
    }
}
