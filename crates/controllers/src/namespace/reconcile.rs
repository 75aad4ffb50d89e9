//! What to say about a namespace that is being deleted, and when to let it go.

use std::collections::BTreeMap;
use std::time::Duration;

use client::runtime::{Action, Plan, Target};
use client::{Object, ResourceType};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use serde_json::json;

use super::content::Content;
use crate::numbers::time;

/// The finalizer this controller answers for.
pub const FINALIZER: &str = "kubernetes";
/// The first look after a deletion, and the longest wait between two.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The status change with which a deletion begins.
pub fn mark_terminating(namespace: &Namespace) -> Option<Plan> {
    let mut status = namespace.status.clone().unwrap_or_default();
    if status.phase.as_deref() == Some("Terminating") {
        return None;
    }
    status.phase = Some("Terminating".to_owned());
    let mut plan = Plan::new();
    plan.update_status(namespace, &Namespace { status: Some(status), ..namespace.clone() });
    // The status's own event brings the key back; this is for the case that the server had set the phase already.
    plan.requeue_after(FIRST_WAIT);
    Some(plan)
}

/// Sets the conditions, and ends the namespace once it is empty.
pub fn reconcile(namespace: &Namespace, content: &Content, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let mut status = namespace.status.clone().unwrap_or_default();
    let conditions = status.conditions.get_or_insert_default();
    for (condition_type, finding) in findings(content) {
        set(conditions, condition_type, finding, now);
    }
    status.conditions = status.conditions.filter(|conditions| !conditions.is_empty());
    plan.update_status(namespace, &Namespace { status: Some(status), ..namespace.clone() });
    let is_empty = content.remaining.is_empty() && content.failures.is_empty() && content.undiscovered.is_empty();
    if is_empty {
        finalize(&mut plan, namespace);
    } else {
        plan.requeue_after(wait(namespace, content, now));
    }
    plan
}

/// Looks soon at first, then as often as what is left is expected to take.
fn wait(namespace: &Namespace, content: &Content, now: Timestamp) -> Duration {
    let since = namespace.metadata.deletion_timestamp.as_ref().map_or(now, |deletion| deletion.0);
    let elapsed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let longest = content.estimate.unwrap_or_default() / 2 + Duration::from_secs(1);
    (elapsed / 4).clamp(FIRST_WAIT, longest)
}

fn finalize(plan: &mut Plan, namespace: &Namespace) {
    let mut wanted = namespace.clone();
    let spec = wanted.spec.get_or_insert_default();
    if let Some(finalizers) = &mut spec.finalizers {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    let left = spec.finalizers.clone();
    let object = serde_json::to_value(&wanted).expect("API types serialise to JSON");
    let target = Target { resource: ResourceType::of::<Namespace>(), key: namespace.key() };
    let change = json!({"spec": {"finalizers": left}});
    plan.actions.push(Action::Update { target, subresource: Some("finalize"), object, change });
}

/// A condition's status, reason and message.
type Finding = (bool, &'static str, String);

fn findings(content: &Content) -> [(&'static str, Finding); 5] {
    let ok = |reason, message: &str| (false, reason, message.to_owned());
    let discovery = match content.undiscovered.as_slice() {
        [] => ok("ResourcesDiscovered", "All resources successfully discovered"),
        failed => {
            let message = format!("Discovery failed for some groups, {} failing: {}", failed.len(), failed.join(", "));
            (true, "DiscoveryFailed", message)
        }
    };
    let deletion = match content.failures.as_slice() {
        [] => ok("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        failed => {
            let message =
                format!("Failed to delete all resource types, {} remaining: {}", failed.len(), failed.join(", "));
            (true, "ContentDeletionFailed", message)
        }
    };
    let remaining = if content.remaining.is_empty() {
        ok("ContentRemoved", "All content successfully removed")
    } else {
        let list = listed(&content.remaining, |name, count| format!("{name} has {count} resource instances"));
        (true, "SomeResourcesRemain", format!("Some resources are remaining: {list}"))
    };
    let finalizers = if content.finalizers.is_empty() {
        ok("ContentHasNoFinalizers", "All content-preserving finalizers finished")
    } else {
        let list = listed(&content.finalizers, |name, count| format!("{name} in {count} resource instances"));
        (true, "SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {list}"))
    };
    [
        ("NamespaceDeletionDiscoveryFailure", discovery),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            ok("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        ("NamespaceDeletionContentFailure", deletion),
        ("NamespaceContentRemaining", remaining),
        ("NamespaceFinalizersRemaining", finalizers),
    ]
}

fn listed(counts: &BTreeMap<String, usize>, line: impl Fn(&str, usize) -> String) -> String {
    let lines: Vec<String> = counts.iter().map(|(name, count)| line(name, *count)).collect();
    lines.join(", ")
}

fn set(
    conditions: &mut Vec<NamespaceCondition>,
    condition_type: &str,
    (is_true, reason, message): Finding,
    now: Timestamp,
) {
    let status = if is_true { "True" } else { "False" };
    let new = NamespaceCondition {
        type_: condition_type.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(time(now)),
    };
    match conditions.iter_mut().find(|condition| condition.type_ == condition_type) {
        None => conditions.push(new),
        Some(old) if old.status == new.status && old.reason == new.reason && old.message == new.message => {}
        Some(old) => {
            let since = if old.status == new.status {
                old.last_transition_time.clone()
            } else {
                new.last_transition_time.clone()
            };
            *old = NamespaceCondition { last_transition_time: since, ..new };
        }
    }
}
