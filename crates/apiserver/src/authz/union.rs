//! The chain of authorizers.

use std::sync::Arc;

use super::node::NodeAuthorizer;
use super::rbac::Rbac;
use crate::access::{Authorize, Decision};
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::RequestInfo;

/// Members of system:masters may do everything.
pub struct PrivilegedGroup;

impl Authorize for PrivilegedGroup {
    fn authorize(&self, identity: &Identity, _: &RequestInfo) -> Decision {
        if identity.in_group("system:masters") {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

/// Asked in order; the first opinion counts. Without one, the reasons of all are put together.
pub struct Authorizers(Vec<Arc<dyn Authorize>>);

impl Authorizers {
    pub fn new(chain: Vec<Arc<dyn Authorize>>) -> Self {
        Self(chain)
    }
}

impl Authorize for Authorizers {
    fn authorize(&self, identity: &Identity, info: &RequestInfo) -> Decision {
        let mut reasons = Vec::new();
        for authorizer in &self.0 {
            match authorizer.authorize(identity, info) {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                opinion => return opinion,
            }
        }
        Decision::NoOpinion(reasons.join("\n"))
    }
}

/// Upstream's `--authorization-mode=Node,RBAC`.
pub fn standard(objects: &Objects, rbac: Arc<Rbac>) -> Authorizers {
    Authorizers::new(vec![Arc::new(PrivilegedGroup), Arc::new(NodeAuthorizer::new(objects.clone())), rbac])
}
