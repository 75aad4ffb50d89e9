//! Which representation a client accepts: JSON, YAML or protobuf, whole or as Table or PartialObjectMetadata, by the Accept header.

mod accept;

use api::kind::Kind;
use http::{HeaderMap, header};

use crate::request::Query;
use crate::status::Status;

pub use accept::{Clause, clauses};

/// The encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// What the client wants to see of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transform {
    Whole,
    Table,
    Partial,
}

/// The negotiated answer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub encoding: Encoding,
    pub transform: Transform,
    /// Whether partial metadata was asked for as the metadata of a list.
    pub of_list: bool,
    /// Indented, for people.
    pub pretty: bool,
    /// Version of meta.k8s.io for a transform: v1 or v1beta1.
    pub meta_version: &'static str,
}

/// What a place can answer with.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// It shows objects, which can be transformed.
    pub transforms: bool,
    /// What it shows untransformed has a protobuf encoding.
    pub protobuf: bool,
    /// It answers with a stream of events.
    pub stream: bool,
}

pub const JSON: &str = "application/json";
pub const YAML: &str = "application/yaml";
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

impl Format {
    pub const PLAIN: Format = Format {
        encoding: Encoding::Json,
        transform: Transform::Whole,
        of_list: false,
        pretty: false,
        meta_version: "v1",
    };

    pub fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Json => JSON,
            Encoding::Yaml => YAML,
            Encoding::Protobuf => PROTOBUF,
        }
    }

    /// The media type of a watch.
    pub fn stream_content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            _ => self.content_type(),
        }
    }

    /// The group's version that transformed objects are of.
    pub fn meta_api_version(&self) -> String {
        format!("meta.k8s.io/{}", self.meta_version)
    }
}

impl Endpoint {
    /// Objects that are always shown whole: Status, Scale, what services answer.
    pub const PLAIN: Endpoint = Endpoint { transforms: false, protobuf: true, stream: false };

    /// Objects of a kind.
    pub fn objects(kind: &Kind) -> Self {
        // Every built-in kind has its messages, no custom one.
        Self { transforms: true, protobuf: !kind.hooks.custom, stream: false }
    }

    fn allows(&self, encoding: Encoding, transform: Transform) -> bool {
        match (encoding, transform) {
            (_, Transform::Table | Transform::Partial) if !self.transforms => false,
            // Rows hold whatever there is: they have no protobuf.
            (Encoding::Protobuf, Transform::Table) => false,
            (Encoding::Protobuf, Transform::Whole) => self.protobuf,
            _ => true,
        }
    }

    fn refusal(&self) -> Status {
        let all: &[&str] = match self.stream {
            true => &["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"],
            false => &[JSON, YAML, PROTOBUF],
        };
        Status::not_acceptable(if self.protobuf { all } else { &all[..all.len() - 1] })
    }
}

/// The first clause that can be served.
pub fn format(headers: &HeaderMap, query: &Query, endpoint: Endpoint) -> Result<Format, Status> {
    for clause in clauses(headers) {
        let Some((transform, meta_version)) = transform(&clause) else { continue };
        let fits = |encoding: &&Encoding| endpoint.allows(**encoding, transform) && streams(&clause, **encoding);
        let Some(encoding) = clause.encodings().iter().find(fits) else { continue };
        if endpoint.stream && *encoding == Encoding::Yaml {
            // The choice has been made, and it cannot be streamed.
            break;
        }
        let of_list = clause.parameter("as") == "PartialObjectMetadataList";
        let pretty = pretty(headers, query, &clause);
        return Ok(Format { encoding: *encoding, transform, of_list, pretty, meta_version });
    }
    Err(endpoint.refusal())
}

/// `as`, `g` and `v`: none of them, or all three.
fn transform(clause: &Clause) -> Option<(Transform, &'static str)> {
    if !["as", "g", "v"].iter().any(|name| clause.has(name)) {
        return Some((Transform::Whole, "v1"));
    }
    let version = ["v1", "v1beta1"].into_iter().find(|version| *version == clause.parameter("v"));
    let version = version.filter(|_| clause.parameter("g") == "meta.k8s.io")?;
    match clause.parameter("as") {
        "Table" => Some((Transform::Table, version)),
        "PartialObjectMetadata" | "PartialObjectMetadataList" => Some((Transform::Partial, version)),
        _ => None,
    }
}

/// `stream=watch` is allowed everywhere, with encodings that can be streamed.
fn streams(clause: &Clause, encoding: Encoding) -> bool {
    match clause.parameter("stream") {
        "" => true,
        asked => asked == "watch" && encoding != Encoding::Yaml,
    }
}

/// `?pretty=`, the media type's parameter, or a person's tool at the other end.
fn pretty(headers: &HeaderMap, query: &Query, clause: &Clause) -> bool {
    if query.get("pretty").is_some() {
        return query.flag("pretty");
    }
    if clause.parameter("pretty") == "1" {
        return true;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|tool| agent.starts_with(tool))
}

#[cfg(test)]
mod tests;
