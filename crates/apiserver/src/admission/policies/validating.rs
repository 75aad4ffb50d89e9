//! The plugin that lets policies refuse requests (apiserver's pkg/admission/plugin/policy/validating/dispatcher.go).

use std::sync::Arc;

use api::admissionregistration::expressions::{Annotation, Decision, Validations, Verdict};
use async_trait::async_trait;
use serde_json::Value;

use super::super::matching;
use super::super::seen::Seen;
use super::{Invocation, Misconfigured, Policies, name};
use crate::admit::{AdmissionRequest, Admit};
use crate::status::Status;

pub(crate) struct ValidatingAdmissionPolicy(pub Arc<Policies>);

/// The first refusal; the others are only counted upstream.
struct Refusal {
    message: String,
    reason: String,
}

#[async_trait]
impl Admit for ValidatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let hooks = self.0.configured.read().validating();
        if hooks.is_empty() || matching::exempt_from_policies(request) {
            return Ok(());
        }
        let found = self.0.about(&hooks, request).await;
        if found.is_empty() {
            return Ok(());
        }
        let namespace = self.0.namespace(request)?;
        let mut refusals = Vec::new();
        for found in found {
            match found {
                Ok(invocation) => self.invoke(&invocation, request, &namespace, &mut refusals).await?,
                Err(broken) if broken.policy.fails_open => {}
                Err(Misconfigured { policy, binding, why }) => {
                    let binding = binding.map(|binding| binding.name.as_str());
                    refusals.push(refusal(&policy.name, binding, &why, ""));
                }
            }
        }
        refusals.into_iter().next().map_or(Ok(()), |refusal| Err(status(request, refusal)))
    }
}

impl ValidatingAdmissionPolicy {
    async fn invoke(
        &self,
        invocation: &Invocation<'_, Validations>,
        request: &AdmissionRequest<'_>,
        namespace: &Value,
        refusals: &mut Vec<Refusal>,
    ) -> Result<(), Status> {
        let Invocation { policy, row, params, .. } = invocation;
        let seen = Seen::new(request, row, &self.0.kinds).await?;
        for params in params {
            let inputs = seen.inputs(&*self.0.authorizer, namespace, params);
            judge(invocation, policy.compiled().validate(&inputs), request, refusals);
        }
        Ok(())
    }
}

/// What the binding's actions make of a verdict. There is no audit log for what is only to be noted.
fn judge(
    Invocation { policy, binding, .. }: &Invocation<'_, Validations>,
    verdict: Verdict,
    request: &AdmissionRequest<'_>,
    refusals: &mut Vec<Refusal>,
) {
    for decision in verdict.decisions {
        let Decision::Deny { message, reason } = decision else { continue };
        for action in &binding.actions {
            match action.as_str() {
                "Deny" => refusals.push(refusal(&policy.name, Some(&binding.name), &message, &reason)),
                "Warn" => request.warnings.add(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {message}",
                    policy.name, binding.name
                )),
                _ => {}
            }
        }
    }
    for annotation in verdict.annotations {
        if let Annotation::Error(why) = annotation {
            refusals.push(refusal(&policy.name, Some(&binding.name), &why, ""));
        }
    }
}

fn refusal(policy: &str, binding: Option<&str>, why: &str, reason: &str) -> Refusal {
    let binding = binding.map(|binding| format!(" with binding '{binding}'")).unwrap_or_default();
    let message = format!("ValidatingAdmissionPolicy '{policy}'{binding} denied request: {why}");
    Refusal { message, reason: reason.to_owned() }
}

fn status(request: &AdmissionRequest<'_>, Refusal { message, reason }: Refusal) -> Status {
    let status = Status::forbidden(request.kind, name(request), &message).cause("", message, "");
    let (code, reason) = match reason.as_str() {
        "" => (422, "Invalid".to_owned()),
        "Forbidden" => (403, reason),
        "Unauthorized" => (401, reason),
        "RequestEntityTooLarge" => (413, reason),
        _ => (422, reason),
    };
    Status { code, reason: reason.into(), ..status }
}
