//! The documents of a server with definitions: those of the build where no custom kind is, new ones where there is. Made when first asked for;
//! a change of the definitions makes a new `Published`, and new ETags.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::components::{Dialect, schemas};
use super::descriptions::Descriptions;
use super::{
    Document, GROUPS, gnostic, paths, root, roots, v2_json, v2_protobuf, v3_group, v3_index, version2, version3,
};
use crate::custom::Definition;
use crate::kind::Kind;

/// A served version of a definition.
pub(super) struct CustomKind<'a> {
    pub kind: &'static Kind,
    definition: &'a Definition,
}

impl CustomKind<'_> {
    /// The kind and its list, by OpenAPI's names.
    pub fn schemas(&self, dialect: Dialect) -> [(String, Value); 2] {
        let published = self.definition.published(self.kind.version);
        crate::custom::openapi::schemas(self.kind, published, dialect == Dialect::V2)
    }
}

/// Group and version.
type Place = (String, String);

/// All documents.
#[derive(Debug, Default)]
pub struct Published {
    definitions: Vec<Arc<Definition>>,
    /// Groups and versions with custom kinds, the hash of what is in them, and their documents.
    groups: BTreeMap<Place, (String, OnceLock<Document>)>,
    v2_json: OnceLock<Document>,
    v2_protobuf: OnceLock<Document>,
}

impl Published {
    pub fn new(definitions: Vec<Arc<Definition>>) -> Self {
        let mut hashes: BTreeMap<Place, Sha256> = BTreeMap::new();
        for definition in &definitions {
            for version in definition.versions.iter().filter(|version| version.served) {
                let place = (version.kind.group.to_owned(), version.kind.version.to_owned());
                let hash = hashes.entry(place).or_insert_with(|| Sha256::new_with_prefix(super::etag("custom")));
                *hash = hash.clone().chain_update(definition.generation.to_be_bytes());
            }
        }
        let groups = hashes.into_iter().map(|(place, hash)| (place, (hex(hash), OnceLock::new())));
        Self { definitions, groups: groups.collect(), ..Self::default() }
    }

    fn kinds(&self) -> impl Iterator<Item = CustomKind<'_>> {
        self.definitions.iter().flat_map(|definition| {
            let served = definition.versions.iter().filter(|version| version.served);
            served.map(|version| CustomKind { kind: version.kind, definition })
        })
    }

    /// `GET /openapi/v3`.
    pub fn v3_index(&self) -> Value {
        let mut index = v3_index();
        for ((group, version), (etag, _)) in &self.groups {
            let path = root(group, version);
            index["paths"][&path] = json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={etag}") });
        }
        index
    }

    /// `GET /openapi/v3/apis/GROUP/VERSION`.
    pub fn v3_group(&self, group: &str, version: &str) -> Option<&Document> {
        let Some((etag, document)) = self.groups.get(&(group.to_owned(), version.to_owned())) else {
            return v3_group(group, version);
        };
        Some(document.get_or_init(|| {
            let custom: Vec<CustomKind> =
                self.kinds().filter(|custom| (custom.kind.group, custom.kind.version) == (group, version)).collect();
            Document::new(version3::document(group, version, &custom).to_string().as_bytes(), etag.clone())
        }))
    }

    /// `GET /openapi/v2` as JSON.
    pub fn v2_json(&self) -> &Document {
        match self.groups.is_empty() {
            true => v2_json(),
            false => self.v2_json.get_or_init(|| Document::new(self.v2().to_string().as_bytes(), self.v2_etag("v2"))),
        }
    }

    /// `GET /openapi/v2` as gnostic protobuf.
    pub fn v2_protobuf(&self) -> &Document {
        match self.groups.is_empty() {
            true => v2_protobuf(),
            false => self
                .v2_protobuf
                .get_or_init(|| Document::new(&gnostic::encode(&self.v2()), self.v2_etag("v2 protobuf"))),
        }
    }

    fn v2_etag(&self, name: &str) -> String {
        let hash = Sha256::new_with_prefix(super::etag(name));
        hex(self.groups.values().fold(hash, |hash, (etag, _)| hash.chain_update(etag)))
    }

    /// The document of the build with what definitions add.
    fn v2(&self) -> Value {
        let mut document: Value = serde_json::from_slice(&v2_json().plain()).unwrap_or_default();
        let (mut added, mut definitions) = (Map::new(), Map::new());
        let (mut types, descriptions) = (std::collections::BTreeSet::new(), Descriptions::of_group("", "meta"));
        let known = |group: &str, version: &str| GROUPS.iter().any(|one| (one.group, one.version) == (group, version));
        for (group, version) in self.groups.keys().filter(|(group, version)| !known(group, version)) {
            added.extend([version2::path(&paths::discovery(group, version))]);
        }
        for custom in self.kinds() {
            added.extend(paths::of_kind(custom.kind).iter().map(version2::path));
            definitions.extend(custom.schemas(Dialect::V2));
            types.extend(roots(custom.kind));
        }
        for (name, schema) in schemas(types, Dialect::V2, &descriptions) {
            if document["definitions"].get(&name).is_none() {
                definitions.insert(name, schema);
            }
        }
        for (field, more) in [("paths", added), ("definitions", definitions)] {
            if let Some(map) = document[field].as_object_mut() {
                map.extend(more);
            }
        }
        document
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}
