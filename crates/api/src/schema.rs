//! The schema engine: what fields a kind has, and what an object of it looks like in canonical form. Built-in kinds are read from one field
//! table (`data/fields.tsv`), custom ones from their definition's structural schema.

mod fill;
mod issues;
mod normalise;
mod scalar;
mod suggest;
mod table;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use issues::Issues;
pub use suggest::{Named, nearest, nearest_kind};
pub use table::{Field, ListType, MergeStrategy, Shape, Table, Type, TypeId, table};

use crate::custom::Structural;

/// The group under which meta's own kinds (Status, DeleteOptions…) stand; they are accepted in every group and version.
const META_GROUP: &str = "meta.k8s.io";

/// The shape of a kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Schema {
    /// A type of the field table.
    BuiltIn(TypeId),
    /// What a CustomResourceDefinition says.
    Custom(Arc<Structural>),
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldIssue {
    /// `spec.containers[0].image`; empty for the object itself.
    pub path: String,
    pub kind: IssueKind,
    /// Upstream's text: `unknown field "spec.foo"`, `json: cannot unmarshal string into Go struct field …`.
    pub message: String,
    /// For an unknown field: the known one that was probably meant.
    pub suggestion: Option<Cow<'static, str>>,
}

/// What kind of issue it is. Unknown and duplicate fields are fieldValidation's matter; a type error always refuses the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    Unknown,
    Duplicate,
    Type,
}

/// The schema of a built-in kind.
pub fn of(group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
    let table = table();
    table.schema(group, version, kind).or_else(|| table.schema(META_GROUP, "v1", kind))
}

impl Schema {
    /// Checks every type, prunes unknown fields and brings the object to its minimal canonical form: quantities, IntOrString, base64 and
    /// times as upstream writes them, no nulls, no empty fields that upstream's encoder may leave out. Issues come in the order of the fields.
    pub fn normalise(&self, object: &mut Value) -> Vec<FieldIssue> {
        match self {
            Schema::BuiltIn(id) => normalise::normalise(table(), *id, object),
            Schema::Custom(structural) => structural.normalise(object),
        }
    }

    /// Adds what upstream's encoder always writes: structs held by value (`status: {}`, `resources: {}`) and zero values of required fields.
    /// For objects about to be stored, after `normalise` and defaulting; the two together are a fixed point.
    pub fn fill(&self, object: &mut Value) {
        match self {
            Schema::BuiltIn(id) => fill::fill(table(), *id, object),
            Schema::Custom(_) => {}
        }
    }

    /// The defaults that the schema itself has; those of built-in kinds are `Hooks::default`.
    pub fn default(&self, object: &mut Value) {
        if let Schema::Custom(structural) = self {
            structural.default(object);
        }
    }

    /// The type in the field table; `None` for schemas that come from elsewhere.
    pub fn type_id(&self) -> Option<TypeId> {
        match self {
            Schema::BuiltIn(id) => Some(*id),
            Schema::Custom(_) => None,
        }
    }

    /// The schema of a custom kind.
    pub fn structural(&self) -> Option<&Structural> {
        match self {
            Schema::BuiltIn(_) => None,
            Schema::Custom(structural) => Some(structural),
        }
    }
}

#[cfg(test)]
mod tests;
