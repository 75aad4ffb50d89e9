//! OpenAPI with the documents of extension servers in it (kube-aggregator's pkg/controllers/openapi and openapiv3): of v2 only what changed
//! is read; the last ones stay while a server does not answer.

use std::sync::Arc;
use std::time::Duration;

use api::openapi::{Document, Published};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::registered::Registered;
use super::{Aggregator, headers, specs};
use crate::body::full;
use crate::dialer::CallError;
use crate::identity::Identity;
use crate::status::Status;

const TIMEOUT: Duration = Duration::from_secs(60);
const INDEX: &str = "/openapi/v3";

/// What one server's /openapi/v2 has of the APIService's group and version.
#[derive(Debug)]
pub(super) struct Spec {
    /// As the server gave it; else made of the document.
    etag: String,
    given: bool,
    document: Value,
}

/// /openapi/v2 of this server and all others.
pub(crate) struct Merged {
    json: Document,
    protobuf: Arc<Mutex<Option<Document>>>,
    /// What is in it: APIServices and the ETags of their documents. One server may be behind several, which have different parts of its
    /// document.
    parts: Vec<String>,
}

impl Merged {
    fn new(own: &Document, others: &[Arc<Spec>], parts: Vec<String>) -> Self {
        let mut document: Value = serde_json::from_slice(&own.plain()).unwrap_or_default();
        others.iter().for_each(|spec| specs::merge(&mut document, &spec.document));
        Self { json: Document::v2_json(&document, digest("v2", &parts)), protobuf: Arc::default(), parts }
    }

    pub fn json(&self) -> &Document {
        &self.json
    }

    /// Made once, for the first who asks.
    pub async fn protobuf(&self) -> Result<Document, Status> {
        let mut known = self.protobuf.clone().lock_owned().await;
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let (json, etag) = (self.json.clone(), digest("v2 protobuf", &self.parts));
        let making = tokio::task::spawn_blocking(move || {
            let document = serde_json::from_slice(&json.plain()).unwrap_or_default();
            known.insert(Document::v2_protobuf(&document, etag)).clone()
        });
        making.await.map_err(Status::internal)
    }
}

fn digest(name: &str, parts: &[String]) -> String {
    let hash = parts.iter().fold(Sha256::new_with_prefix(name), |hash, part| hash.chain_update(part).chain_update([0]));
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// An extension server's answer.
pub(super) struct Answer {
    pub code: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Aggregator {
    pub(super) async fn learn_of(&self, registered: &Registered) {
        let before = self.learnt.lock().get(&registered.name).cloned().unwrap_or_default();
        let openapi = self.place(registered).await;
        let spec = self.spec(registered, before.spec).await;
        if self.registry.read().find(&registered.group, &registered.version).is_none() {
            return;
        }
        let mut learnt = self.learnt.lock();
        let entry = learnt.entry(registered.name.clone()).or_default();
        entry.openapi = openapi.unwrap_or(before.openapi);
        entry.spec = spec;
    }

    /// Where the server's own index of OpenAPI documents has this version; `None`: it did not say.
    async fn place(&self, registered: &Registered) -> Option<String> {
        let index = self.fetch(registered, (INDEX, ""), &reader(), TIMEOUT).await.ok()?.json();
        let path = registered.path();
        let place = index["paths"][path.trim_start_matches('/')]["serverRelativeURL"].as_str();
        index.is_object().then(|| place.unwrap_or_default().to_owned())
    }

    /// The server's /openapi/v2, if it is another than `before`.
    async fn spec(&self, registered: &Registered, before: Option<Arc<Spec>>) -> Option<Arc<Spec>> {
        let known = before.as_ref().filter(|spec| spec.given).map(|spec| spec.etag.clone()).unwrap_or_default();
        let answer = match self.fetch(registered, ("/openapi/v2", &known), &reader(), TIMEOUT).await {
            Ok(answer) if answer.code == StatusCode::OK => answer,
            _ => return before,
        };
        let given =
            answer.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).filter(|etag| !etag.is_empty());
        let etag = given.map_or_else(|| digest(&String::from_utf8_lossy(&answer.body), &[]), str::to_owned);
        if before.as_ref().is_some_and(|spec| spec.etag == etag) {
            return before;
        }
        let document = answer.json();
        if !document.is_object() {
            return before;
        }
        let below = format!("/apis/{}/{}/", registered.group, registered.version);
        let document = specs::filtered(document, |path| path.starts_with(&below));
        Some(Arc::new(Spec { etag, given: given.is_some(), document }))
    }

    /// GETs a path of an extension server as `identity`. `known`: the ETag of what is known already.
    pub(super) async fn fetch(
        &self,
        registered: &Registered,
        (path, known): (&str, &str),
        identity: &Identity,
        timeout: Duration,
    ) -> Result<Answer, CallError> {
        let request = Request::get(path).header(header::ACCEPT, "application/json");
        let request = if known.is_empty() { request } else { request.header(header::IF_NONE_MATCH, known) };
        let mut request = request.header(header::HOST, registered.host()).body(full(""))?;
        headers::speak_for(request.headers_mut(), identity).map_err(|status| CallError::Transport(status.message))?;
        let (parts, body) = self.clients.fetch(&registered.target(), request, timeout).await?;
        Ok(Answer { code: parts.status, headers: parts.headers, body })
    }

    /// The index of /openapi/v3 with the documents of others.
    pub fn openapi_index(&self, mut own: Value) -> Value {
        for (registered, learnt) in self.known() {
            if !learnt.openapi.is_empty() && !registered.group.is_empty() {
                let path = registered.path().trim_start_matches('/').to_owned();
                own["paths"][path] = json!({"serverRelativeURL": learnt.openapi});
            }
        }
        own
    }

    /// /openapi/v2 with the documents of others, made anew when one of them changed; `None`: nobody else has one.
    pub async fn openapi_v2(&self, own: &Published) -> Result<Option<Arc<Merged>>, Status> {
        let mut known = self.known();
        known.retain(|(_, learnt)| learnt.spec.is_some());
        if known.is_empty() {
            self.forget_merged();
            return Ok(None);
        }
        // Within a group upstream goes by name, whatever the priorities.
        let groups: Vec<String> = known.iter().map(|(registered, _)| registered.group.clone()).collect();
        let place = |group: &str| groups.iter().position(|known| known == group);
        known.sort_by_key(|(registered, _)| (place(&registered.group), registered.name.clone()));
        let own = own.v2_json().clone();
        let mut parts = vec![own.etag.clone()];
        let mut others = Vec::new();
        for (registered, learnt) in known {
            let Some(spec) = learnt.spec else { continue };
            parts.push(format!("{} {}", registered.name, spec.etag));
            others.push(spec);
        }
        // The lock goes along with the work: who asks meanwhile waits for it, and whoever goes away leaves nothing to be done twice.
        let mut merged = self.merged.clone().lock_owned().await;
        if let Some(known) = merged.as_ref().filter(|known| known.parts == parts) {
            return Ok(Some(known.clone()));
        }
        let making = tokio::task::spawn_blocking(move || {
            let made = Arc::new(Merged::new(&own, &others, parts));
            *merged = Some(made.clone());
            made
        });
        making.await.map(Some).map_err(Status::internal)
    }

    /// One that is being made just now goes with the next change.
    pub(super) fn forget_merged(&self) {
        if let Ok(mut merged) = self.merged.try_lock() {
            *merged = None;
        }
    }
}

/// Upstream's downloader of OpenAPI documents.
fn reader() -> Identity {
    Identity::new("system:aggregator", &[])
}
