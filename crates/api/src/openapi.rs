//! OpenAPI v3 per group and version, and v2 for the whole server (JSON and gnostic protobuf), built from the field table, the kinds' rows and
//! k8s-openapi's descriptions on first request and kept compressed. What definitions add is in `published`.

mod components;
mod descriptions;
mod gnostic;
mod operation;
mod parameters;
mod paths;
mod published;
mod version2;
mod version3;

use std::io::{Read, Write};
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::kind::Kind;
use crate::kinds;
use crate::schema::{self, TypeId};

pub use published::Published;

/// The version of Kubernetes that is served.
pub const KUBERNETES_VERSION: &str = "v1.37.0";
/// Media type of [`v2_protobuf`].
pub const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// A finished document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document, gzip-compressed.
    pub gzip: Bytes,
    /// Changes when the document does; without quotes.
    pub etag: String,
}

impl Document {
    fn new(content: &[u8], etag: String) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let compressed = encoder.write_all(content).and_then(|()| encoder.finish());
        Document { gzip: compressed.expect("writing to memory cannot fail").into(), etag }
    }

    /// A v2 document, as JSON.
    pub fn v2_json(document: &Value, etag: String) -> Self {
        Self::new(document.to_string().as_bytes(), etag)
    }

    /// A v2 document, as [`V2_PROTOBUF`].
    pub fn v2_protobuf(document: &Value, etag: String) -> Self {
        Self::new(&gnostic::encode(document), etag)
    }

    /// The document itself.
    pub fn plain(&self) -> Vec<u8> {
        let mut content = Vec::new();
        GzDecoder::new(self.gzip.as_ref()).read_to_end(&mut content).expect("what we compressed decompresses");
        content
    }
}

/// A group and version with its document, made when first asked for.
struct Group {
    group: &'static str,
    version: &'static str,
    document: OnceLock<Document>,
}

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    let mut pairs: Vec<_> = kinds::ALL.iter().map(|kind| (kind.group, kind.version)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().map(|(group, version)| Group { group, version, document: OnceLock::new() }).collect()
});

/// `GET /openapi/v3`: where each group's document is. The hashes in the addresses let clients keep documents for ever.
pub fn v3_index() -> Value {
    let entry = |group: &Group| {
        let path = root(group.group, group.version);
        let address = format!("/openapi/v3/{path}?hash={}", etag(&path));
        (path, json!({ "serverRelativeURL": address }))
    };
    json!({ "paths": GROUPS.iter().map(entry).collect::<Map<String, Value>>() })
}

/// `GET /openapi/v3/apis/GROUP/VERSION` (`api/v1` for the core group).
pub fn v3_group(group: &str, version: &str) -> Option<&'static Document> {
    let found = GROUPS.iter().find(|entry| (entry.group, entry.version) == (group, version))?;
    Some(found.document.get_or_init(|| {
        let value = version3::document(found.group, found.version, &[]);
        Document::new(value.to_string().as_bytes(), etag(&root(group, version)))
    }))
}

/// `GET /openapi/v2` as JSON.
pub fn v2_json() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document::new(version2::document().to_string().as_bytes(), etag("v2")))
}

/// `GET /openapi/v2` as [`V2_PROTOBUF`].
pub fn v2_protobuf() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document::new(&gnostic::encode(&version2::document()), etag("v2 protobuf")))
}

/// The types a kind's paths speak of.
fn roots(kind: &Kind) -> Vec<TypeId> {
    let own =
        [(kind.group, kind.version, kind.kind.to_owned()), (kind.group, kind.version, format!("{}List", kind.kind))];
    let subresources = kind.subresources.iter().filter(|sub| !sub.kind.ends_with("Options"));
    let subresources = subresources.map(|sub| (sub.group, sub.version, sub.kind.to_owned()));
    let meta = ["APIResourceList", "DeleteOptions", "Status", "WatchEvent"].map(|name| ("", "v1", name.to_owned()));
    let own_meta = ["PartialObjectMetadata", "PartialObjectMetadataList"].map(|name| ("", "v1", name.to_owned()));
    let own_meta = own_meta.into_iter().filter(|_| kind.hooks.custom);
    let names = own.into_iter().chain(subresources).chain(meta).chain(own_meta);
    names.filter_map(|(group, version, name)| schema::of(group, version, &name)?.type_id()).collect()
}

/// `api/v1`, `apis/apps/v1`.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// A document depends on nothing but the build: the field table, this crate's version and which document it is.
fn etag(name: &str) -> String {
    static BUILD: LazyLock<Sha256> = LazyLock::new(|| {
        let build = concat!(env!("CARGO_PKG_VERSION"), include_str!("../data/fields.tsv"));
        let rows = kinds::ALL.iter().map(|kind| format!("{}/{}/{}", kind.group, kind.version, kind.plural));
        rows.fold(Sha256::new_with_prefix(build), |hash, row| hash.chain_update(row))
    });
    let digest = BUILD.clone().chain_update(name).finalize();
    digest.iter().take(32).map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests;
