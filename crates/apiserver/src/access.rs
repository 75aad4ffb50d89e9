//! The seam through which a request is allowed or refused. The rules themselves are in `authz`.

use crate::identity::Identity;
use crate::request::RequestInfo;

/// An authorizer's verdict. Authorizers stand in a chain: `NoOpinion` asks the next one, the end of the chain denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The reason goes into access reviews (`RBAC: allowed by ClusterRoleBinding "x" ...`).
    Allow(String),
    Deny(String),
    NoOpinion(String),
}

impl Decision {
    pub fn allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    pub fn reason(&self) -> &str {
        match self {
            Self::Allow(reason) | Self::Deny(reason) | Self::NoOpinion(reason) => reason,
        }
    }
}

/// Decides whether an identity may do what the request asks.
pub trait Authorize: Send + Sync + 'static {
    fn authorize(&self, identity: &Identity, info: &RequestInfo) -> Decision;
}
