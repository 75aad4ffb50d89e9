//! The decision: everything that counts, added up, under the names that have a limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::quantity::{Format, Quantity};
use api::quota::amounts::{self, Amounts};
use client::Object;
use client::runtime::Plan;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, ResourceQuotaStatus, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde::Serialize;
use serde_json::{Value, json};

use super::counted::{Counted, counted};

pub struct Observed<'a> {
    pub quota: &'a ResourceQuota,
    /// What is in its namespace.
    pub pods: &'a [Arc<Pod>],
    pub services: &'a [Arc<Service>],
    pub claims: &'a [Arc<PersistentVolumeClaim>],
    /// Numbers of other objects by `plural.group`.
    pub counts: &'a BTreeMap<String, usize>,
    pub now: Timestamp,
}

/// Charges for what was refused after all are given back no later than this; upstream's resync period.
const RESYNC: Duration = Duration::from_secs(300);
/// Admission charges nothing before a limit is in the status: what came during that count is in the next.
const SETTLE: Duration = Duration::from_secs(1);

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let quota = observed.quota;
    let hard = quota.spec.as_ref().and_then(|spec| spec.hard.clone()).unwrap_or_default();
    let old = quota.status.clone().unwrap_or_default();
    let figures = count(observed, &hard);
    let used = hard.keys().filter_map(|name| {
        let before = old.used.as_ref().and_then(|used| used.get(name)).cloned();
        let after = figures.get(name).map(|figure| written(*figure, before.as_ref())).or(before)?;
        Some((name.clone(), after))
    });
    if old.hard.as_ref() != Some(&hard) {
        plan.requeue_after(SETTLE);
    }
    let status = ResourceQuotaStatus { used: Some(used.collect()), hard: Some(hard.clone()) };
    plan.update_status(quota, &ResourceQuota { status: Some(status), ..quota.clone() });
    let overdue = observed.pods.iter().filter_map(|pod| overdue_from(pod));
    let waits = overdue.filter_map(|at| Duration::try_from(at.duration_since(observed.now)).ok());
    plan.requeue_after(waits.filter(|wait| !wait.is_zero()).min().map_or(RESYNC, |wait| wait.min(RESYNC)));
    plan
}

/// A figure that is what it was keeps its spelling.
fn written(figure: Quantity, before: Option<&Text>) -> Text {
    let same = before.filter(|text| Quantity::parse(&text.0).is_ok_and(|value| value == figure));
    same.cloned().unwrap_or_else(|| Text(figure.to_string()))
}

/// What is used of every name somebody knows how to count, zeros too.
fn count(observed: &Observed, hard: &BTreeMap<String, Text>) -> Amounts {
    let quota = json(observed.quota);
    let is_unscoped = api::quota::matches(&quota, None);
    let asks = |what: Counted| hard.keys().any(|name| counted(name) == Some(what));
    let mut total = Amounts::new();
    if asks(Counted::Pods) {
        let pods = observed.pods.iter().map(|pod| pod_to_count(pod, observed.now));
        add(&mut total, "pods", pods.filter(|pod| api::quota::matches(&quota, Some(pod))));
    }
    if is_unscoped && asks(Counted::Services) {
        add(&mut total, "services", observed.services.iter().map(|service| json(&**service)));
    }
    if is_unscoped && asks(Counted::Claims) {
        add(&mut total, "persistentvolumeclaims", observed.claims.iter().map(|claim| json(&**claim)));
    }
    let figure = |name: &String| {
        let figure = match counted(name)? {
            Counted::Objects(objects) => {
                let number = observed.counts.get(objects)?;
                whole(if is_unscoped { *number } else { 0 })
            }
            _ => total.get(name).copied().unwrap_or_default(),
        };
        Some((name.clone(), figure))
    };
    hard.keys().filter_map(figure).collect()
}

fn add(total: &mut Amounts, plural: &str, objects: impl Iterator<Item = Value>) {
    let kind = api::kinds::find("", "v1", plural).expect("a kind of the core");
    objects.for_each(|object| amounts::add(total, &api::quota::usage(kind, &object)));
}

/// A Pod that should be gone counts like one that has ended, even if its node never says so.
fn pod_to_count(pod: &Pod, now: Timestamp) -> Value {
    let mut value = json(pod);
    if overdue_from(pod).is_some_and(|at| now > at) {
        value["status"]["phase"] = json!("Failed");
    }
    value
}

/// When a Pod that is being deleted is overdue: its grace period once more after its time, as upstream counts.
fn overdue_from(pod: &Pod) -> Option<Timestamp> {
    let meta = &pod.metadata;
    let (time, grace) = (meta.deletion_timestamp.as_ref()?, meta.deletion_grace_period_seconds?);
    time.0.checked_add(SignedDuration::from_secs(grace)).ok()
}

fn whole(number: usize) -> Quantity {
    Quantity::new(i64::try_from(number).unwrap_or(i64::MAX), Format::DecimalSI)
}

fn json<K: Object + Serialize>(object: &K) -> Value {
    serde_json::to_value(object).expect("API types serialise to JSON")
}
