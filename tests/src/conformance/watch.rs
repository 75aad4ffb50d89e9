//! A watch: events one after the other, each waited for with a deadline. Bookmarks are passed over.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

use super::api::Api;
use super::collection::name_of;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: String,
    pub object: Value,
}

/// An open stream of events.
pub struct Watch {
    body: Body,
    buffer: Vec<u8>,
}

impl Watch {
    pub async fn open(api: &Api, path: &str) -> Result<Self> {
        let response = api.alone()?.ask("GET", path).open().await?;
        if !response.status().is_success() {
            let code = response.status();
            let body = response.into_body().collect().await.map_err(|error| anyhow!("{error}"))?.to_bytes();
            bail!("watch {path} was answered {code}: {}", String::from_utf8_lossy(&body));
        }
        Ok(Self { body: response.into_body(), buffer: Vec::new() })
    }

    /// The next event that is no bookmark.
    pub async fn next(&mut self, seconds: u64) -> Result<Event> {
        let next = tokio::time::timeout(Duration::from_secs(seconds), self.read());
        next.await.with_context(|| format!("no event came within {seconds} s"))?
    }

    async fn read(&mut self) -> Result<Event> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                let event: Value = serde_json::from_slice(&line).context("an event is a line of JSON")?;
                let kind = event["type"].as_str().unwrap_or_default().to_owned();
                match kind.as_str() {
                    "BOOKMARK" => continue,
                    "ERROR" => bail!("the watch ended with {}", event["object"]),
                    _ => return Ok(Event { kind, object: event["object"].clone() }),
                }
            }
            let frame = self.body.frame().await.context("the watch was closed")?.map_err(|error| anyhow!("{error}"))?;
            self.buffer.extend(frame.into_data().unwrap_or_default());
        }
    }

    /// Reads on to an event of this type whose object is as wanted.
    pub async fn see(&mut self, seconds: u64, kind: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut seen = Vec::new();
        let look = async {
            loop {
                let event = self.read().await?;
                if event.kind == kind && wanted(&event.object) {
                    return anyhow::Ok(event.object);
                }
                seen.push(format!("{} {}", event.kind, name_of(&event.object)));
            }
        };
        match tokio::time::timeout(Duration::from_secs(seconds), look).await {
            Ok(found) => found,
            Err(_) => bail!("no {kind} event as expected came within {seconds} s; seen were {seen:?}"),
        }
    }

    /// The next events have to be these, by type and name.
    pub async fn exactly(&mut self, wanted: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut objects = Vec::new();
        for (at, (kind, name)) in wanted.iter().enumerate() {
            let event = self.next(20).await.with_context(|| format!("event {at}, {kind} {name}"))?;
            if event.kind != *kind || name_of(&event.object) != *name {
                bail!("event {at} is {} {}, expected {kind} {name}", event.kind, name_of(&event.object));
            }
            objects.push(event.object);
        }
        Ok(objects)
    }

    /// Nothing may come for a while.
    pub async fn silent(&mut self, seconds: u64) -> Result<()> {
        match tokio::time::timeout(Duration::from_secs(seconds), self.read()).await {
            Err(_) => Ok(()),
            Ok(event) => {
                let event = event?;
                bail!("{} {} came, expected nothing", event.kind, name_of(&event.object))
            }
        }
    }
}
