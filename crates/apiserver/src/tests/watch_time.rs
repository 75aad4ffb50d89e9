//! Watches and time: bookmarks about every minute and with the end, ends by timeout, the next watch goes on where the last one ended.

use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use super::support::server;
use crate::body::{Body, full};
use crate::{ApiServer, Identity};

async fn open(server: &ApiServer, query: &str) -> Body {
    let request = Request::get(format!("/api/v1/configmaps?watch=1&{query}")).body(full("")).unwrap();
    let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// The events until the end, each with the second it came in; at last when the end came.
async fn follow(mut body: Body) -> (Vec<(u64, Value)>, u64) {
    let begun = Instant::now();
    let mut events = Vec::new();
    while let Some(frame) = body.frame().await {
        let bytes = frame.unwrap().into_data().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        events.extend(lines.map(|line| (begun.elapsed().as_secs(), serde_json::from_slice(line).unwrap())));
    }
    (events, begun.elapsed().as_secs())
}

async fn create(server: &ApiServer, name: &str) -> String {
    let kind = api::kinds::find("", "v1", "configmaps").unwrap();
    let object = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "namespace": "d"}});
    let created = server.objects().create(kind, object).await.unwrap();
    created["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

fn types(events: &[(u64, Value)]) -> Vec<(u64, &str)> {
    events.iter().map(|(second, event)| (*second, event["type"].as_str().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_every_minute_and_with_the_end() {
    let server = server();
    let first = create(&server, "a").await;
    let body = open(&server, &format!("resourceVersion={first}&allowWatchBookmarks=true&timeoutSeconds=150")).await;
    let (events, ended) = follow(body).await;
    assert_eq!(types(&events), [(60, "BOOKMARK"), (120, "BOOKMARK"), (150, "BOOKMARK")]);
    assert_eq!(ended, 150);
    assert!(events.iter().all(|(_, event)| event["object"]["metadata"] == json!({"resourceVersion": first})));
    let (events, ended) = follow(open(&server, "timeoutSeconds=150").await).await;
    assert_eq!((types(&events), ended), (vec![(0, "ADDED")], 150), "nobody who has not asked gets bookmarks");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_names_no_timeout_ends_after_one_to_two_times_the_least() {
    let server = server();
    let least = server.config().min_request_timeout_seconds;
    let ends = [follow(open(&server, "").await).await.1, follow(open(&server, "").await).await.1];
    assert!(ends.iter().all(|end| (least..2 * least).contains(end)), "{ends:?}");
    assert_ne!(ends[0], ends[1], "not all at once");
}

#[tokio::test(start_paused = true)]
async fn what_came_too_late_for_one_watch_is_in_the_next() {
    let server = server();
    let first = create(&server, "a").await;
    let query = |version: &str| format!("resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=1");
    let body = open(&server, &query(&first)).await;
    create(&server, "b").await;
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    let (events, _) = follow(body).await;
    assert_eq!(types(&events), [(0, "BOOKMARK")], "the end does not wait for events to cease");
    assert_eq!(events[0].1["object"]["metadata"]["resourceVersion"], first.as_str(), "nothing unread is promised");
    let (events, _) = follow(open(&server, &query(&first)).await).await;
    assert_eq!(types(&events), [(0, "ADDED"), (1, "BOOKMARK")]);
}
