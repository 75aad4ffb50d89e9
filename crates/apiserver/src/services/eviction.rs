//! pods/eviction: a deletion that disruption budgets may refuse.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use api::kind::Kind;
use api::selector::LabelSelector;
use async_trait::async_trait;
use http::Response;
use serde_json::{Value, json};

use super::{answer, pod_condition};
use crate::body::Body;
use crate::identity::Identity;
use crate::objects::{Objects, timestamp};
use crate::options::DeleteOptions;
use crate::registry;
use crate::request::{Query, RequestInfo};
use crate::rows::row;
use crate::server::Inner;
use crate::service::{Call, Service};
use crate::status::Status;

/// Upstream's EvictionsRetry: so many tries, half a second between them and up to a tenth more.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);
const DISRUPTED_PODS_MAX: usize = 2000;
const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
/// What a Pod says of its end: reason and message.
const EVICTED: (&str, &str) = ("EvictionByEvictionAPI", "Eviction API: evicting");

/// The service `eviction`. Pods are deleted the way everybody deletes them, but for admission, which has judged the eviction.
pub struct Eviction {
    pods: &'static Kind,
    budgets: &'static Kind,
    server: OnceLock<Weak<Inner>>,
}

/// What may be done about the Pod. Pure.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Deleting it disrupts nothing.
    Delete,
    /// As long as the Pod stays as it is: it does not run yet.
    DeletePending,
    /// As long as the Pod stays as it is: it is not ready and does not count for this budget.
    DeleteUnready(String),
    /// After this budget has been written.
    Spend(Value),
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn refused(seconds: u32, cause: String) -> Status {
    Status::too_many_requests(REFUSED, seconds).cause("DisruptionBudget", cause, "")
}

fn being_processed(budget: &str) -> Status {
    refused(10, format!("The disruption budget {budget} is still being processed by the server."))
}

fn is_conflict(status: &Status) -> bool {
    status.reason == "Conflict"
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Budgets whose selector has the Pod; an empty one has every Pod, since policy/v1.
fn covering<'a>(pod: &Value, budgets: &'a [Value]) -> Vec<&'a Value> {
    let labels = pod["metadata"]["labels"].as_object();
    let covers = |budget: &&Value| match LabelSelector::from_json(&budget["spec"]["selector"]) {
        Ok(selector) => selector.matches(labels),
        // A selector that cannot be read selects nothing, as upstream decides.
        Err(_) => false,
    };
    budgets.iter().filter(covers).collect()
}

/// Looks at the Pod and the budgets of its namespace.
pub(super) fn judge(pod: &Value, budgets: &[Value], now: &str) -> Result<Verdict, Status> {
    let phase = text(&pod["status"], "phase");
    if matches!(phase, "Succeeded" | "Failed") || !pod["metadata"]["deletionTimestamp"].is_null() {
        return Ok(Verdict::Delete);
    }
    if phase == "Pending" {
        return Ok(Verdict::DeletePending);
    }
    let budget = match covering(pod, budgets).as_slice() {
        [] => return Ok(Verdict::Delete),
        [only] => *only,
        _ => {
            let why =
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            let mut status = Status::internal(why);
            status.message = why.to_owned();
            return Err(status);
        }
    };
    let status = &budget["status"];
    let (current, desired) = (number(&status["currentHealthy"]), number(&status["desiredHealthy"]));
    if !is_ready(pod) {
        let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
        if always || (current >= desired && desired > 0) {
            return Ok(Verdict::DeleteUnready(text(&budget["metadata"], "name").to_owned()));
        }
    }
    spend(pod, budget, now).map(Verdict::Spend)
}

