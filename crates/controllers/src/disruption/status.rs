//! A budget's status and its condition DisruptionAllowed.

use std::collections::BTreeMap;

use client::runtime::Plan;
use jiff::Timestamp;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::numbers::time;

pub struct Figures {
    pub healthy: i32,
    pub desired: i32,
    pub expected: i32,
    pub disrupted: BTreeMap<String, Time>,
}

const CONDITION: &str = "DisruptionAllowed";

/// Writes what has changed; whether anything has.
pub fn write(plan: &mut Plan, budget: &PodDisruptionBudget, figures: Figures, now: Timestamp) -> bool {
    let old = budget.status.clone().unwrap_or_default();
    // Without Pods nothing is allowed: the first ones may come before the next count.
    let spare = figures.healthy.saturating_sub(figures.desired);
    let allowed = if figures.expected <= 0 { 0 } else { spare.max(0) };
    let generation = budget.metadata.generation;
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let new = PodDisruptionBudgetStatus {
        current_healthy: Some(figures.healthy),
        desired_healthy: Some(figures.desired),
        expected_pods: Some(figures.expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: Some(figures.disrupted).filter(|pods| !pods.is_empty()),
        observed_generation: generation,
        conditions: Some(with_condition(old.conditions, (status, reason, ""), generation, now)),
    };
    let before = plan.actions.len();
    plan.update_status(budget, &PodDisruptionBudget { status: Some(new), ..budget.clone() });
    plan.actions.len() > before
}

/// Nothing is allowed while nobody knows.
pub fn fail(plan: &mut Plan, budget: &PodDisruptionBudget, why: &str, now: Timestamp) {
    let old = budget.status.clone().unwrap_or_default();
    let conditions = with_condition(old.conditions, ("False", "SyncFailed", why), old.observed_generation, now);
    let new = PodDisruptionBudgetStatus {
        disruptions_allowed: Some(0),
        conditions: Some(conditions),
        ..budget.status.clone().unwrap_or_default()
    };
    plan.update_status(budget, &PodDisruptionBudget { status: Some(new), ..budget.clone() });
}

/// The time of a condition is that of the last change of its status.
fn with_condition(
    old: Option<Vec<Condition>>,
    (status, reason, message): (&str, &str, &str),
    observed_generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let mut conditions = old.unwrap_or_default();
    let before = conditions.iter().position(|condition| condition.type_ == CONDITION);
    let since = before.map(|at| &conditions[at]).filter(|own| own.status == status);
    let new = Condition {
        type_: CONDITION.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation,
        last_transition_time: since.map_or_else(|| time(now), |own| own.last_transition_time.clone()),
    };
    match before {
        Some(at) => conditions[at] = new,
        None => conditions.push(new),
    }
    conditions
}
