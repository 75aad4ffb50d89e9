//! Charging a quota: what is wanted more than before must fit under what is hard. Pure.

use api::quota::amounts::{self, Amounts};
use serde_json::{Value, json};

/// What a write wants.
pub(super) struct Wanted {
    pub now: Amounts,
    pub before: Amounts,
    pub is_new: bool,
    /// The Pod, if it is one.
    pub pod: Option<Value>,
}

/// Raises the quota's count; `Ok(false)`: nothing changes. `Err`: upstream's refusal.
pub(super) fn apply(quota: &mut Value, wanted: &Wanted) -> Result<bool, String> {
    let hard = amounts::read(&quota["status"]["hard"]);
    let name = quota["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if !api::quota::matches(quota, wanted.pod.as_ref()) {
        return Ok(false);
    }
    if let (Some(pod), true) = (&wanted.pod, wanted.is_new) {
        let missing = unspecified(pod, &hard);
        if !missing.is_empty() {
            return Err(format!("failed quota: {name}: must specify {missing}"));
        }
    }
    let used = amounts::read(&quota["status"]["used"]);
    let (mut asked, mut over) = (Amounts::new(), Vec::new());
    for (resource, limit) in &hard {
        let Some(now) = wanted.now.get(resource) else { continue };
        let more = wanted.before.get(resource).map_or(*now, |before| *now - *before);
        if more.is_zero() {
            continue;
        }
        let total = used.get(resource).map_or(more, |used| *used + more);
        if more.sign() > 0 && total > *limit {
            over.push(resource.clone());
        }
        asked.insert(resource.clone(), more);
    }
    if !over.is_empty() {
        let only = |amounts: &Amounts| {
            amounts::print(&over.iter().filter_map(|name| Some((name.clone(), *amounts.get(name)?))).collect())
        };
        let used_or_zero: Amounts =
            over.iter().map(|name| (name.clone(), used.get(name).copied().unwrap_or_default())).collect();
        return Err(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            only(&asked),
            amounts::print(&used_or_zero),
            only(&hard)
        ));
    }
    // What is given back is the quota controller's to count: only more is charged here.
    let raised: Amounts = asked.into_iter().filter(|(_, more)| more.sign() > 0).collect();
    if raised.is_empty() {
        return Ok(false);
    }
    let mut next = used;
    amounts::add(&mut next, &raised);
    let next: serde_json::Map<String, Value> =
        next.into_iter().map(|(name, amount)| (name, json!(amount.to_string()))).collect();
    quota["status"]["used"] = next.into();
    Ok(true)
}

/// Containers that do not say what a quota counts: `limits.cpu for: a,b; requests.memory for: c`.
fn unspecified(pod: &Value, hard: &Amounts) -> String {
    let mut missing = Vec::new();
    for resource in hard.keys() {
        let (field, name) = match resource.split_once('.') {
            Some((field @ ("requests" | "limits"), name)) => (field, name),
            None if matches!(resource.as_str(), "cpu" | "memory" | "ephemeral-storage") => {
                ("requests", resource.as_str())
            }
            _ => continue,
        };
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") || !pod["spec"]["resources"][field][name].is_null() {
            continue;
        }
        let lists = ["containers", "initContainers"].map(|kind| pod["spec"][kind].as_array());
        let silent =
            lists.into_iter().flatten().flatten().filter(|container| container["resources"][field][name].is_null());
        let mut names: Vec<&str> = silent.filter_map(|container| container["name"].as_str()).collect();
        names.sort();
        if !names.is_empty() {
            missing.push(format!("{resource} for: {}", names.join(",")));
        }
    }
    missing.join("; ")
}
