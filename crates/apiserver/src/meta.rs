//! What is kept decoded beside an object's bytes: just enough to select, own and delete it without parsing.

use std::collections::BTreeMap;

use api::kind::Kind;
use serde_json::Value;

/// The store's `M`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    /// Field labels other than metadata.name and metadata.namespace, as the stored version's row has them.
    pub fields: Vec<(&'static str, String)>,
    pub owner_uids: Vec<String>,
    pub has_finalizers: bool,
    pub deleting: bool,
    /// The generation of the definition it was written under; 0: not known, or no custom resource.
    pub generation: u64,
}

impl Meta {
    /// Reads it from an object in its storage version.
    pub fn of(kind: &Kind, object: &Value) -> Self {
        Self { fields: (kind.hooks.selectable_fields)(object), ..Self::of_custom(object) }
    }

    /// As [`Meta::of`], of an object whose kind is not at hand.
    pub fn of_custom(object: &Value) -> Self {
        let metadata = &object["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        Self {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            labels: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
            fields: Vec::new(),
            owner_uids: owners.filter_map(|owner| Some(owner["uid"].as_str()?.to_owned())).collect(),
            has_finalizers: metadata["finalizers"].as_array().is_some_and(|list| !list.is_empty()),
            deleting: metadata.get("deletionTimestamp").is_some_and(|at| !at.is_null()),
            generation: 0,
        }
    }
}
