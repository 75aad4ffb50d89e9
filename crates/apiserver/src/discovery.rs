//! Discovery: /api, /apis, their groups and versions, each alone (legacy) or aggregated, made once from the rows, with ETags.

use std::collections::BTreeMap;

use api::kind::{Kind, Subresource};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::aggregation::Aggregator;
use crate::body::{Body, full};
use crate::config::Config;
use crate::front::{bytes_response, object_response};
use crate::kinds::Kinds;
use crate::negotiate::{self, Encoding, Format};
use crate::status::Status;

/// The documents of all discovery paths.
pub struct Discovery {
    /// By path without the trailing slash.
    legacy: BTreeMap<String, Bytes>,
    /// By path and version of apidiscovery.k8s.io.
    aggregated: BTreeMap<(&'static str, &'static str), Aggregated>,
}

struct Aggregated {
    bytes: Bytes,
    etag: String,
}

impl Discovery {
    pub fn new(kinds: &Kinds) -> Self {
        let mut legacy = BTreeMap::new();
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for (group, version) in kinds.versions() {
            let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
            legacy.insert(path, bytes(&resource_list(kinds, group, version)));
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, versions)) => versions.push(version),
                None => groups.push((group, vec![version])),
            }
        }
        groups
            .iter_mut()
            .for_each(|(_, versions)| versions.sort_by_key(|version| std::cmp::Reverse(priority(version))));
        let named: Vec<_> = groups.iter().filter(|(group, _)| !group.is_empty()).collect();
        let list: Vec<Value> = named.iter().map(|(group, versions)| group_entry(group, versions, false)).collect();
        legacy.insert("/apis".to_owned(), bytes(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})));
        for (group, versions) in named {
            legacy.insert(format!("/apis/{group}"), bytes(&group_entry(group, versions, true)));
        }
        Self { legacy, aggregated: aggregated(kinds, &groups) }
    }

    /// Answers a path below /api or /apis; `None`: there is no such document.
    pub fn answer(
        &self,
        path: &str,
        headers: &HeaderMap,
        config: &Config,
        aggregator: Option<&Aggregator>,
    ) -> Option<Result<Response<Body>, Status>> {
        let root = ["/api", "/apis"].into_iter().find(|root| *root == path);
        for clause in negotiate::clauses(headers) {
            let Some(encoding) = clause.encodings().first() else { continue };
            match (clause.parameter("as"), root) {
                ("", _) => {
                    let document = match root {
                        Some("/api") => bytes(&api_versions(config)),
                        _ => self.with_others(path, aggregator)?,
                    };
                    return Some(legacy(document, *encoding));
                }
                ("APIGroupDiscoveryList", Some(root))
                    if clause.parameter("g") == "apidiscovery.k8s.io" && *encoding == Encoding::Json =>
                {
                    if let Some(document) = self.aggregated.get(&(root, clause.parameter("v"))) {
                        let own = || serde_json::from_slice(&document.bytes).unwrap_or_default();
                        let merged = aggregator.filter(|_| root == "/apis").and_then(|others| others.aggregated(own));
                        if let Some(merged) = merged {
                            return Some(Ok(Aggregated::of(&merged).answer(clause.parameter("v"), headers)));
                        }
                        return Some(Ok(document.answer(clause.parameter("v"), headers)));
                    }
                }
                _ => {}
            }
        }
        Some(Err(Status::not_acceptable(&[negotiate::JSON, negotiate::YAML, negotiate::PROTOBUF])))
    }
}

impl Discovery {
    /// A legacy document with the groups of extension servers in it.
    fn with_others(&self, path: &str, aggregator: Option<&Aggregator>) -> Option<Bytes> {
        let own = self.legacy.get(path);
        let value = || own.and_then(|document| serde_json::from_slice(document).ok());
        let lists_groups = path == "/apis" || path.strip_prefix("/apis/").is_some_and(|group| !group.contains('/'));
        let merged = aggregator.filter(|_| lists_groups).and_then(|others| others.legacy(path, value()));
        merged.map(|document| bytes(&document)).or_else(|| own.cloned())
    }
}

impl Aggregated {
    fn of(list: &Value) -> Self {
        let bytes = bytes(list);
        let etag = etag(&bytes);
        Self { bytes, etag }
    }

    fn answer(&self, version: &str, headers: &HeaderMap) -> Response<Body> {
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == self.etag.as_bytes());
        let mut response = Response::new(full(if known { Bytes::new() } else { self.bytes.clone() }));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let media_type = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&media_type).expect("a media type is ASCII"));
        headers.insert(header::ETAG, HeaderValue::from_str(&self.etag).expect("a digest is ASCII"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        response
    }
}

/// What a document is known by: upstream's form.
pub(crate) fn etag(document: &[u8]) -> String {
    let digest: String = Sha256::digest(document).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\"{digest}\"")
}

