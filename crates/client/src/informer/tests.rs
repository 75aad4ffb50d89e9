//! The reflector against a scripted server: what it asks for, in which order, and what it holds afterwards.

use std::sync::Arc;

use api::env::Env;
use bytes::Bytes;
use futures::SinkExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Informer, Informers, ObjectKey, in_process};

type Answer = UnsyncBoxBody<Bytes, std::io::Error>;
type Feed = futures::channel::mpsc::Sender<Result<Frame<Bytes>, std::io::Error>>;

/// Hands every request to the test, which feeds its answer.
struct Server {
    requests: mpsc::UnboundedReceiver<(String, tokio::sync::oneshot::Sender<Response<Answer>>)>,
    informer: Informer<ConfigMap>,
    _stop: tokio_util::sync::DropGuard,
}

impl Server {
    fn start() -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            sender.send((request.uri().to_string(), answer)).expect("the test listens");
            answered
        });
        let env = Env::new(|| jiff::Timestamp::UNIX_EPOCH, |bytes| bytes.fill(0), |_, task| drop(tokio::spawn(task)));
        let stop = CancellationToken::new();
        let informers = Informers::new(in_process(service), env, stop.clone());
        Self { requests, informer: informers.of(), _stop: stop.drop_guard() }
    }

    /// Expects a watch from a place and answers it with an open stream.
    async fn watch(&mut self, from: &str) -> Feed {
        let (path, answer) = self.requests.recv().await.expect("the informer asks");
        assert!(
            path.starts_with("/api/v1/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=300"),
            "{path}"
        );
        assert!(path.ends_with(from), "{path} does not end with {from}");
        let (feed, frames) = futures::channel::mpsc::channel(16);
        answer.send(Response::new(StreamBody::new(frames).boxed_unsync())).expect("the informer waits");
        feed
    }

    async fn refuse(&mut self, code: u16) -> String {
        let (path, answer) = self.requests.recv().await.expect("the informer asks");
        let body = format!(r#"{{"kind":"Status","code":{code},"message":"no"}}"#);
        let response = Response::builder().status(code).body(full(body)).expect("a response");
        answer.send(response).expect("the informer waits");
        path
    }

    async fn respond(&mut self, body: &str) -> String {
        let (path, answer) = self.requests.recv().await.expect("the informer asks");
        answer.send(Response::new(full(body.to_owned()))).expect("the informer waits");
        path
    }
}

fn full(text: String) -> Answer {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

const BEGINNING: &str = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";

fn event(kind: &str, name: &str, revision: u64) -> String {
    let metadata =
        format!(r#"{{"namespace":"default","name":"{name}","uid":"uid-{name}","resourceVersion":"{revision}"}}"#);
    format!(r#"{{"type":"{kind}","object":{{"apiVersion":"v1","kind":"ConfigMap","metadata":{metadata}}}}}"#) + "\n"
}

fn bookmark(revision: u64, initial_end: bool) -> String {
    let annotations = if initial_end { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    format!(
        r#"{{"type":"BOOKMARK","object":{{"kind":"ConfigMap","metadata":{{"resourceVersion":"{revision}"{annotations}}}}}}}"#
    ) + "\n"
}

async fn send(feed: &mut Feed, text: String) {
    feed.send(Ok(Frame::data(text.into()))).await.expect("the informer reads");
}

fn names(informer: &Informer<ConfigMap>) -> Vec<String> {
    informer.lister().list().iter().filter_map(|object| object.metadata.name.clone()).collect()
}

#[tokio::test]
async fn it_resumes_where_it_was_and_relists_only_when_the_revision_is_gone() {
    let mut server = Server::start();
    let mut feed = server.watch(BEGINNING).await;
    send(&mut feed, event("ADDED", "a", 3)).await;
    // Split in the middle of a line: frames are not lines.
    let whole = event("ADDED", "b", 5) + &bookmark(7, true);
    let (first, second) = whole.split_at(40);
    send(&mut feed, first.to_owned()).await;
    assert!(!server.informer.is_synced());
    send(&mut feed, second.to_owned()).await;
    server.informer.wait_synced().await;
    assert_eq!((names(&server.informer), server.informer.revision()), (vec!["a".into(), "b".into()], 7));

    send(&mut feed, event("MODIFIED", "a", 8) + &event("DELETED", "b", 9) + &bookmark(12, false)).await;
    server.informer.wait_revision(12).await;
    assert_eq!(names(&server.informer), ["a"]);
    drop(feed);

    let feed = server.watch("&resourceVersion=12").await;
    drop(feed);
    assert!(server.refuse(500).await.ends_with("&resourceVersion=12"));
    assert!(server.refuse(410).await.ends_with("&resourceVersion=12"));

    let mut feed = server.watch(BEGINNING).await;
    send(&mut feed, event("ADDED", "c", 20) + &bookmark(21, true)).await;
    server.informer.wait_revision(21).await;
    assert_eq!(names(&server.informer), ["c"]);
}

#[tokio::test]
async fn an_expired_revision_within_the_stream_relists_too() {
    let mut server = Server::start();
    let mut feed = server.watch(BEGINNING).await;
    send(&mut feed, bookmark(7, true)).await;
    send(
        &mut feed,
        r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#.to_owned()
            + "\n",
    )
    .await;
    server.watch(BEGINNING).await;
}

#[tokio::test]
async fn a_server_without_watch_list_is_listed_page_by_page() {
    let mut server = Server::start();
    assert!(server.refuse(422).await.ends_with(BEGINNING));
    let item = |name: &str| {
        format!(r#"{{"metadata":{{"namespace":"default","name":"{name}","uid":"page-{name}","resourceVersion":"2"}}}}"#)
    };
    let page = format!(r#"{{"metadata":{{"resourceVersion":"30","continue":"more/+"}},"items":[{}]}}"#, item("a"));
    assert_eq!(server.respond(&page).await, "/api/v1/configmaps?limit=500");
    let page = format!(r#"{{"metadata":{{"resourceVersion":"30"}},"items":[{}]}}"#, item("b"));
    assert_eq!(server.respond(&page).await, "/api/v1/configmaps?limit=500&continue=more%2F%2B");
    server.watch("&resourceVersion=30").await;
    assert_eq!(names(&server.informer), ["a", "b"]);
}

#[tokio::test]
async fn handlers_see_what_is_there_and_what_changes() {
    let mut server = Server::start();
    let mut feed = server.watch(BEGINNING).await;
    send(&mut feed, event("ADDED", "a", 3) + &bookmark(7, true)).await;
    server.informer.wait_synced().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    server.informer.on_change(move |change| {
        sink.lock().push((change.key().name, change.old.is_some(), change.new.is_some()));
    });
    send(&mut feed, event("MODIFIED", "a", 8) + &event("DELETED", "a", 9)).await;
    server.informer.wait_revision(9).await;
    let a = || "a".to_owned();
    assert_eq!(*seen.lock(), [(a(), false, true), (a(), true, true), (a(), true, false)]);
    server.informer.wait_deleting(&ObjectKey::new("default", "a"), "uid-a").await;
}
