//! Who owns which field of an object (metadata.managedFields), and server-side apply over it, after sigs.k8s.io/structured-merge-diff
//! (KEP-555). Pure: trees in, trees out. Left out: ownership is not rewritten when a schema turns a list from atomic to granular.

mod apply;
mod check;
mod compare;
mod configuration;
mod conflict;
mod fields;
mod last_applied;
mod managers;
mod merge;
mod path;
mod place;
mod remove;
mod scale;
mod set;
mod track;

use serde_json::Value;

pub use apply::apply;
pub use compare::Comparison;
pub use configuration::configure;
pub use conflict::{Conflict, Conflicts};
pub use managers::{Entry, ManagerId, Managers, decode, encode, is_reset, same_but_times};
pub use path::PathElement;
pub use scale::{Replicas, from_scale, to_scale};
pub use set::FieldSet;
pub use track::{Writer, track};

use crate::schema::Schema;

/// Converts an object between two versions of its kind: `(object, from, to)`; `None` when one of them is not served.
pub type Converter<'a> = &'a dyn Fn(&Value, &str, &str) -> Option<(Value, Schema)>;

/// The version a request speaks, and the way to the versions of the entries.
#[derive(Clone)]
pub struct Versions<'a> {
    /// `apps/v1`.
    pub api_version: &'a str,
    pub kind: &'a str,
    pub schema: Schema,
    pub convert: Converter<'a>,
}

/// Why a configuration was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 500 without a reason, as upstream answers.
    #[error("{0}")]
    Internal(String),
    /// 409.
    #[error("{0}")]
    Conflicts(Conflicts),
}

#[cfg(test)]
mod tests;
