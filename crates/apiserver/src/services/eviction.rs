//! pods/eviction: a deletion that disruption budgets may refuse.

use std::sync::{Arc, OnceLock, Weak};

use api::kind::Kind;
use api::selector::LabelSelector;
use async_trait::async_trait;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::answer;
use crate::body::{Body, full};
use crate::front::{self, Caller};
use crate::identity::Identity;
use crate::objects::timestamp;
use crate::rows::row;
use crate::server::Inner;
use crate::service::{Call, Service};
use crate::status::Status;

const TRIES: usize = 20;
const DISRUPTED_PODS_MAX: usize = 2000;
const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// The service `eviction`. Pods are deleted the way everybody deletes them: through the server it is part of.
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
    /// As long as the Pod stays as it is.
    DeleteUnchanged,
    /// After this budget has been written.
    Spend(Value),
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn refused(message: &str, seconds: u32, cause: String) -> Status {
    let status = Status::too_many_requests(message, seconds);
    status.cause("DisruptionBudget", cause, "")
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
    if matches!(phase, "Pending" | "") {
        return Ok(Verdict::DeleteUnchanged);
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
            return Ok(Verdict::DeleteUnchanged);
        }
    }
    spend(pod, budget, now).map(Verdict::Spend)
}

/// The budget with one disruption less.
fn spend(pod: &Value, budget: &Value, now: &str) -> Result<Value, Status> {
    let (name, status) = (text(&budget["metadata"], "name"), &budget["status"]);
    if number(&status["observedGeneration"]) < number(&budget["metadata"]["generation"]) {
        return Err(refused(
            REFUSED,
            10,
            format!("The disruption budget {name} is still being processed by the server."),
        ));
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
        return Err(refused(REFUSED, 0, cause));
    }
    let mut next = budget.clone();
    next["status"]["disruptionsAllowed"] = (allowed - 1).into();
    next["status"]["disruptedPods"][text(&pod["metadata"], "name")] = now.into();
    Ok(next)
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
    async fn evict(&self, call: Call, options: &Value) -> Result<Response<Body>, Status> {
        let objects = &call.objects;
        let (namespace, name) = (call.info.namespace.as_str(), call.info.name.as_str());
        let dry_run = options["dryRun"].as_array().is_some_and(|list| !list.is_empty());
        let mut budget_name = String::new();
        for _ in 0..TRIES {
            let pod = objects.get(self.pods, namespace, name).ok_or_else(|| Status::not_found(self.pods, name))?;
            let budgets = objects.list(self.budgets, namespace);
            let mut options = options.clone();
            match judge(&pod, &budgets, &timestamp(objects.env().now()))? {
                Verdict::Delete => {}
                Verdict::DeleteUnchanged => {
                    if options["preconditions"]["resourceVersion"].is_null() {
                        options["preconditions"]["resourceVersion"] = pod["metadata"]["resourceVersion"].clone();
                    }
                }
                Verdict::Spend(_) if dry_run => {}
                Verdict::Spend(budget) => {
                    budget_name = text(&budget["metadata"], "name").to_owned();
                    match objects.update(self.budgets, budget).await {
                        Err(status) if status.reason == "Conflict" => continue,
                        outcome => drop(outcome?),
                    }
                }
            }
            return self.delete(call, &options).await;
        }
        Err(Status::timeout(&format!("couldn't update PodDisruptionBudget {budget_name:?} due to conflicts"), 10))
    }

    async fn delete(&self, call: Call, options: &Value) -> Result<Response<Body>, Status> {
        let (namespace, name) = (call.info.namespace.as_str(), call.info.name.as_str());
        let server = self
            .server
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| Status::unavailable("the server is shutting down"))?;
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, call.format.content_type())
            .body(full(options.to_string()))
            .map_err(Status::internal)?;
        let response = front::in_time(server, request, Caller::Known(Arc::new(Identity::server()))).await;
        match response.status() {
            code if code.is_success() => answer::created(&call),
            // The Pod became ready meanwhile, or changed otherwise: the client tries again.
            StatusCode::CONFLICT => Err(refused(REFUSED, 10, "The pod has changed while it was evicted.".to_owned())),
            _ => Ok(response),
        }
    }
}

#[async_trait]
impl Service for Eviction {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let eviction = answer::read(&mut call).await?;
        let named = text(&eviction["metadata"], "name");
        if !named.is_empty() && named != call.info.name {
            return Err(Status::bad_request("name in URL does not match name in Eviction object"));
        }
        let mut options = eviction["deleteOptions"].clone();
        if !options.is_object() {
            options = json!({});
        }
        options["apiVersion"] = "v1".into();
        options["kind"] = "DeleteOptions".into();
        if answer::dry_run(&call) {
            options["dryRun"] = json!(["All"]);
        }
        self.evict(call, &options).await
    }
}
