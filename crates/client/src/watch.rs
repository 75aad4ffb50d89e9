//! One watch request as a stream of raw events: bytes in, (type, object text) out. Nothing here knows a kind, so it is
//! compiled once. Restarting and relisting are the informer's affair.

use bytes::{Buf, Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Answer, Error, Result};
use crate::resource::ResourceType;
use crate::rest;

/// Where a watch starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// The present state first, as events, closed by a bookmark (WatchList).
    Beginning,
    /// What happened after this revision.
    After(u64),
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub resource: ResourceType,
    pub namespace: String,
    pub labels: String,
    pub fields: String,
    /// Ask for PartialObjectMetadata instead of whole objects.
    pub metadata_only: bool,
}

/// A raw event; the object's text borrows from the stream's buffer.
#[derive(Debug)]
pub(crate) enum RawEvent<'a> {
    Applied(&'a str),
    Deleted(&'a str),
    /// A revision reached; `initial_end` closes the initial events.
    Bookmark {
        revision: u64,
        initial_end: bool,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
}

const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_ONLY_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

impl Target {
    fn selectors(&self) -> String {
        let mut query = String::new();
        for (name, value) in [("labelSelector", &self.labels), ("fieldSelector", &self.fields)] {
            if !value.is_empty() {
                query.push_str(&format!("&{name}={}", percent_encode(value)));
            }
        }
        query
    }

    /// Opens the watch.
    pub async fn watch(&self, client: &kube::Client, from: From, timeout_seconds: u64) -> Result<Stream> {
        let start = match from {
            From::Beginning => "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
            From::After(revision) => format!("&resourceVersion={revision}"),
        };
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={timeout_seconds}{start}{}",
            self.resource.path(&self.namespace),
            self.selectors()
        );
        let mut request = Request::get("/");
        if self.metadata_only {
            request = request.header(http::header::ACCEPT, METADATA_ONLY);
        }
        let response = rest::open(client, "watch", &path, request, Vec::new()).await?;
        Ok(Stream { path, body: response.into_body(), buffer: BytesMut::new(), line: Bytes::new(), searched: 0 })
    }

    /// One page of a list, for servers without WatchList.
    pub async fn list(&self, client: &kube::Client, continue_token: &str) -> Result<Page> {
        let mut path = format!("{}?limit=500{}", self.resource.path(&self.namespace), self.selectors());
        if !continue_token.is_empty() {
            path.push_str(&format!("&continue={}", percent_encode(continue_token)));
        }
        let mut request = Request::get("/");
        if self.metadata_only {
            request = request.header(http::header::ACCEPT, METADATA_ONLY_LIST);
        }
        let response = rest::open(client, "list", &path, request, Vec::new()).await?;
        let collected = response.into_body().collect().await;
        let bytes =
            collected.map_err(|source| Error::Lost { verb: "list", path: path.clone(), source: Box::new(source) })?;
        serde_json::from_slice(&bytes.to_bytes()).map_err(|source| Error::Decode { what: path, source })
    }
}

/// A page of a list with its items still as text.
#[derive(Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta,
    #[serde(default)]
    pub items: Vec<Box<RawValue>>,
}

/// An open watch.
pub(crate) struct Stream {
    path: String,
    body: Body,
    buffer: BytesMut,
    line: Bytes,
    searched: usize,
}

impl Stream {
    /// The next event; None at the regular end of the stream.
    pub async fn next(&mut self) -> Result<Option<RawEvent<'_>>> {
        loop {
            if !self.read_line().await? {
                return Ok(None);
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        self.parse().map(Some)
    }

    /// Moves the next line into `self.line`; false at the end of the body.
    async fn read_line(&mut self) -> Result<bool> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                self.line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(true);
            }
            self.searched = self.buffer.len();
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(source)) => {
                    return Err(Error::Lost { verb: "watch", path: self.path.clone(), source: Box::new(source) });
                }
                None => return Ok(false),
            }
        }
    }

    fn parse(&self) -> Result<RawEvent<'_>> {
        let decode = |source| Error::Decode { what: self.path.clone(), source };
        let line: Line = serde_json::from_slice(&self.line).map_err(decode)?;
        let object = line.object.get();
        match line.kind {
            "ADDED" | "MODIFIED" => Ok(RawEvent::Applied(object)),
            "DELETED" => Ok(RawEvent::Deleted(object)),
            "BOOKMARK" => {
                let bookmark: Bookmark = serde_json::from_str(object).map_err(decode)?;
                let annotations = bookmark.metadata.annotations.as_ref();
                Ok(RawEvent::Bookmark {
                    revision: crate::resource::revision_of(&bookmark.metadata),
                    initial_end: annotations.is_some_and(|all| all.contains_key(INITIAL_EVENTS_END)),
                })
            }
            _ => {
                let answer: Answer = serde_json::from_str(object).map_err(decode)?;
                Err(Error::Api(Box::new(answer)))
            }
        }
    }
}

/// Percent-encodes a query value.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
