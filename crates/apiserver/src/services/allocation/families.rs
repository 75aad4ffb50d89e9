//! ipFamilyPolicy and ipFamilies: what was not said is inferred, what does not fit is an error. Pure; upstream's rules for Services.

use std::net::IpAddr;

use api::field_error::FieldError;
use serde_json::{Value, json};

fn families(spec: &Value) -> Vec<String> {
    spec["ipFamilies"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn addresses(spec: &Value) -> Vec<String> {
    spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn other(family: &str) -> &'static str {
    if family == "IPv4" { "IPv6" } else { "IPv4" }
}

/// Fills in both fields. `configured`: the families this cluster has, the primary one first.
pub(super) fn complete(spec: &mut Value, old: Option<&Value>, configured: &[&str]) -> Vec<FieldError> {
    let headless = spec["clusterIP"] == "None" && spec["selector"].as_object().is_none_or(serde_json::Map::is_empty);
    if spec["ipFamilyPolicy"].is_null() {
        let before = old.map(|old| &old["spec"]["ipFamilyPolicy"]).filter(|policy| policy.is_string());
        let inferred = if headless { "RequireDualStack" } else { "SingleStack" };
        spec["ipFamilyPolicy"] = before.cloned().unwrap_or_else(|| inferred.into());
    }
    let policy = spec["ipFamilyPolicy"].as_str().unwrap_or_default().to_owned();
    let mut list = families(spec);
    let mut given = addresses(spec);
    if policy == "SingleStack" && old.is_some() {
        list.truncate(1);
        if given.len() > 1 {
            given.truncate(1);
            spec["clusterIPs"] = json!(given);
        }
    }
    let mut errors = single_stack_errors(&policy, &given, &list);
    errors.extend(infer(&mut list, &given, configured));
    if !errors.is_empty() {
        return errors;
    }
    if headless {
        if list.is_empty() {
            list.extend(configured.first().map(|family| (*family).to_owned()));
        }
        if list.len() == 1 && policy != "SingleStack" {
            list.push(other(&list[0]).to_owned());
        }
        spec["ipFamilies"] = json!(list);
        return errors;
    }
    errors.extend(configured_errors(&policy, &list, configured));
    if list.is_empty() {
        list.extend(configured.first().map(|family| (*family).to_owned()));
    }
    if policy != "SingleStack" && list.len() == 1 && configured.len() == 2 {
        list.push(other(&list[0]).to_owned());
    }
    spec["ipFamilies"] = json!(list);
    errors
}

fn single_stack_errors(policy: &str, given: &[String], list: &[String]) -> Vec<FieldError> {
    let what = |what: &str| {
        let why = format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
        FieldError::invalid("spec.ipFamilyPolicy", &policy.into(), &why)
    };
    let checks = [(given.len(), "cluster IPs"), (list.len(), "IP families")];
    checks.iter().filter(|(count, _)| policy == "SingleStack" && *count == 2).map(|(_, name)| what(name)).collect()
}

/// Families of addresses that were given without one.
fn infer(list: &mut Vec<String>, given: &[String], configured: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (at, text) in given.iter().enumerate().skip(list.len()) {
        // "None" has no family; what is no address is validation's.
        let Ok(address) = text.parse::<IpAddr>() else { break };
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        if configured.contains(&family) {
            list.push(family.to_owned());
        } else {
            let why = format!("{family} is not configured on this cluster");
            errors.push(FieldError::invalid(format!("spec.clusterIPs[{at}]"), &json!(given), &why));
        }
    }
    errors
}

fn configured_errors(policy: &str, list: &[String], configured: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if policy == "RequireDualStack" && configured.len() < 2 {
        let why = "this cluster is not configured for dual-stack services";
        errors.push(FieldError::invalid("spec.ipFamilyPolicy", &policy.into(), why));
    }
    for (at, family) in list.iter().enumerate().filter(|(_, family)| !configured.contains(&family.as_str())) {
        let field = format!("spec.ipFamilies[{at}]");
        errors.push(FieldError::invalid(field, &family.as_str().into(), "not configured on this cluster"));
    }
    errors
}
