//! A Namespace that is labelled: wrong labels are refused, a stricter level names the Pods that do not meet it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::policy::{Policies, Policy, wrong_labels};
use super::standards::{Level, reasons};
use crate::admit::{AdmissionRequest, Operation};
use crate::status::Status;

/// How many Pods are looked at.
const PODS_MAX: usize = 3000;

/// The new level, where the Pods that are there have to be looked at.
pub(super) fn check(request: &AdmissionRequest<'_>) -> Result<Option<Policy>, Status> {
    let wrong = wrong_labels(&request.object);
    let before = request.old.map(wrong_labels).unwrap_or_default();
    if !wrong.is_empty() && wrong != before {
        return Err(Status::invalid(request.kind, request.name, &wrong));
    }
    let Some(old) = request.old.filter(|_| request.operation == Operation::Update) else { return Ok(None) };
    let (new, old) = (Policies::of(&request.object).enforce, Policies::of(old).enforce);
    let relaxed = new.version == old.version && new.level <= old.level;
    Ok((new.level != Level::Privileged && !relaxed).then_some(new))
}

/// Upstream's warnings: one for all, then one per reason with a Pod's name.
pub(super) fn warnings(namespace: &str, policy: &Policy, pods: &[Value]) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in pods.iter().take(PODS_MAX) {
        let reasons = reasons(policy.level, &pod["metadata"], &pod["spec"]);
        if !reasons.is_empty() {
            found.entry(reasons).or_default().push(pod["metadata"]["name"].as_str().unwrap_or_default());
        }
    }
    let mut warnings = Vec::new();
    if pods.len() > PODS_MAX {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {PODS_MAX} of {} existing pods",
            pods.len()
        ));
    }
    if !found.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level {:?}",
            policy.to_string()
        ));
    }
    let mut lines: Vec<String> = found.iter().map(|(reasons, pods)| line(reasons, pods)).collect();
    lines.sort();
    warnings.extend(lines);
    warnings
}

fn line(reasons: &str, pods: &[&str]) -> String {
    let first = pods.iter().min().copied().unwrap_or_default();
    match pods.len() {
        1 => format!("{first}: {reasons}"),
        2 => format!("{first} (and 1 other pod): {reasons}"),
        many => format!("{first} (and {} other pods): {reasons}", many - 1),
    }
}
