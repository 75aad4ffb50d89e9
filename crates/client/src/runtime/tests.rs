//! The reconcile runtime against a small server that holds ConfigMaps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::env::Env;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::plan::difference;
use super::{Controller, Plan, panics};
use crate::resource::Object;
use crate::{Informers, in_process};

type Answer = UnsyncBoxBody<Bytes, std::io::Error>;

/// A server for ConfigMaps of one namespace. Its watches can be held back.
#[derive(Clone)]
struct Server {
    objects: Arc<Mutex<(u64, BTreeMap<String, Value>)>>,
    events: broadcast::Sender<String>,
    posts: Arc<AtomicUsize>,
    refuse_creates: Arc<Mutex<u32>>,
}

impl Server {
    fn new() -> Self {
        let events = broadcast::Sender::new(64);
        Self { objects: Arc::default(), events, posts: Arc::default(), refuse_creates: Arc::default() }
    }

    fn put(&self, name: &str, object: Value) -> Value {
        let stored = self.store(name, object);
        self.publish(&stored);
        stored
    }

    fn publish(&self, object: &Value) {
        drop(self.events.send(json!({"type": "MODIFIED", "object": object}).to_string() + "\n"));
    }

    fn store(&self, name: &str, mut object: Value) -> Value {
        let mut state = self.objects.lock();
        state.0 += 1;
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!("default");
        object["metadata"]["uid"] = json!(format!("runtime-{:p}-{name}", Arc::as_ptr(&self.objects)));
        object["metadata"]["resourceVersion"] = json!(state.0.to_string());
        state.1.insert(name.to_owned(), object.clone());
        object
    }

    fn answer(&self, request: &Request<Body>, body: &[u8]) -> Response<Answer> {
        if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            return self.watch();
        }
        if request.uri().path().contains("/events") {
            return Response::new(full("{}".into()));
        }
        let object: Value = serde_json::from_slice(body).unwrap_or_default();
        if *request.method() == Method::POST {
            self.posts.fetch_add(1, Ordering::SeqCst);
            let mut refusals = self.refuse_creates.lock();
            if *refusals > 0 {
                *refusals -= 1;
                return status(StatusCode::FORBIDDEN, "exceeded quota");
            }
            let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
            let stored = self.store(&name, object);
            // The watch lags behind the answer.
            let server = self.clone();
            let late = stored.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(30)).await;
                server.publish(&late);
            });
            return Response::new(full(stored.to_string()));
        }
        status(StatusCode::NOT_FOUND, "not found")
    }

    fn watch(&self) -> Response<Answer> {
        let receiver = self.events.subscribe();
        let (revision, initial) = {
            let state = self.objects.lock();
            let added = state.1.values().map(|object| json!({"type": "ADDED", "object": object}).to_string() + "\n");
            (state.0, added.collect::<String>())
        };
        let metadata =
            json!({"resourceVersion": revision.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}});
        let end = json!({"type": "BOOKMARK", "object": {"metadata": metadata}}).to_string() + "\n";
        let live = futures::stream::unfold(receiver, |mut receiver| async move {
            let line = receiver.recv().await.ok()?;
            Some((line, receiver))
        });
        let lines = futures::stream::iter([initial, end]).chain(live);
        Response::new(StreamBody::new(lines.map(|line| Ok(Frame::data(Bytes::from(line))))).boxed_unsync())
    }

    fn informers(&self) -> (Informers, tokio_util::sync::DropGuard) {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                Ok::<_, std::io::Error>(server.answer(&Request::from_parts(parts, Body::empty()), &body))
            }
        });
        let env = Env::new(jiff::Timestamp::now, |bytes| bytes.fill(0), |_, task| drop(tokio::spawn(task)));
        let stop = CancellationToken::new();
        (Informers::new(in_process(service), env, stop.clone()), stop.drop_guard())
    }
}

