//! Which representation a client accepts: JSON or YAML, whole or as Table or PartialObjectMetadata, by the Accept header.

use http::{HeaderMap, header};

use crate::request::Query;
use crate::status::Status;

/// The encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    Json,
    Yaml,
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
    /// Indented, for people.
    pub pretty: bool,
    /// Version of meta.k8s.io for a transform: v1 or v1beta1.
    pub meta_version: &'static str,
}

pub const JSON: &str = "application/json";
pub const YAML: &str = "application/yaml";
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

impl Format {
    pub const PLAIN: Format =
        Format { encoding: Encoding::Json, transform: Transform::Whole, pretty: false, meta_version: "v1" };

    pub fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Json => JSON,
            Encoding::Yaml => YAML,
        }
    }
}

/// One clause of an Accept header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause<'a> {
    pub media_type: &'a str,
    pub parameters: Vec<(&'a str, &'a str)>,
}

impl Clause<'_> {
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The encoding it allows, of those we have.
    pub fn encoding(&self) -> Option<Encoding> {
        match self.media_type {
            "application/json" | "application/*" | "*/*" => Some(Encoding::Json),
            "application/yaml" => Some(Encoding::Yaml),
            _ => None,
        }
    }
}

/// The clauses of all Accept headers, best quality first, else as written. No header: anything.
pub fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut clauses: Vec<(f32, Clause)> = texts.flat_map(|text| text.split(',')).filter_map(clause).collect();
    clauses.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    if clauses.is_empty() {
        clauses.push((1.0, Clause { media_type: "*/*", parameters: Vec::new() }));
    }
    clauses.into_iter().map(|(_, clause)| clause).collect()
}

fn clause(text: &str) -> Option<(f32, Clause<'_>)> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().filter(|media_type| !media_type.is_empty())?;
    let parameters: Vec<(&str, &str)> =
        parts.filter_map(|part| part.split_once('=')).map(|(k, v)| (k.trim(), v.trim())).collect();
    let quality =
        parameters.iter().find(|(key, _)| *key == "q").and_then(|(_, value)| value.parse().ok()).unwrap_or(1.0);
    Some((quality, Clause { media_type, parameters }))
}

/// The first clause that can be served. `allowed`: the transforms this resource has.
pub fn format(headers: &HeaderMap, query: &Query, allowed: &[Transform]) -> Result<Format, Status> {
    for clause in clauses(headers) {
        let Some(encoding) = clause.encoding() else { continue };
        let transform = match clause.parameter("as") {
            "" => Some(Transform::Whole),
            "Table" => Some(Transform::Table),
            "PartialObjectMetadata" | "PartialObjectMetadataList" => Some(Transform::Partial),
            _ => None,
        };
        let Some(transform) =
            transform.filter(|transform| *transform == Transform::Whole || allowed.contains(transform))
        else {
            continue;
        };
        let meta_version = match (transform, clause.parameter("v"), clause.parameter("g")) {
            (Transform::Whole, ..) => "v1",
            (_, "v1", "meta.k8s.io") => "v1",
            (_, "v1beta1", "meta.k8s.io") => "v1beta1",
            _ => continue,
        };
        return Ok(Format { encoding, transform, pretty: pretty(headers, query, &clause), meta_version });
    }
    Err(Status::not_acceptable(&[JSON, YAML]))
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