/// The budget with one disruption less.
fn spend(pod: &Value, budget: &Value, now: &str) -> Result<Value, Status> {
    let (name, status) = (text(&budget["metadata"], "name"), &budget["status"]);
    if number(&status["observedGeneration"]) < number(&budget["metadata"]["generation"]) {
        return Err(being_processed(name));
    }
    let allowed = number(&status["disruptionsAllowed"]);
    let forbid = |why: &str| Status::forbidden_resource("policy", "poddisruptionbudget", name, why);
    if allowed < 0 {
        return Err(forbid("pdb disruptions allowed is negative"));
    }
    if status["disruptedPods"].as_object().is_some_and(|pods| pods.len() > DISRUPTED_PODS_MAX) {
        return Err(forbid("DisruptedPods map too big - too many evictions not confirmed by PDB controller"));
    }
    if allowed == 0 {
        let (current, desired) = (number(&status["currentHealthy"]), number(&status["desiredHealthy"]));
        let cause = format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently");
        return Err(refused(0, cause));
    }
    let mut next = budget.clone();
    next["status"]["disruptionsAllowed"] = (allowed - 1).into();
    next["status"]["disruptedPods"][text(&pod["metadata"], "name")] = now.into();
    if allowed == 1 {
        exhausted(&mut next["status"], now);
    }
    Ok(next)
}

/// The condition of a budget that has nothing left.
fn exhausted(status: &mut Value, now: &str) {
    let mut condition =
        json!({"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": ""});
    condition["observedGeneration"] = status["observedGeneration"].clone();
    condition["lastTransitionTime"] = now.into();
    let Some(conditions) = status["conditions"].as_array_mut() else {
        status["conditions"] = json!([condition]);
        return;
    };
    match conditions.iter_mut().find(|old| old["type"] == "DisruptionAllowed") {
        None => conditions.push(condition),
        Some(old) => {
            if old["status"] == "False" {
                condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = condition;
        }
    }
}

/// The Pod that a call means.
#[derive(Clone, Copy)]
struct Meant<'a> {
    objects: &'a Objects,
    info: &'a RequestInfo,
}

impl Eviction {
    #[expect(clippy::new_without_default, reason = "reads like the other services")]
    pub fn new() -> Self {
        let budgets = row("policy", "v1", "poddisruptionbudgets");
        Self { pods: row("", "v1", "pods"), budgets, server: OnceLock::new() }
    }

    /// Tells it the server it is part of; once.
    pub(crate) fn attach(&self, server: &Arc<Inner>) {
        let fresh = self.server.set(Arc::downgrade(server)).is_ok();
        assert!(fresh, "a service belongs to one server");
    }

    /// Deletes, when the budget that is concerned can be spent.
    async fn evict(&self, call: Meant<'_>, asked: &DeleteOptions) -> Result<(), Status> {
        let objects = call.objects;
        let mut last = None;
        for attempt in 0..TRIES {
            pause(objects, attempt).await;
            let pod = self.pod(call, asked)?;
            let budgets = objects.list(self.budgets, &call.info.namespace);
            let verdict = judge(&pod, &budgets, &timestamp(objects.env().now()))?;
            let mut options = asked.clone();
            match &verdict {
                Verdict::Spend(budget) if !asked.dry_run => match objects.update(self.budgets, budget.clone()).await {
                    Err(status) if is_conflict(&status) => {
                        last = Some(unwritten(text(&budget["metadata"], "name")));
                        continue;
                    }
                    outcome => drop(outcome?),
                },
                Verdict::Delete | Verdict::Spend(_) => {}
                Verdict::DeletePending | Verdict::DeleteUnready(_) => {
                    let seen = text(&pod["metadata"], "resourceVersion").to_owned();
                    options.resource_version.get_or_insert(seen);
                }
            }
            match (self.delete(call, options).await, verdict) {
                (Err(status), verdict) if is_conflict(&status) && asked.resource_version.is_none() => match verdict {
                    // It changed meanwhile: it may have become ready.
                    Verdict::Delete | Verdict::DeletePending => last = Some(status),
                    Verdict::DeleteUnready(budget) => return Err(being_processed(&budget)),
                    Verdict::Spend(_) => return Err(status),
                },
                (outcome, _) => return outcome,
            }
        }
        Err(last.unwrap_or_else(|| Status::modified(self.pods, &call.info.name)))
    }

