//! Requests and time: how long a revision that is still to come is waited for, what `timeout` and the server's own limits cut short.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use super::support::{server, server_serving};
use crate::body::{Body, full};
use crate::{ApiServer, Call, Identity, Service, Status};

/// The answer and the milliseconds it took.
async fn ask(server: &ApiServer, method: Method, path: &str) -> (u16, Value, u128) {
    let begun = Instant::now();
    let request = Request::builder().method(method).uri(path).body(full("")).unwrap();
    let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default(), begun.elapsed().as_millis())
}

async fn create(server: &ApiServer, name: &str) -> u64 {
    let kind = api::kinds::find("", "v1", "configmaps").unwrap();
    let object = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "namespace": "d"}});
    let created = server.objects().create(kind, object).await.unwrap();
    created["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

const ONE: &str = "/api/v1/namespaces/d/configmaps/a";
const ALL: &str = "/api/v1/namespaces/d/configmaps";
const STATE: &str = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1&resourceVersion";

#[tokio::test(start_paused = true)]
async fn a_revision_that_never_comes_is_waited_for_three_seconds() {
    let server = server();
    create(&server, "a").await;
    let never = |path: &str| format!("{path}=999999999");
    let waits = [
        (never(&format!("{ONE}?resourceVersion")), 504, 3000),
        (never(&format!("{ALL}?resourceVersion")), 504, 3000),
        (never(&format!("{ALL}?resourceVersionMatch=Exact&resourceVersion")), 504, 3000),
        (never(&format!("{ALL}?limit=1&resourceVersion")), 504, 3000),
        // In its stream, however short the watch was to be.
        (never(&format!("{ALL}?watch=1&{STATE}")), 200, 3000),
        (never(&format!("{ALL}?watch=1&timeoutSeconds=1&resourceVersion")), 200, 1000),
        // From the store, not from the cache.
        (never(&format!("{ALL}?fieldSelector=metadata.name%3Da&resourceVersionMatch=Exact&resourceVersion")), 504, 0),
        (never("/api/v1/events?resourceVersion"), 504, 0),
        (never(&format!("/api/v1/events?watch=1&{STATE}")), 200, 0),
    ];
    for (path, code, milliseconds) in waits {
        let answer = ask(&server, Method::GET, &path).await;
        assert_eq!((answer.0, answer.2), (code, milliseconds), "{path}: {}", answer.1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_comes_in_time_is_answered_at_once() {
    let server = server();
    let next = create(&server, "a").await + 1;
    for path in [
        format!("{ONE}?resourceVersion="),
        format!("{ALL}?resourceVersion="),
        format!("{ALL}?resourceVersionMatch=Exact&resourceVersion="),
        format!("{ALL}?watch=1&{STATE}="),
    ] {
        let next = next.max(server.objects().revision() + 1);
        let (asked, writer) = (format!("{path}{next}"), server.clone());
        let write = async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            create(&writer, &format!("b{next}")).await
        };
        let ((code, answer, milliseconds), made) = tokio::join!(ask(&server, Method::GET, &asked), write);
        let wanted = if path.contains("watch") { 3000 } else { 2000 };
        assert_eq!((code, milliseconds, made), (200, wanted, next), "{asked}: {answer}");
    }
}

/// Never answers; says when it was left alone.
struct Silent(Arc<tokio::sync::Notify>);

#[async_trait]
impl Service for Silent {
    async fn handle(&self, _: Call) -> Result<Response<Body>, Status> {
        tokio::time::sleep(Duration::from_secs(100)).await;
        self.0.notify_one();
        Ok(Response::new(full("late")))
    }
}

fn silent() -> (ApiServer, Arc<tokio::sync::Notify>) {
    let ended = Arc::new(tokio::sync::Notify::new());
    let service: Arc<dyn Service> = Arc::new(Silent(ended.clone()));
    (server_serving(|_| [("token", service.clone()), ("log", service)].into()), ended)
}

#[tokio::test(start_paused = true)]
async fn writes_have_34_seconds_reads_60_and_their_callers_less() {
    let (server, ended) = silent();
    let token = "/api/v1/namespaces/d/serviceaccounts/a/token";
    const WRITES: &str = "Timeout: request did not complete within requested timeout - context deadline exceeded";
    const ALLOTTED: &str = "Timeout: request did not complete within the allotted timeout";
    for (query, milliseconds, message) in [
        ("", 34_000, WRITES),
        ("?timeout=0s", 34_000, WRITES),
        ("?timeout=50s", 34_000, WRITES),
        ("?timeout=5m", 34_000, WRITES),
        ("?timeout=1500ms", 1500, ALLOTTED),
    ] {
        let (code, status, took) = ask(&server, Method::POST, &format!("{token}{query}")).await;
        assert_eq!((code, took, &status["message"]), (504, milliseconds, &json!(message)), "{query}");
        assert_eq!((&status["reason"], &status["details"]), (&json!("Timeout"), &json!({})), "{query}");
        // What was begun goes on: half a write would be worse than a late one.
        tokio::time::timeout(Duration::from_secs(101), ended.notified()).await.expect("the work is finished");
    }
    // A log runs as long as it takes.
    let (code, _, took) = ask(&server, Method::GET, "/api/v1/namespaces/d/pods/a/log?timeout=1s").await;
    assert_eq!((code, took), (200, 100_000));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_reads_is_cut() {
    let server = server();
    create(&server, "a").await;
    let request = Request::get(format!("{ALL}?timeout=10s")).body(full("")).unwrap();
    let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let error = response.into_body().collect().await.expect_err("an answer that came too late is not whole");
    assert_eq!(error.to_string(), "request did not complete within the allotted timeout");
}

/// A line, then nothing for ever.
struct Endless;

#[async_trait]
impl Service for Endless {
    async fn handle(&self, _: Call) -> Result<Response<Body>, Status> {
        let line = futures::stream::iter([Ok(Frame::data("a line\n".into()))]);
        let body = futures::StreamExt::chain(line, futures::stream::pending());
        Ok(Response::new(StreamBody::new(body).boxed_unsync()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_followed_ends_well_when_the_server_does() {
    let service: Arc<dyn Service> = Arc::new(Endless);
    let server = server_serving(|_| [("log", service)].into());
    let log = async |query: &str| {
        let request = Request::get(format!("/api/v1/namespaces/d/pods/a/log{query}")).body(full("")).unwrap();
        let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body()
    };
    let (followed, whole) = (log("?follow=true").await, log("").await);
    let (stopper, day) = (server.clone(), Duration::from_secs(86_400));
    let stop = async move {
        tokio::time::sleep(day).await;
        stopper.shut_down();
    };
    let (body, ()) = tokio::join!(tokio::time::timeout(2 * day, followed.collect()), stop);
    assert_eq!(body.expect("ends").expect("ends well").to_bytes(), "a line\n");
    // What was to be the whole log would be taken for it.
    assert!(tokio::time::timeout(day, whole.collect()).await.is_err());
}
