//! OpenAPI with the documents of extension servers in it: they are read when their APIService changes and every minute (kube-aggregator's
//! pkg/controllers/openapi and openapiv3), of v2 only what changed; the last ones stay while a server does not answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::openapi::{Document, Published};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::registered::Registered;
use super::{Aggregator, headers, specs};
use crate::body::full;
use crate::dialer::CallError;
use crate::identity::Identity;

const AGAIN: Duration = Duration::from_secs(60);
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
    protobuf: OnceLock<Document>,
    /// ETags of what is in it.
    parts: Vec<String>,
}

impl Merged {
    fn new(own: &Document, others: &[Arc<Spec>], parts: Vec<String>) -> Self {
        let mut document: Value = serde_json::from_slice(&own.plain()).unwrap_or_default();
        others.iter().for_each(|spec| specs::merge(&mut document, &spec.document));
        Self { json: Document::v2_json(&document, digest("v2", &parts)), protobuf: OnceLock::new(), parts }
    }

    pub fn json(&self) -> &Document {
        &self.json
    }

    pub fn protobuf(&self) -> &Document {
        self.protobuf.get_or_init(|| {
            let document = serde_json::from_slice(&self.json.plain()).unwrap_or_default();
            Document::v2_protobuf(&document, digest("v2 protobuf", &self.parts))
        })
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
    /// Runs until the server ends.
    pub(super) async fn read_documents(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let anything = self.learn().await;
            tokio::select! {
                () = self.unread.notified() => {}
                () = tokio::time::sleep(AGAIN), if anything => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Reads the documents of all that are available; `false`: there is nobody else.
    pub(super) async fn learn(&self) -> bool {
        let all = self.registry.read().sorted();
        join_all(all.iter().filter(|one| one.available).map(|registered| self.learn_of(registered))).await;
        !all.is_empty()
    }

    async fn learn_of(&self, registered: &Registered) {
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
    pub fn openapi_v2(&self, own: &Published) -> Option<Arc<Merged>> {
        let mut known = self.known();
        known.retain(|(_, learnt)| learnt.spec.is_some());
        if known.is_empty() {
            *self.merged.lock() = None;
            return None;
        }
        // Within a group upstream goes by name, whatever the priorities.
        let groups: Vec<String> = known.iter().map(|(registered, _)| registered.group.clone()).collect();
        let place = |group: &str| groups.iter().position(|known| known == group);
        known.sort_by_key(|(registered, _)| (place(&registered.group), registered.name.clone()));
        let own = own.v2_json();
        let others: Vec<Arc<Spec>> = known.into_iter().filter_map(|(_, learnt)| learnt.spec).collect();
        let parts: Vec<String> =
            std::iter::once(&own.etag).chain(others.iter().map(|spec| &spec.etag)).cloned().collect();
        let mut merged = self.merged.lock();
        if let Some(known) = merged.as_ref().filter(|known| known.parts == parts) {
            return Some(known.clone());
        }
        let made = Arc::new(Merged::new(own, &others, parts));
        *merged = Some(made.clone());
        Some(made)
    }
}

/// Upstream's downloader of OpenAPI documents.
fn reader() -> Identity {
    Identity::new("system:aggregator", &[])
}