fn full(text: String) -> Answer {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

fn status(code: StatusCode, message: &str) -> Response<Answer> {
    let body = json!({"kind": "Status", "code": code.as_u16(), "message": message, "reason": "Forbidden"});
    Response::builder().status(code).body(full(body.to_string())).expect("a response")
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "default"}})).expect("a ConfigMap")
}

/// Wants three copies of every object named "parent".
fn copies(
    controller: &mut Controller,
) -> impl Fn(&crate::ObjectKey, &super::Attempt<'_>) -> Plan + Send + Sync + use<> {
    let all = controller.watch(|_: &crate::Change<ConfigMap>| vec![crate::ObjectKey::new("default", "parent")]);
    move |key, attempt| {
        let mut plan = Plan::new();
        let present = all.list().iter().filter(|object| object.name() != "parent").count();
        if all.get(key).is_some() && attempt.failure.is_none() {
            (present..3).for_each(|number| plan.create(&config_map(&format!("copy-{number}-{present}")), None));
        }
        plan
    }
}

async fn wait_for(what: impl Fn() -> bool) {
    let poll = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.expect("it comes true");
}

#[tokio::test]
async fn a_key_is_held_until_the_informer_has_seen_its_writes() {
    let server = Server::new();
    server.put("parent", json!({}));
    let (informers, _stop) = server.informers();
    let mut controller = Controller::new("copier", &informers, informers.client().clone());
    let reconcile = copies(&mut controller);
    let queue = controller.queue().clone();
    tokio::spawn(controller.run(reconcile));
    wait_for(|| server.posts.load(Ordering::SeqCst) == 3).await;
    // Activations while the watch lags must not lead to more copies.
    for _ in 0..20 {
        queue.add(crate::ObjectKey::new("default", "parent"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.posts.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn creates_grow_in_batches_and_stop_at_the_first_failure() {
    let server = Server::new();
    server.put("parent", json!({}));
    *server.refuse_creates.lock() = 2;
    let (informers, _stop) = server.informers();
    let mut controller = Controller::new("copier", &informers, informers.client().clone());
    let failures = Arc::new(AtomicUsize::new(0));
    let (inner, counter) = (copies(&mut controller), failures.clone());
    tokio::spawn(controller.run(move |key, attempt| {
        if let Some(failure) = attempt.failure {
            assert_eq!(failure.error.to_string(), "exceeded quota");
            counter.fetch_add(1, Ordering::SeqCst);
        }
        inner(key, attempt)
    }));
    wait_for(|| server.posts.load(Ordering::SeqCst) >= 5).await;
    // Two first batches of one are refused, then 1 + 2 go through.
    assert_eq!(server.posts.load(Ordering::SeqCst), 5);
    assert_eq!(failures.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_panic_is_counted_and_the_key_tried_again() {
    let server = Server::new();
    server.put("parent", json!({}));
    let (informers, _stop) = server.informers();
    let mut controller = Controller::new("clumsy", &informers, informers.client().clone());
    controller.own::<ConfigMap>();
    let before = panics();
    let done = Arc::new(Notify::new());
    let (tries, finished) = (AtomicUsize::new(0), done.clone());
    tokio::spawn(controller.run(move |_, attempt| {
        if attempt.failure.is_none() && tries.fetch_add(1, Ordering::SeqCst) == 1 {
            finished.notify_one();
        } else if attempt.failure.is_none() {
            panic!("not yet");
        }
        Plan::new()
    }));
    done.notified().await;
    assert_eq!(panics(), before + 1);
}

#[test]
fn a_difference_is_a_merge_patch() {
    let cases = [
        (json!({"a": 1, "b": {"c": 1, "d": 2}}), json!({"a": 1, "b": {"c": 1, "d": 3}}), json!({"b": {"d": 3}})),
        (json!({"a": 1}), json!({}), json!({"a": null})),
        (json!({"a": [1]}), json!({"a": [1, 2]}), json!({"a": [1, 2]})),
        (json!({"a": {}}), json!({"a": {}}), json!({})),
    ];
    for (old, new, expected) in cases {
        assert_eq!(difference(&old, &new), expected);
    }
}
