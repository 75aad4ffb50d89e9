//! The plugin that lets policies change objects (apiserver's pkg/admission/plugin/policy/mutating/dispatcher.go).

use std::sync::Arc;

use api::admissionregistration::expressions::{Match, Mutations};
use api::kind::Kind;
use api::schema::{IssueKind, Schema};
use async_trait::async_trait;
use serde_json::Value;

use super::super::matching;
use super::super::seen::Seen;
use super::{Invocation, Misconfigured, Policies, name};
use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::registry;
use crate::status::Status;

const NAME: &str = "MutatingAdmissionPolicy";

pub(crate) struct MutatingAdmissionPolicy(pub Arc<Policies>);

/// Why a policy refuses; an empty reason is Forbidden.
struct Refusal {
    message: String,
    reason: &'static str,
}

/// What one run did.
#[derive(Default)]
struct Run {
    refusals: Vec<Refusal>,
    /// Whether any mutation was made, be it one that changed nothing.
    mutated: bool,
}

#[async_trait]
impl Admit for MutatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let hooks = self.0.configured.read().mutating();
        let exempt = || matching::exempt_from_policies(request);
        if hooks.is_empty() || request.operation == Operation::Delete || exempt() {
            return Ok(());
        }
        let found = self.0.about(&hooks, request).await;
        let mut run = Run::default();
        let mut invocations = Vec::new();
        for found in found {
            match found {
                Ok(invocation) => invocations.push(invocation),
                Err(broken) if broken.policy.fails_open => {}
                Err(Misconfigured { policy, binding, why }) => {
                    let binding = binding.map(|binding| binding.name.as_str());
                    run.refusals.push(Refusal { message: refused(&policy.name, binding, &why), reason: "" });
                }
            }
        }
        if !invocations.is_empty() {
            let namespace = self.0.namespace(request)?;
            request.reinvocation.begin(NAME, &request.object);
            for invocation in &invocations {
                for params in &invocation.params {
                    self.invoke(invocation, (params, &namespace), request, &mut run).await?;
                }
            }
            if run.mutated {
                request.reinvocation.changed(NAME);
            }
            request.reinvocation.end(NAME, &request.object);
        }
        if run.refusals.is_empty() { Ok(()) } else { Err(status(request, run.refusals)) }
    }
}

impl MutatingAdmissionPolicy {
    async fn invoke(
        &self,
        Invocation { policy, binding, row, .. }: &Invocation<'_, Mutations>,
        (params, namespace): (&Value, &Value),
        request: &mut AdmissionRequest<'_>,
        run: &mut Run,
    ) -> Result<(), Status> {
        let mut refuse = |why: &str| {
            let message = refused(&policy.name, Some(&binding.name), why);
            if !policy.fails_open {
                run.refusals.push(Refusal { message, reason: "Invalid" });
            }
        };
        let matched = {
            let seen = Seen::new(request, row, &self.0.kinds).await?;
            policy.compiled().matches(&seen.inputs(&*self.0.authorizer, namespace, params))
        };
        match matched {
            Match::Matches => {}
            Match::Skipped => return Ok(()),
            Match::Failed(why) => {
                refuse(&why);
                return Ok(());
            }
        }
        let of = |field: &str| params["metadata"][field].as_str().unwrap_or_default();
        let id = format!("{}/{}/{}/{}", policy.name, binding.name, of("namespace"), of("name"));
        if !request.reinvocation.calls(NAME, &id) || request.object.is_null() {
            return Ok(());
        }
        let before = request.object.clone();
        for number in 0..policy.compiled().len() {
            match self.mutated(policy.compiled(), number, row, (params, namespace), request).await? {
                Ok(object) => {
                    *request.object = object;
                    run.mutated = true;
                }
                Err(why) => refuse(&why),
            }
        }
        if before != *request.object {
            request.reinvocation.changed(NAME);
        }
        if policy.reinvoked {
            request.reinvocation.called(NAME, &id);
        }
        Ok(())
    }

    /// The request's object after one mutation; `Ok(Err)` is the failurePolicy's matter.
    async fn mutated(
        &self,
        mutations: &Mutations,
        number: usize,
        row: &'static Kind,
        (params, namespace): (&Value, &Value),
        request: &AdmissionRequest<'_>,
    ) -> Result<Result<Value, String>, Status> {
        let Some(schema) = schema(request, row) else {
            let why = format!(
                "Resource kind {}, Kind={} not found. There can be a delay between when CustomResourceDefinitions are created and when they are available.",
                row.api_version(),
                row.kind
            );
            return Err(Status::unavailable(why));
        };
        let seen = Seen::new(request, row, &self.0.kinds).await?;
        let made = mutations.mutate(number, &seen.inputs(&*self.0.authorizer, namespace, params), schema);
        let made = match made {
            Ok(made) => made,
            Err(why) => return Ok(Err(why.to_string())),
        };
        if schema.structural().is_none() {
            strict(schema, &made)?;
        }
        Ok(matching::taken_back(request, row, &self.0.kinds, made).await.map_err(|status| status.message))
    }
}

/// What the object at the request's place looks like in the version of `row`.
fn schema<'r>(request: &'r AdmissionRequest<'_>, row: &'static Kind) -> Option<&'r Schema> {
    match matching::subresource(request) {
        Some(place) if registry::has_own_body(place) || place.kind == "Scale" => {
            api::schema::of(place.group, place.version, place.kind)
        }
        _ => matching::schema_of(request, row),
    }
}

/// A patch may not make fields that nobody knows.
fn strict(schema: &Schema, made: &Value) -> Result<(), Status> {
    let issues = schema.normalise(&mut made.clone());
    let unknown: Vec<String> =
        issues.into_iter().filter(|issue| issue.kind == IssueKind::Unknown).map(|issue| issue.message).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Status::internal(format!("strict decoding error: {}", unknown.join(", "))))
}

fn refused(policy: &str, binding: Option<&str>, why: &str) -> String {
    match binding {
        Some(binding) => format!("policy '{policy}' with binding '{binding}' denied request: {why}"),
        None => format!("policy {policy:?} denied request: {why}"),
    }
}

/// The first refusal's words and reason; all are among the causes. The code stays that of a prohibition.
fn status(request: &AdmissionRequest<'_>, refusals: Vec<Refusal>) -> Status {
    let mut status = Status::forbidden(request.kind, name(request), "admission request denied by policy");
    if let Some(Refusal { message, reason }) = refusals.first() {
        status.message.clone_from(message);
        if !reason.is_empty() {
            status.reason = (*reason).into();
        }
    }
    refusals.into_iter().fold(status, |status, refusal| status.cause("", refusal.message, ""))
}
