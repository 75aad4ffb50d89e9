//! Paths that are no resources: discovery, OpenAPI, version, health, metrics, statusz, flagz, and the index of them all.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use super::respond::{bytes_response, json_response};
use super::zpages;
use crate::body::Body;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

/// The API version this server speaks.
pub const KUBERNETES_VERSION: (&str, &str) = ("1", "37");

/// What the index has besides groups.
const OWN: [&str; 9] =
    ["/flagz", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/statusz", "/version"];

pub(super) async fn serve(
    server: &Arc<Inner>,
    (method, headers): (&Method, &HeaderMap),
    info: &RequestInfo,
) -> Result<Response<Body>, Status> {
    let path = info.path.as_str();
    if let Some(response) = server.health.answer(path, &info.query) {
        return read_only(method).map(|()| response);
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed == "/api" || trimmed == "/apis" || path.starts_with("/api/") || path.starts_with("/apis/") {
        read_only(method)?;
        return server
            .served
            .current()
            .discovery()
            .answer(trimmed, headers, &server.config, server.aggregator.get().map(|aggregator| &**aggregator))
            .unwrap_or_else(|| Err(Status::no_such_path()));
    }
    if trimmed == "/openapi" || path.starts_with("/openapi/") {
        read_only(method)?;
        let served = server.served.current();
        let merged = match (server.aggregator.get(), trimmed) {
            (Some(aggregator), "/openapi/v3") => {
                return crate::openapi::index(&aggregator.openapi_index(served.published().v3_index()), headers);
            }
            (Some(aggregator), "/openapi/v2") => aggregator.openapi_v2(served.published()).await?,
            _ => None,
        };
        return crate::openapi::answer(served.published(), merged.as_deref(), trimmed, headers, &info.query).await;
    }
    match trimmed {
        "" => read_only(method).and_then(|()| json_response(&json!({"paths": index(server)}))),
        "/statusz" => read_only(method).and_then(|()| zpages::statusz(server, headers, &index(server))),
        "/flagz" => read_only(method).and_then(|()| zpages::flagz(server, headers)),
        "/version" => read_only(method).and_then(|()| json_response(&version())),
        "/metrics" => read_only(method).map(|()| {
            bytes_response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", server.metrics.text().into())
        }),
        _ => match server.authenticator.document(trimmed) {
            Some(document) => read_only(method).and_then(|()| json_response(&document)),
            None => Ok(not_found()),
        },
    }
}

/// A path that is nobody's, as Go's net/http answers it.
fn not_found() -> Response<Body> {
    let mut response =
        bytes_response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".into());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn read_only(method: &Method) -> Result<(), Status> {
    if matches!(*method, Method::GET | Method::HEAD) { Ok(()) } else { Err(Status::method_not_allowed()) }
}

/// version.Info, as `kubectl version` reads it.
fn version() -> serde_json::Value {
    let (major, minor) = KUBERNETES_VERSION;
    let own = env!("CARGO_PKG_VERSION");
    let platform = format!("{}/{}", std::env::consts::OS, go_architecture());
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.0+oxkube{own}"), "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "", "goVersion": "", "compiler": "rustc", "platform": platform,
        "emulationMajor": major, "emulationMinor": minor, "minCompatibilityMajor": major, "minCompatibilityMinor": "36",
    })
}

fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn index(server: &Inner) -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/apis".to_owned()];
    for (group, version) in server.served.current().versions() {
        if group.is_empty() {
            paths.push(format!("/api/{version}"));
        } else {
            paths.push(format!("/apis/{group}"));
            paths.push(format!("/apis/{group}/{version}"));
        }
    }
    paths.extend(OWN.map(str::to_owned));
    paths.sort();
    paths.dedup();
    paths
}
