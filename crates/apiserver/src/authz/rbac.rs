//! The RBAC authorizer over the stored roles and bindings.

use super::policy::Policy;
use super::rule::Rule;
use crate::access::{Authorize, Decision};
use crate::follow::Followed;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::RequestInfo;

/// Decides by the stored roles and bindings, as they are at the moment of the request.
pub struct Rbac {
    policy: Followed<Policy>,
}

impl Rbac {
    pub fn new(objects: Objects) -> Self {
        Self { policy: Followed::new(objects) }
    }

    /// All rules an identity has in a namespace, and what could not be resolved.
    pub fn rules_for(&self, identity: &Identity, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        let policy = self.policy.read();
        policy.visit(
            identity,
            namespace,
            &mut |grant| errors.push(not_found(&grant.role_kind, &grant.role)),
            &mut |_, rule| {
                rules.push(rule.clone());
                true
            },
        );
        (rules, errors)
    }

    /// Rules of the role a binding refers to; `None`: there is no such role.
    pub fn role(&self, kind: &str, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        self.policy.read().referenced(kind, namespace, name).map(<[Rule]>::to_vec)
    }
}

fn not_found(kind: &str, name: &str) -> String {
    let resource = if kind == "ClusterRole" { "clusterrole" } else { "role" };
    format!("{resource}.rbac.authorization.k8s.io {name:?} not found")
}

impl Authorize for Rbac {
    fn authorize(&self, identity: &Identity, info: &RequestInfo) -> Decision {
        let policy = self.policy.read();
        let mut allowed = None;
        let mut errors: Vec<String> = Vec::new();
        policy.visit(
            identity,
            &info.namespace,
            &mut |grant| errors.push(not_found(&grant.role_kind, &grant.role)),
            &mut |grant, rule| {
                if rule.allows(info) {
                    allowed = Some(grant);
                }
                allowed.is_none()
            },
        );
        match (allowed, errors.as_slice()) {
            (Some(grant), _) => Decision::Allow(format!("RBAC: allowed by {grant}")),
            (None, []) => Decision::NoOpinion(String::new()),
            (None, [one]) => Decision::NoOpinion(format!("RBAC: {one}")),
            (None, many) => Decision::NoOpinion(format!("RBAC: [{}]", many.join(", "))),
        }
    }
}
