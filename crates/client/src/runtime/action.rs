//! What a plan consists of. Each action prints as one line, which is what goldens, logs and dry runs show.

use std::fmt;

use serde_json::Value;

use crate::events::{Event, Regarding};
use crate::resource::{ObjectKey, ResourceType};
use crate::rest::{DeleteOptions, PatchKind};

/// One object of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub resource: ResourceType,
    pub key: ObjectKey,
}

/// Events about the outcome of an action, which only its application knows: `{name}` stands for the object's name,
/// `{error}` for what went wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub regarding: Regarding,
    pub success: Option<(&'static str, String)>,
    pub failure: Option<(&'static str, String)>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Give the rest of the plan up unless the live object still has this uid and is not being deleted.
    Confirm {
        target: Target,
        uid: String,
    },
    /// Consecutive creates run in growing batches that stop at the first failure.
    Create {
        resource: ResourceType,
        object: Value,
        report: Option<Report>,
    },
    /// PUT; the object's resourceVersion is the precondition. `change` is what differs from the observed object.
    Update {
        target: Target,
        subresource: Option<&'static str>,
        object: Value,
        change: Value,
    },
    Patch {
        target: Target,
        subresource: Option<&'static str>,
        kind: PatchKind,
        patch: Value,
    },
    /// Consecutive deletes run side by side. An object that is gone or was replaced already counts as deleted.
    Delete {
        target: Target,
        options: DeleteOptions,
        report: Option<Report>,
    },
    Emit(Event),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource.kind, self.key)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirm { target, .. } => write!(f, "confirm {target}"),
            Self::Create { resource, object, .. } => {
                let meta = &object["metadata"];
                let namespace = meta["namespace"].as_str().unwrap_or_default();
                let name = match meta["name"].as_str() {
                    Some(name) => name.to_owned(),
                    None => format!("{}*", meta["generateName"].as_str().unwrap_or_default()),
                };
                write!(f, "create {} {}", resource.kind, ObjectKey::new(namespace, name))
            }
            Self::Update { target, subresource: Some("status"), change, .. } => {
                let status = change.get("status").filter(|_| change.get("metadata").is_none());
                write!(f, "status {target} {}", status.unwrap_or(change))
            }
            Self::Update { target, subresource, change, .. } => {
                write!(f, "update{} {target} {change}", subresource.map(|name| format!("/{name}")).unwrap_or_default())
            }
            Self::Patch { target, subresource, patch, .. } => {
                write!(f, "patch{} {target} {patch}", subresource.map(|name| format!("/{name}")).unwrap_or_default())
            }
            Self::Delete { target, options, .. } => {
                write!(f, "delete {target}")?;
                if let Some(propagation) = options.propagation {
                    write!(f, " ({propagation:?})")?;
                }
                match options.grace_period_seconds {
                    Some(seconds) => write!(f, " (grace {seconds}s)"),
                    None => Ok(()),
                }
            }
            Self::Emit(event) => write!(f, "event {event}"),
        }
    }
}