    /// The Pod that is meant: what cannot be done is refused before a budget is spent on it.
    fn pod(&self, call: Meant<'_>, options: &DeleteOptions) -> Result<Value, Status> {
        let name = call.info.name.as_str();
        let pod = call.objects.get(self.pods, &call.info.namespace, name);
        let pod = pod.ok_or_else(|| Status::not_found(self.pods, name))?;
        let metadata = &pod["metadata"];
        let is = (text(metadata, "uid"), text(metadata, "resourceVersion"));
        registry::check_preconditions(self.pods, name, is, options)?;
        Ok(pod)
    }

    /// Says on the Pod why it ends, then deletes it.
    async fn delete(&self, call: Meant<'_>, mut options: DeleteOptions) -> Result<(), Status> {
        let server = self.server.get().and_then(Weak::upgrade);
        let server = server.ok_or_else(|| Status::unavailable("the server is shutting down"))?;
        if !options.dry_run {
            let marked = self.mark(call, &options).await?;
            let version = text(&marked["metadata"], "resourceVersion").to_owned();
            options.resource_version = options.resource_version.map(|_| version);
        }
        let place = (call.info.namespace.as_str(), call.info.name.as_str());
        registry::delete_admitted(&server, self.pods, place, &options, &Identity::server()).await
    }

    /// The Pod with the condition DisruptionTarget.
    async fn mark(&self, call: Meant<'_>, options: &DeleteOptions) -> Result<Value, Status> {
        let mut last = Status::modified(self.pods, &call.info.name);
        for attempt in 0..TRIES {
            pause(call.objects, attempt).await;
            let mut pod = self.pod(call, options)?;
            let now = timestamp(call.objects.env().now());
            if !pod_condition::set(&mut pod, "DisruptionTarget", EVICTED, &now) {
                return Ok(pod);
            }
            match call.objects.update(self.pods, pod).await {
                Err(status) if is_conflict(&status) => last = status,
                outcome => return outcome,
            }
        }
        Err(last)
    }
}

/// Before all tries but the first: who gets in each other's way is not in step for long.
async fn pause(objects: &Objects, attempt: usize) {
    if attempt > 0 {
        let more = objects.env().random_u64() % (PAUSE.as_millis() as u64 / 10);
        tokio::time::sleep(PAUSE + Duration::from_millis(more)).await;
    }
}

fn unwritten(budget: &str) -> Status {
    Status::timeout(&format!("couldn't update PodDisruptionBudget {budget:?} due to conflicts"), 10)
}

/// The options of the deletion. A dry run is asked for in the query, in the options, or in both alike.
fn delete_options(eviction: &Value, query: &Query) -> Result<DeleteOptions, Status> {
    let mut options = match &eviction["deleteOptions"] {
        Value::Object(options) => Value::Object(options.clone()),
        _ => json!({}),
    };
    let asked: Vec<Value> = query.all("dryRun").map(Value::from).collect();
    let content = options["dryRun"].as_array().cloned().unwrap_or_default();
    if !asked.is_empty() && !content.is_empty() && asked != content {
        let texts = |list: &[Value]| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        return Err(Status::unexplained(format!(
            "Non-matching dry-run options in request and content: [{}] and [{}]",
            texts(&asked),
            texts(&content)
        )));
    }
    options["dryRun"] = if content.is_empty() { asked } else { content }.into();
    options["apiVersion"] = "v1".into();
    options["kind"] = "DeleteOptions".into();
    DeleteOptions::read(query, Some(options))
}

#[async_trait]
impl Service for Eviction {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let eviction = call.read().await?;
        if text(&eviction["metadata"], "name") != call.info.name {
            return Err(Status::bad_request("name in URL does not match name in Eviction object"));
        }
        let options = delete_options(&eviction, &call.info.query)?;
        self.evict(Meant { objects: &call.objects, info: &call.info }, &options).await?;
        answer::created(&call)
    }
}
