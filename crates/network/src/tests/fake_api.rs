//! A scripted API server in process: every watch begins with the objects there are, then follows what the test sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};

type Feed = mpsc::UnboundedSender<Result<Frame<Bytes>, std::io::Error>>;

#[derive(Default)]
struct Contents {
    revision: u64,
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    feeds: Vec<(String, Feed)>,
}

/// The server's handle. Cheap to clone.
#[derive(Clone, Default)]
pub struct FakeApi {
    contents: Arc<Mutex<Contents>>,
}

impl FakeApi {
    /// A client of it.
    pub fn client(&self) -> kube::Client {
        let contents = self.contents.clone();
        client::in_process(tower::service_fn(move |request: Request<Body>| {
            let plural = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let (feed, frames) = mpsc::unbounded();
            let mut contents = contents.lock();
            let objects = contents.objects.get(&plural).into_iter().flat_map(|objects| objects.values());
            objects.for_each(|object| send(&feed, "ADDED", object));
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            let revision = contents.revision.to_string();
            send(&feed, "BOOKMARK", &json!({"metadata": {"resourceVersion": revision, "annotations": annotations}}));
            contents.feeds.push((plural, feed));
            let response = Response::new(StreamBody::new(frames).boxed_unsync());
            async move { Ok::<_, std::io::Error>(response) }
        }))
    }

    /// Puts or replaces an object and tells the watchers.
    pub fn put(&self, plural: &str, mut object: Value) {
        let mut contents = self.contents.lock();
        contents.revision += 1;
        object["metadata"]["resourceVersion"] = contents.revision.to_string().into();
        let key = object["metadata"].clone();
        let key = format!("{}/{}", key["namespace"], key["name"]);
        let former = contents.objects.entry(plural.to_owned()).or_default().insert(key, object.clone());
        let kind = if former.is_some() { "MODIFIED" } else { "ADDED" };
        contents.feeds.iter().filter(|(watched, _)| watched == plural).for_each(|(_, feed)| send(feed, kind, &object));
    }
}

fn send(feed: &Feed, kind: &str, object: &Value) {
    let line = format!("{}\n", json!({"type": kind, "object": object}));
    // A watcher that went away needs no more events.
    drop(feed.unbounded_send(Ok(Frame::data(Bytes::from(line)))));
}
