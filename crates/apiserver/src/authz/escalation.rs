//! Nobody may write a role with more rights than they have, or bind to one: the check at writes of roles and bindings, unless the writer
//! has the verbs `escalate` or `bind`.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::rbac::Rbac;
use super::rule::{Rule, quoted};
use crate::access::Authorize;
use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::identity::Identity;
use crate::request::RequestInfo;
use crate::status::Status;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Takes part in admission's validating half, for the four RBAC kinds.
pub struct RoleEscalation {
    rbac: Arc<Rbac>,
    authorizer: Arc<dyn Authorize>,
}

impl RoleEscalation {
    pub fn new(rbac: Arc<Rbac>, authorizer: Arc<dyn Authorize>) -> Self {
        Self { rbac, authorizer }
    }

    fn may(&self, request: &AdmissionRequest<'_>, verb: &str, resource: &str, name: &str) -> bool {
        let info = RequestInfo {
            is_resource: true,
            verb: verb.to_owned(),
            api_group: GROUP.to_owned(),
            api_version: "*".to_owned(),
            namespace: request.namespace.to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            ..RequestInfo::default()
        };
        self.authorizer.authorize(request.identity, &info).allowed()
    }

    fn confirm(&self, request: &AdmissionRequest<'_>, name: &str, rules: &[Rule]) -> Result<(), Status> {
        let (owned, errors) = self.rbac.rules_for(request.identity, request.namespace);
        let missing = missing_rights(&owned, rules);
        if missing.is_empty() {
            return Ok(());
        }
        let mut text = describe_missing(request.identity, missing);
        if !errors.is_empty() {
            text = format!("{text}; resolution errors: [{}]", errors.join(", "));
        }
        Err(Status::forbidden(request.kind, name, &text))
    }

    fn check_role(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if self.may(request, "escalate", request.kind.plural, request.name) {
            return Ok(());
        }
        self.confirm(request, request.name, &Rule::list(&request.object["rules"]))?;
        let aggregates = |role: &Value| {
            role["aggregationRule"]["clusterRoleSelectors"].as_array().is_some_and(|list| !list.is_empty())
        };
        if !aggregates(&request.object) && !request.old.is_some_and(aggregates) {
            return Ok(());
        }
        // It can gather anything.
        self.confirm(request, request.name, &everything()).map_err(|_| {
            Status::forbidden(
                request.kind,
                request.name,
                "must have cluster-admin privileges to use the aggregationRule",
            )
        })
    }

    fn check_binding(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let role = &request.object["roleRef"];
        let (kind, name) = (text(&role["kind"]), text(&role["name"]));
        let resource = if kind == "ClusterRole" { "clusterroles" } else { "roles" };
        if self.may(request, "bind", resource, &name) {
            return Ok(());
        }
        match self.rbac.role(&kind, request.namespace, &name) {
            Some(rules) => self.confirm(request, request.name, &rules),
            None => Err(Status::not_found_resource(GROUP, resource, &name)),
        }
    }
}

/// Whether an update touches only what lets the garbage collector delete the object in the end.
pub(crate) fn only_collects_garbage(new: &Value, old: &Value) -> bool {
    let rest = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
                metadata.remove(field);
            }
        }
        object
    };
    rest(new) == rest(old)
}

/// Every right there is.
fn everything() -> Vec<Rule> {
    let all = || vec!["*".to_owned()];
    let resources = Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() };
    vec![resources, Rule { verbs: all(), non_resource_urls: all(), ..Rule::default() }]
}

/// Parts of `wanted` that `owned` does not cover.
pub(crate) fn missing_rights(owned: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let parts = wanted.iter().flat_map(Rule::parts);
    parts.filter(|part| !owned.iter().any(|rule| rule.covers(part))).collect()
}

fn describe_missing(identity: &Identity, missing: Vec<Rule>) -> String {
    let mut lines: Vec<String> = Rule::merge_verbs(missing).iter().map(Rule::compact).collect();
    lines.sort();
    lines.dedup();
    let (user, groups) = (&identity.name, quoted(&identity.groups));
    format!(
        "user {user:?} (groups={groups}) is attempting to grant RBAC permissions not currently held:\n{}",
        lines.join("\n")
    )
}

#[async_trait]
impl Admit for RoleEscalation {
    fn name(&self) -> &'static str {
        "RoleEscalation"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let write =
            matches!(request.operation, Operation::Create | Operation::Update) && request.subresource.is_empty();
        if !write || request.kind.group != GROUP || request.identity.in_group("system:masters") {
            return Ok(());
        }
        if request.old.is_some_and(|old| only_collects_garbage(&request.object, old)) {
            return Ok(());
        }
        match request.kind.plural {
            "roles" | "clusterroles" => self.check_role(request),
            "rolebindings" | "clusterrolebindings" => self.check_binding(request),
            _ => Ok(()),
        }
    }
}