/// A document of one path, in any encoding.
fn legacy(document: Bytes, encoding: Encoding) -> Result<Response<Body>, Status> {
    let format = Format { encoding, ..Format::PLAIN };
    match encoding {
        Encoding::Json => Ok(bytes_response(StatusCode::OK, format.content_type(), document)),
        _ => object_response(StatusCode::OK, format, &serde_json::from_slice(&document).map_err(Status::internal)?),
    }
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn api_versions(config: &Config) -> Value {
    let address = format!("{}:{}", config.advertise_address, config.https_port);
    let addresses = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]);
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses})
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Upstream's order of versions: GA before beta before alpha, higher numbers first.
fn priority(version: &str) -> (u8, u32, u32) {
    if !is_regular(version) {
        return (0, 0, 0);
    }
    let rest = version.trim_start_matches('v');
    let number = |text: &str| text.parse().unwrap_or(0);
    if let Some((major, minor)) = rest.split_once("beta") {
        return (2, number(major), number(minor));
    }
    if let Some((major, minor)) = rest.split_once("alpha") {
        return (1, number(major), number(minor));
    }
    (3, number(rest), 0)
}

/// `v1`, `v2beta1`: what is none of these comes last.
fn is_regular(version: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(rest) = version.strip_prefix('v') else { return false };
    let parts = ["beta", "alpha"].into_iter().find_map(|word| rest.split_once(word));
    parts.map_or(digits(rest), |(major, minor)| digits(major) && digits(minor))
}

fn group_entry(group: &str, versions: &[&str], alone: bool) -> Value {
    let version = |version: &&str| json!({"groupVersion": group_version(group, version), "version": version});
    let all: Vec<Value> = versions.iter().map(version).collect();
    let mut entry = json!({"name": group, "versions": all, "preferredVersion": all.first()});
    if alone {
        entry["kind"] = "APIGroup".into();
        entry["apiVersion"] = "v1".into();
    }
    entry
}

fn resource_list(kinds: &Kinds, group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for kind in rows(kinds, group, version) {
        resources.push(resource(kind));
        resources.extend(kind.subresources.iter().map(|subresource| legacy_subresource(kind, subresource)));
    }
    let group_version = group_version(group, version);
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

fn rows<'a>(kinds: &'a Kinds, group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Kind> + 'a {
    let mut rows: Vec<_> =
        kinds.all().iter().copied().filter(|kind| kind.group == group && kind.version == version).collect();
    rows.sort_by_key(|kind| kind.plural);
    rows.into_iter()
}

fn resource(kind: &Kind) -> Value {
    let mut entry = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind, "verbs": kind.verbs,
    });
    add_lists(&mut entry, kind);
    if kind.verbs.contains(&"watch") {
        let hash = Sha256::digest(format!("{}/{}/{}", kind.group, kind.version, kind.kind).as_bytes());
        use base64::Engine;
        entry["storageVersionHash"] = base64::engine::general_purpose::STANDARD.encode(&hash[..8]).into();
    }
    entry
}

fn add_lists(entry: &mut Value, kind: &Kind) {
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
}

fn legacy_subresource(kind: &Kind, subresource: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", kind.plural, subresource.name), "singularName": "", "namespaced": kind.namespaced,
        "kind": subresource.kind, "verbs": subresource.verbs,
    });
    if (subresource.group, subresource.version) != (kind.group, kind.version) {
        if !subresource.group.is_empty() {
            entry["group"] = subresource.group.into();
        }
        entry["version"] = subresource.version.into();
    }
    entry
}

fn aggregated(kinds: &Kinds, groups: &[(&str, Vec<&str>)]) -> BTreeMap<(&'static str, &'static str), Aggregated> {
    let mut documents = BTreeMap::new();
    for version in ["v2", "v2beta1"] {
        for root in ["/api", "/apis"] {
            let below = groups.iter().filter(|(group, _)| group.is_empty() == (root == "/api"));
            let items: Vec<Value> = below.map(|(group, versions)| aggregated_group(kinds, group, versions)).collect();
            let api_version = format!("apidiscovery.k8s.io/{version}");
            let list =
                json!({"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items});
            documents.insert((root, version), Aggregated::of(&list));
        }
    }
    documents
}

fn aggregated_group(kinds: &Kinds, group: &str, versions: &[&str]) -> Value {
    let version_entry = |version: &&str| {
        let resources: Vec<Value> = rows(kinds, group, version).map(aggregated_resource).collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    };
    let versions: Vec<Value> = versions.iter().map(version_entry).collect();
    let mut metadata = Map::new();
    if !group.is_empty() {
        metadata.insert("name".to_owned(), group.into());
    }
    metadata.insert("creationTimestamp".to_owned(), Value::Null);
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(kind: &'static Kind) -> Value {
    let response = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut entry = json!({
        "resource": kind.plural, "responseKind": response(kind.group, kind.version, kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": kind.singular, "verbs": kind.verbs,
    });
    add_lists(&mut entry, kind);
    let subresource = |subresource: &Subresource| {
        let kind = response(subresource.group, subresource.version, subresource.kind);
        json!({"subresource": subresource.name, "responseKind": kind, "verbs": subresource.verbs})
    };
    if !kind.subresources.is_empty() {
        entry["subresources"] = kind.subresources.iter().map(subresource).collect();
    }
    entry
}
