//! What a LimitRange refuses, in upstream's words. Pure.

use api::quantity::Quantity;
use api::quota::amounts::{self, Amounts};
use serde_json::Value;

struct Given {
    requests: Amounts,
    limits: Amounts,
}

/// All broken rules of a Pod and its containers.
pub(super) fn pod(range: &Value, pod: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for limit in range["spec"]["limits"].as_array().into_iter().flatten() {
        match limit["type"].as_str() {
            Some("Container") => {
                let lists = ["containers", "initContainers"].map(|kind| pod["spec"][kind].as_array());
                for container in lists.into_iter().flatten().flatten() {
                    let resources = &container["resources"];
                    let given = Given {
                        requests: amounts::read(&resources["requests"]),
                        limits: amounts::read(&resources["limits"]),
                    };
                    errors.extend(check(limit, "Container", &given));
                }
            }
            Some("Pod") => {
                let given =
                    Given { requests: amounts::of_pod(pod, "requests"), limits: amounts::of_pod(pod, "limits") };
                errors.extend(check(limit, "Pod", &given));
            }
            _ => {}
        }
    }
    errors
}

/// All broken rules of a claim: its requests only.
pub(super) fn claim(range: &Value, claim: &Value) -> Vec<String> {
    let requests = amounts::read(&claim["spec"]["resources"]["requests"]);
    let mut errors = Vec::new();
    for limit in range["spec"]["limits"].as_array().into_iter().flatten() {
        if limit["type"] != "PersistentVolumeClaim" {
            continue;
        }
        errors.extend(minimum(limit, "PersistentVolumeClaim", &requests, None));
        for (name, most) in amounts::read(&limit["max"]) {
            match requests.get(&name) {
                Some(asked) if *asked > most => {
                    errors.push(format!(
                        "maximum {name} usage per PersistentVolumeClaim is {most}, but request is {asked}"
                    ));
                }
                None => errors.push(format!(
                    "maximum {name} usage per PersistentVolumeClaim is {most}, but no request is specified"
                )),
                _ => {}
            }
        }
    }
    errors
}

fn check(limit: &Value, kind: &str, given: &Given) -> Vec<String> {
    let mut errors = minimum(limit, kind, &given.requests, Some(&given.limits));
    for (name, most) in amounts::read(&limit["max"]) {
        let (asked, capped) = (given.requests.get(&name), given.limits.get(&name));
        let head = format!("maximum {name} usage per {kind} is {most}");
        match capped {
            None => errors.push(format!("{head}, but no limit is specified")),
            Some(capped) if *capped > most => errors.push(format!("{head}, but limit is {capped}")),
            Some(_) => {}
        }
        if let Some(asked) = asked.filter(|asked| **asked > most) {
            errors.push(format!("{head}, but request is {asked}"));
        }
    }
    for (name, ratio) in amounts::read(&limit["maxLimitRequestRatio"]) {
        errors.extend(ratio_error(&name, ratio, kind, given));
    }
    errors
}

fn minimum(limit: &Value, kind: &str, requests: &Amounts, limits: Option<&Amounts>) -> Vec<String> {
    let mut errors = Vec::new();
    for (name, least) in amounts::read(&limit["min"]) {
        let head = format!("minimum {name} usage per {kind} is {least}");
        match requests.get(&name) {
            None => errors.push(format!("{head}, but no request is specified")),
            Some(asked) if *asked < least => errors.push(format!("{head}, but request is {asked}")),
            Some(_) => {}
        }
        if let Some(capped) = limits.and_then(|limits| limits.get(&name)).filter(|capped| **capped < least) {
            errors.push(format!("{head}, but limit is {capped}"));
        }
    }
    errors
}

fn ratio_error(name: &str, most: Quantity, kind: &str, given: &Given) -> Option<String> {
    let head = format!("{name} max limit to request ratio per {kind} is {most}");
    match (given.requests.get(name), given.limits.get(name)) {
        (Some(asked), Some(capped)) if !asked.is_zero() => {
            let ratio = capped.as_f64() / asked.as_f64();
            (ratio > most.as_f64()).then(|| format!("{head}, but provided ratio is {ratio:.6}"))
        }
        _ => Some(format!("{head}, but no request is specified or request is 0")),
    }
}
