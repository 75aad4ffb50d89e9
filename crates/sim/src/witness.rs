//! A client that watches all Pods from the first to the last moment, with nothing but list and watch as upstream documents them:
//! what it saw must be the disk's book, no event missing, none twice.

use std::sync::Arc;
use std::time::Duration;

use client::{Error, ResourceType};
use http::Request;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::Value;

use crate::cluster::Cluster;

/// What was seen in one go: a list at `from`, then every event up to `position`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) from: u64,
    pub(crate) position: u64,
    /// Revision, name, whether it was a deletion.
    pub(crate) events: Vec<(u64, String, bool)>,
}

/// The watching client.
#[derive(Clone)]
pub(crate) struct Witness {
    client: kube::Client,
    rest: client::Rest,
    segments: Arc<Mutex<Vec<Segment>>>,
}

impl Witness {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let client = cluster.client("witness", &["system:masters", "system:authenticated"]);
        Self { rest: client::Rest::new(client.clone()), client, segments: Arc::default() }
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments.lock().clone()
    }

    pub(crate) async fn run(self) {
        loop {
            if self.segments.lock().is_empty() {
                self.list().await;
            }
            // How a watch ends is no news; where it stood counts.
            if self.watch().await.is_none() {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }

    async fn list(&self) {
        if let Ok(revision) = self.rest.revision(&ResourceType::of::<Pod>(), "").await {
            self.segments.lock().push(Segment { from: revision, position: revision, events: Vec::new() });
        }
    }

    /// One watch from where the last one ended; None if it could not be opened.
    async fn watch(&self) -> Option<()> {
        let position = self.segments.lock().last()?.position;
        let path = format!("/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion={position}");
        let request = Request::get(path).body(Body::empty()).ok()?;
        let answer = self.client.send(request).await.ok()?;
        if answer.status().as_u16() == 410 {
            self.list().await;
        }
        if !answer.status().is_success() {
            return None;
        }
        let mut body = answer.into_body();
        let mut buffer = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                if self.take_in(&line).await.is_err() {
                    self.list().await;
                    return Some(());
                }
            }
        }
        Some(())
    }

    async fn take_in(&self, line: &[u8]) -> Result<(), Error> {
        let decode = |source| Error::Decode { what: "watch".to_owned(), source };
        let event: Value = serde_json::from_slice(line).map_err(decode)?;
        let meta = &event["object"]["metadata"];
        let revision: u64 = meta["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ERROR" {
            return Err(Error::Kubeconfig(event["object"]["message"].to_string()));
        }
        let mut segments = self.segments.lock();
        let segment = segments.last_mut().expect("a watch follows a list");
        if kind != "BOOKMARK" {
            let name = meta["name"].as_str().unwrap_or_default().to_owned();
            segment.events.push((revision, name, kind == "DELETED"));
        }
        segment.position = segment.position.max(revision);
        Ok(())
    }
}
