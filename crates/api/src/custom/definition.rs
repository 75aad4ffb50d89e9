//! A CustomResourceDefinition ready to be served: the rows and schemas of its versions.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Structural, TERMINATING, is_condition, row};
use crate::kind::Kind;
use crate::meta;
use crate::schema::Schema;
use crate::tree::{at, items, text};

/// What a definition that is established says.
#[derive(Debug)]
pub struct Definition {
    /// `crontabs.stable.example.com`
    pub name: String,
    /// Differs when anything that is served of it differs.
    pub generation: u64,
    pub versions: Vec<Version>,
    pub conversion: Conversion,
    /// It is being deleted: nothing new is made.
    pub terminating: bool,
    storage: usize,
    /// The object it was read from, for its published schemas.
    source: Bytes,
}

/// One version.
#[derive(Debug)]
pub struct Version {
    pub kind: &'static Kind,
    pub served: bool,
    pub schema: Schema,
}

/// How objects get from one version to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    /// They only change their apiVersion.
    None,
    /// `spec.conversion.webhook`.
    Webhook(Value),
}

impl Definition {
    /// Reads a stored definition; `None`: it is not established.
    pub fn read(definition: &Value, source: Bytes) -> Option<Self> {
        if !is_condition(definition, "Established", "True") {
            return None;
        }
        let spec = at(definition, "spec");
        let names = at(definition, "status.acceptedNames");
        let namespaced = text(spec, "scope") == "Namespaced";
        let given = items(spec, "versions");
        let version = |given: &Value| Version {
            kind: row::of(text(spec, "group"), names, namespaced, given),
            served: given["served"] == true,
            schema: Schema::Custom(Arc::new(Structural::parse_root(at(given, "schema.openAPIV3Schema")))),
        };
        Some(Self {
            name: meta::name(definition).to_owned(),
            generation: generation(definition),
            versions: given.iter().map(version).collect(),
            conversion: match text(spec, "conversion.strategy") {
                "Webhook" => Conversion::Webhook(at(spec, "conversion.webhook").clone()),
                _ => Conversion::None,
            },
            terminating: is_condition(definition, TERMINATING, "True")
                || meta::deletion_timestamp(definition).is_some(),
            storage: given.iter().position(|version| version["storage"] == true)?,
            source,
        })
    }

    /// What tells one served state of a definition from another.
    pub fn generation_of(definition: &Value) -> u64 {
        generation(definition)
    }

    /// The version objects are stored in.
    pub fn storage(&self) -> &Version {
        &self.versions[self.storage]
    }

    /// A version by its name, served or not.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.kind.version == name)
    }

    /// The version that speaks of `apiVersion`.
    pub fn by_api_version(&self, api_version: &str) -> Option<&Version> {
        let (group, version) = meta::group_version(api_version);
        self.version(version).filter(|version| version.kind.group == group)
    }

    /// `openAPIV3Schema` of a version, as it was written.
    pub(crate) fn published(&self, version: &str) -> Value {
        let definition: Value = serde_json::from_slice(&self.source).unwrap_or_default();
        let found = items(&definition, "spec.versions").iter().find(|given| text(given, "name") == version);
        found.map(|found| at(found, "schema.openAPIV3Schema").clone()).unwrap_or_default()
    }
}

fn generation(definition: &Value) -> u64 {
    let terminating = is_condition(definition, TERMINATING, "True") || meta::deletion_timestamp(definition).is_some();
    let facts = [
        meta::uid(definition).to_owned(),
        meta::generation(definition).to_string(),
        at(definition, "status.acceptedNames").to_string(),
        is_condition(definition, "Established", "True").to_string(),
        terminating.to_string(),
    ];
    let digest = Sha256::digest(facts.join("\n"));
    // Zero is kept for kinds that have no definition.
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)).max(1)
}
