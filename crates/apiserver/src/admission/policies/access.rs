//! Nobody may make a policy read parameters that they may not read themselves: the check at writes of policies and bindings (pkg/registry/
//! admissionregistration, authz.go of each kind).

use std::sync::Arc;

use api::field_error::FieldError;
use async_trait::async_trait;
use serde_json::Value;

use super::params;
use crate::access::Authorize;
use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::RequestInfo;
use crate::rows::row;
use crate::status::Status;

const GROUP: &str = "admissionregistration.k8s.io";

/// Takes part in admission's validating half, for policies and their bindings.
pub(crate) struct PolicyParameters {
    objects: Objects,
    authorizer: Arc<dyn Authorize>,
}

#[async_trait]
impl Admit for PolicyParameters {
    fn name(&self) -> &'static str {
        "PolicyParameters"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let writes = matches!(request.operation, Operation::Create | Operation::Update);
        if request.kind.group != GROUP || !writes || !request.subresource.is_empty() {
            return Ok(());
        }
        match request.kind.plural {
            "validatingadmissionpolicies" | "mutatingadmissionpolicies" => self.check_policy(request),
            "validatingadmissionpolicybindings" => self.check_binding(request, "validatingadmissionpolicies"),
            "mutatingadmissionpolicybindings" => self.check_binding(request, "mutatingadmissionpolicies"),
            _ => Ok(()),
        }
    }
}

impl PolicyParameters {
    pub fn new(objects: Objects, authorizer: Arc<dyn Authorize>) -> Self {
        Self { objects, authorizer }
    }

    fn check_policy(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let kind = &request.object["spec"]["paramKind"];
        if kind.is_null() || request.old.is_some_and(|old| old["spec"]["paramKind"] == *kind) {
            return Ok(());
        }
        let (identity, text) = (shown(request.identity), |field: &str| kind[field].as_str().unwrap_or_default());
        let why = format!(
            "user {identity} must have \"get\" permission on all objects of the referenced paramKind (kind={}, apiVersion={})",
            text("kind"),
            text("apiVersion")
        );
        let asked = RequestInfo { name: "*".to_owned(), namespace: "*".to_owned(), ..resource(request, kind) };
        self.require(request, &asked, "spec.paramKind", &why)
    }

    fn check_binding(&self, request: &AdmissionRequest<'_>, policies: &str) -> Result<(), Status> {
        let spec = &request.object["spec"];
        let same = |field: &str| request.old.is_some_and(|old| old["spec"][field] == spec[field]);
        if spec["paramRef"].is_null() || same("paramRef") && same("policyName") {
            return Ok(());
        }
        let policy = self.objects.get(row(GROUP, "v1", policies), "", spec["policyName"].as_str().unwrap_or_default());
        let kind = policy.map(|policy| policy["spec"]["paramKind"].clone()).unwrap_or_default();
        let text = |field: &str| spec["paramRef"][field].as_str().unwrap_or_default().to_owned();
        let asked = RequestInfo { name: text("name"), namespace: text("namespace"), ..resource(request, &kind) };
        let why = format!(
            "user {} does not have \"get\" permission on the object referenced by paramRef",
            shown(request.identity)
        );
        self.require(request, &asked, "spec.paramRef", &why)
    }

    fn require(
        &self,
        request: &AdmissionRequest<'_>,
        asked: &RequestInfo,
        field: &str,
        why: &str,
    ) -> Result<(), Status> {
        if self.authorizer.authorize(request.identity, asked).allowed() {
            return Ok(());
        }
        Err(Status::invalid(request.kind, request.name, &[FieldError::forbidden(field, why)]))
    }
}

/// To read objects of a paramKind; what cannot be resolved takes the right to read all.
fn resource(request: &AdmissionRequest<'_>, kind: &Value) -> RequestInfo {
    let text = |field: &str| kind[field].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = match api_version.rsplit_once('/') {
        _ if api_version.is_empty() => ("*", "*"),
        Some(parts) => parts,
        None => ("", api_version.as_str()),
    };
    let found = params::row(request.server(), &(api_version.clone(), kind));
    RequestInfo {
        is_resource: true,
        verb: "get".to_owned(),
        api_group: group.to_owned(),
        api_version: version.to_owned(),
        resource: found.map_or("*", |row| row.plural).to_owned(),
        ..RequestInfo::default()
    }
}

/// As upstream prints a user.
fn shown(identity: &Identity) -> String {
    let extra: Vec<String> =
        identity.extra.iter().map(|(key, values)| format!("{key}:[{}]", values.join(" "))).collect();
    format!("&{{{} {} [{}] map[{}]}}", identity.name, identity.uid, identity.groups.join(" "), extra.join(" "))
}
