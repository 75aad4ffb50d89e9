//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy: the cluster's own rules, written in CEL and run by this server. Policies, bindings and
//! parameters count from the moment they are stored. Audit annotations are worked out and, as there is no audit log yet, not kept.

mod access;
mod configured;
mod mutating;
mod params;
mod validating;

use std::sync::Arc;

use api::kind::Kind;
use serde_json::Value;

use self::configured::{Binding, Compiled, Configured, Hook, Policy};
use super::matching;
use crate::access::Authorize;
use crate::admit::AdmissionRequest;
use crate::follow::Followed;
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

pub(crate) use access::PolicyParameters;
pub(crate) use mutating::MutatingAdmissionPolicy;
pub(crate) use validating::ValidatingAdmissionPolicy;

/// What both plugins work with.
pub(crate) struct Policies {
    configured: Followed<Configured>,
    kinds: Kinds,
    objects: Objects,
    authorizer: Arc<dyn Authorize>,
}

/// A policy that is about a request by one of its bindings.
struct Invocation<'h, E> {
    policy: &'h Policy<E>,
    binding: &'h Binding,
    /// In whose version the policy wants the request.
    row: &'static Kind,
    /// One run each.
    params: Vec<Value>,
}

/// A policy that would be about it, could it be told.
struct Misconfigured<'h, E> {
    policy: &'h Policy<E>,
    binding: Option<&'h Binding>,
    why: String,
}

type Found<'h, E> = Vec<Result<Invocation<'h, E>, Misconfigured<'h, E>>>;

impl Policies {
    pub fn new(kinds: Kinds, objects: Objects, authorizer: Arc<dyn Authorize>) -> Arc<Self> {
        Arc::new(Self { configured: Followed::new(objects.clone()), kinds, objects, authorizer })
    }

    /// The policies that are about a request, in the order of their names and of their bindings' names.
    async fn about<'h, E: Compiled>(&self, hooks: &'h [Hook<E>], request: &AdmissionRequest<'_>) -> Found<'h, E> {
        let mut found = Vec::new();
        for Hook { policy, bindings } in hooks {
            let broken = |why: String| Misconfigured {
                policy,
                binding: None,
                why: format!("failed to configure policy: {why}"),
            };
            let wanted = policy.matching.wanted(request, &self.kinds, &self.objects);
            let row = match wanted {
                Ok(Some(row)) => row,
                Ok(None) => continue,
                Err(status) => {
                    found.push(Err(broken(status.message)));
                    continue;
                }
            };
            let named = policy.param_kind.as_ref();
            let param_row = match named.map(|kind| params::row(request.server(), kind)).transpose() {
                Ok(param_row) => param_row,
                Err(why) => {
                    found.push(Err(broken(why)));
                    continue;
                }
            };
            for binding in bindings {
                match self.bound(binding, request, param_row).await {
                    Ok(Some(params)) if params.is_empty() => {}
                    Ok(Some(params)) => found.push(Ok(Invocation { policy, binding, row, params })),
                    Ok(None) => {}
                    Err(why) => {
                        let why = format!("failed to configure binding: {why}");
                        found.push(Err(Misconfigured { policy, binding: Some(&**binding), why }));
                    }
                }
            }
        }
        found
    }

    /// The parameters of a binding that is about a request.
    async fn bound(
        &self,
        binding: &Binding,
        request: &AdmissionRequest<'_>,
        param_row: Option<&'static Kind>,
    ) -> Result<Option<Vec<Value>>, String> {
        if let Some(matching) = &binding.matching {
            let wanted = matching.wanted(request, &self.kinds, &self.objects).map_err(|status| status.message)?;
            if wanted.is_none() {
                return Ok(None);
            }
        }
        params::collect(request, param_row, &binding.param_ref).await.map(Some)
    }

    /// The request's namespace as expressions see it; null for what is in none.
    fn namespace(&self, request: &AdmissionRequest<'_>) -> Result<Value, Status> {
        const SHOWN: [&str; 12] = [
            "name",
            "generateName",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "labels",
            "annotations",
            "finalizers",
        ];
        if request.namespace.is_empty() || matching::is_namespace(request.kind) {
            return Ok(Value::Null);
        }
        let namespaces = row("", "v1", "namespaces");
        let found = self.objects.get(namespaces, "", request.namespace);
        let mut object = found.ok_or_else(|| Status::not_found(namespaces, request.namespace))?;
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|field, _| SHOWN.contains(&field.as_str()));
        }
        Ok(object)
    }
}

/// The object's name for messages: generated ones are not known yet.
fn name<'r>(request: &'r AdmissionRequest<'_>) -> &'r str {
    let metadata = &request.object["metadata"];
    let given = [Some(request.name), metadata["name"].as_str(), metadata["generateName"].as_str()];
    given.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or("Unknown")
}
