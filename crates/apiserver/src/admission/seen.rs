//! A request as expressions see it, and the authorizer they may ask.

use std::borrow::Cow;
use std::sync::Arc;

use api::admissionregistration::expressions::Inputs;
use api::kind::Kind;
use cel::{AccessRequest, Authorizer, Decision};
use serde_json::Value;

use super::described::described;
use super::matching;
use crate::access::Authorize;
use crate::admit::AdmissionRequest;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::request::RequestInfo;
use crate::status::Status;

/// The request in the version that is wanted.
pub(super) struct Seen<'r> {
    object: Cow<'r, Value>,
    old: Cow<'r, Value>,
    request: Value,
    identity: &'r Identity,
    resource: AccessRequest,
}

static NONE: Value = Value::Null;

impl<'r> Seen<'r> {
    pub async fn new(request: &'r AdmissionRequest<'_>, row: &'static Kind, kinds: &Kinds) -> Result<Self, Status> {
        let resource = AccessRequest {
            group: request.kind.group.to_owned(),
            resource: request.kind.plural.to_owned(),
            subresource: request.subresource.to_owned(),
            namespace: matching::namespace(request).to_owned(),
            name: request.name.to_owned(),
            ..AccessRequest::default()
        };
        Ok(Self {
            object: matching::shown(request, row, kinds, &request.object).await?,
            old: matching::shown(request, row, kinds, request.old.unwrap_or(&NONE)).await?,
            request: Value::Object(described(request, row)),
            identity: request.identity,
            resource,
        })
    }

    /// `namespace`: the namespace's object, and `params`: the parameters, null where there are none.
    pub fn inputs<'a>(&'a self, authorizer: &'a dyn Authorize, namespace: &'a Value, params: &'a Value) -> Inputs<'a> {
        Inputs {
            object: &self.object,
            old_object: &self.old,
            request: &self.request,
            namespace,
            params,
            authorizer: Arc::new(Asks { authorizer, identity: self.identity }),
            resource: self.resource.clone(),
        }
    }
}

/// Who asks for the user of the request.
struct Asks<'a> {
    authorizer: &'a dyn Authorize,
    identity: &'a Identity,
}

impl Authorizer for Asks<'_> {
    fn authorize(&self, asked: &AccessRequest) -> Decision {
        let account = asked.service_account.as_ref().map(|(namespace, name)| service_account(namespace, name));
        let identity = account.as_ref().unwrap_or(self.identity);
        let verdict = self.authorizer.authorize(identity, &info(asked));
        Decision { allowed: verdict.allowed(), reason: verdict.reason().to_owned(), error: None }
    }
}

fn service_account(namespace: &str, name: &str) -> Identity {
    let of_namespace = format!("system:serviceaccounts:{namespace}");
    let groups = ["system:serviceaccounts", &of_namespace, "system:authenticated"];
    Identity::new(format!("system:serviceaccount:{namespace}:{name}"), &groups)
}

fn info(asked: &AccessRequest) -> RequestInfo {
    if let Some(path) = &asked.path {
        return RequestInfo { path: path.clone(), verb: asked.verb.clone(), ..RequestInfo::default() };
    }
    RequestInfo {
        is_resource: true,
        verb: asked.verb.clone(),
        api_group: asked.group.clone(),
        api_version: "*".to_owned(),
        namespace: asked.namespace.clone(),
        resource: asked.resource.clone(),
        subresource: asked.subresource.clone(),
        name: asked.name.clone(),
        field_selector: asked.field_selector.clone(),
        label_selector: asked.label_selector.clone(),
        ..RequestInfo::default()
    }
}
