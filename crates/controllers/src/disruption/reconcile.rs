//! The decision: how many of a budget's Pods are healthy, how many must be, and so how many may go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::int_or_string::Rounding;
use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Others;
use super::expected::{Expected, Workloads};
use super::status::{self, Figures};
use crate::numbers::{count, remaining, resolve};
use crate::pods;

pub struct Observed<'a> {
    pub budget: &'a PodDisruptionBudget,
    /// The Pods it selects.
    pub pods: &'a [Arc<Pod>],
    pub workloads: &'a Workloads,
    pub others: &'a Others,
    pub now: Timestamp,
}

/// An eviction that was allowed should have deleted its Pod by then.
const DELETION_SECONDS: i64 = 120;

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let budget = observed.budget;
    let (desired, expected) = match desired(observed) {
        Ok(counted) => counted,
        Err(why) => {
            let message = format!("Failed to calculate the number of expected pods: {why}");
            plan.warning(Regarding::of(budget), "CalculateExpectedPodCountFailed", message);
            status::fail(&mut plan, budget, &why, observed.now);
            return plan;
        }
    };
    let disrupted = disrupted(&mut plan, observed);
    let is_healthy = |pod: &&Arc<Pod>| !pod.is_deleting() && !disrupted.contains_key(pod.name()) && pods::is_ready(pod);
    let healthy = count(observed.pods.iter().filter(is_healthy).count());
    let figures = Figures { healthy, desired, expected: expected.count, disrupted };
    if status::write(&mut plan, budget, figures, observed.now) {
        explain(&mut plan, observed, &expected);
    }
    plan
}

/// Told when the figures change, not each time somebody looks.
fn explain(plan: &mut Plan, observed: &Observed, expected: &Expected) {
    let regarding = Regarding::of(observed.budget);
    if observed.pods.is_empty() {
        plan.normal(regarding, "NoPods", "No matching pods found");
    } else if expected.unmanaged {
        let selector = observed.budget.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        let message = format!(
            "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of \
             the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods \
             please set \".spec.minAvailable\" field of the PDB to an integer value.",
            printed(&selector)
        );
        plan.warning(regarding, "UnmanagedPods", message);
    }
}

/// How many must be healthy, of how many.
fn desired(observed: &Observed) -> Result<(i32, Expected), String> {
    let spec = observed.budget.spec.as_ref();
    let scale = || observed.workloads.expected(observed.pods, observed.others);
    if let Some(most) = spec.and_then(|spec| spec.max_unavailable.as_ref()) {
        let expected = scale()?;
        let unavailable = resolve(most, expected.count, Rounding::Up);
        return Ok((expected.count.saturating_sub(unavailable).max(0), expected));
    }
    match spec.and_then(|spec| spec.min_available.as_ref()) {
        Some(IntOrString::Int(least)) => Ok((*least, Expected { count: count(observed.pods.len()), unmanaged: false })),
        Some(least) => {
            let expected = scale()?;
            Ok((resolve(least, expected.count, Rounding::Up), expected))
        }
        None => Ok((0, Expected { count: 0, unmanaged: false })),
    }
}

/// The evictions that are still to become deletions.
fn disrupted(plan: &mut Plan, observed: &Observed) -> BTreeMap<String, Time> {
    let noted = observed.budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref());
    let mut still = BTreeMap::new();
    for pod in observed.pods.iter().filter(|pod| !pod.is_deleting()) {
        let Some(since) = noted.and_then(|noted| noted.get(pod.name())) else { continue };
        let wait = remaining(since.0, DELETION_SECONDS, observed.now);
        if wait == Duration::ZERO {
            let (namespace, name) = (observed.budget.namespace(), observed.budget.name());
            let message = format!("Pod was expected by PDB {namespace}/{name} to be deleted but it wasn't");
            plan.warning(Regarding::of(&**pod), "NotDeleted", message);
        } else {
            plan.requeue_after(wait);
            still.insert(pod.name().to_owned(), since.clone());
        }
    }
    still
}

/// A selector as upstream's events print it.
fn printed(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(name, value)| format!("{name}: {value},"));
    let expressions = selector.match_expressions.iter().flatten().map(|one| {
        let values = one.values.clone().unwrap_or_default().join(" ");
        format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},", one.key, one.operator)
    });
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{{}}},}}",
        labels.collect::<String>(),
        expressions.collect::<String>()
    )
}
