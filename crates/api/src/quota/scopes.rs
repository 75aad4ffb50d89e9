//! Quotas that count only some Pods. Pure.

use serde_json::Value;

use super::amounts;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether a quota's scopes take in the object; `None`: it is no Pod, and scopes are about Pods.
pub fn matches(quota: &Value, pod: Option<&Value>) -> bool {
    let plain = list(&quota["spec"]["scopes"]).filter_map(Value::as_str);
    let mut expressions = list(&quota["spec"]["scopeSelector"]["matchExpressions"]);
    let Some(pod) = pod else {
        return plain.count() == 0 && expressions.next().is_none();
    };
    plain.into_iter().all(|scope| in_scope(scope, pod)) && expressions.all(|expression| selected(expression, pod))
}

fn selected(expression: &Value, pod: &Value) -> bool {
    let scope = expression["scopeName"].as_str().unwrap_or_default();
    if scope != "PriorityClass" {
        return in_scope(scope, pod);
    }
    let class = pod["spec"]["priorityClassName"].as_str().unwrap_or_default();
    let listed = list(&expression["values"]).any(|value| value == class);
    match expression["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("DoesNotExist") => class.is_empty(),
        _ => !class.is_empty(),
    }
}

fn in_scope(scope: &str, pod: &Value) -> bool {
    match scope {
        "Terminating" => !pod["spec"]["activeDeadlineSeconds"].is_null(),
        "NotTerminating" => pod["spec"]["activeDeadlineSeconds"].is_null(),
        "BestEffort" => best_effort(pod),
        "NotBestEffort" => !best_effort(pod),
        "PriorityClass" => pod["spec"]["priorityClassName"].as_str().is_some_and(|class| !class.is_empty()),
        "CrossNamespacePodAffinity" => crosses_namespaces(&pod["spec"]["affinity"]),
        _ => false,
    }
}

/// Nothing asked of cpu and memory, by nobody.
fn best_effort(pod: &Value) -> bool {
    ["requests", "limits"].into_iter().all(|field| {
        let asked = amounts::of_pod(pod, field);
        !asked.iter().any(|(name, amount)| matches!(name.as_str(), "cpu" | "memory") && !amount.is_zero())
    })
}

fn crosses_namespaces(affinity: &Value) -> bool {
    let crosses = |term: &Value| list(&term["namespaces"]).next().is_some() || !term["namespaceSelector"].is_null();
    ["podAffinity", "podAntiAffinity"].into_iter().any(|kind| {
        let required = list(&affinity[kind]["requiredDuringSchedulingIgnoredDuringExecution"]).any(crosses);
        let preferred = list(&affinity[kind]["preferredDuringSchedulingIgnoredDuringExecution"]);
        required || preferred.into_iter().any(|preferred| crosses(&preferred["podAffinityTerm"]))
    })
}
