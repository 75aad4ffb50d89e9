//! Watches per user: one more than allowed is refused until one ends; others are not concerned.

use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::support::server_configured;
use crate::body::{Body, full};
use crate::{ApiServer, Config, Identity};

async fn watch(server: &ApiServer, user: &str) -> Response<Body> {
    let request = Request::get("/api/v1/configmaps?watch=1").body(full("")).unwrap();
    server.service(Identity::new(user, &["people"])).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn one_watch_too_many_is_refused_until_another_ends() {
    let server = server_configured(Config { watches_per_user_max: 3, ..Config::new("/nowhere") });
    let mut open = Vec::new();
    for _ in 0..3 {
        let response = watch(&server, "eager").await;
        assert_eq!(response.status(), 200);
        open.push(response.into_body());
    }
    let refused = watch(&server, "eager").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"5".parse().unwrap()));
    let status: Value = serde_json::from_slice(&refused.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&status["kind"], &status["reason"]), (&json!("Status"), &json!("TooManyRequests")));
    assert_eq!(status["details"], json!({"retryAfterSeconds": 5}));
    let message = "too many watches: user \"eager\" has 3 open, which is the limit (--watches-per-user-max)";
    assert_eq!(status["message"], message);
    assert_eq!(watch(&server, "modest").await.status(), 200);
    // Lists are no watches.
    let request = Request::get("/api/v1/configmaps").body(full("")).unwrap();
    let list = server.service(Identity::new("eager", &["people"])).oneshot(request).await.unwrap();
    assert_eq!(list.status(), 200);
    open.pop();
    let again = watch(&server, "eager").await;
    assert_eq!(again.status(), 200);
    assert_eq!(watch(&server, "eager").await.status(), 429);
}

#[tokio::test]
async fn a_watch_that_is_refused_takes_no_place() {
    let server = server_configured(Config { watches_per_user_max: 1, ..Config::new("/nowhere") });
    let ask = async |query: &str| {
        let request = Request::get(format!("/api/v1/configmaps?watch=1&{query}")).body(full("")).unwrap();
        let response = server.service(Identity::new("eager", &["people"])).oneshot(request).await.unwrap();
        response.status().as_u16()
    };
    assert_eq!([ask("resourceVersion=abc").await, ask("labelSelector=a+in").await], [500, 400]);
    // Ended by its time: read to the end, then gone.
    let request = Request::get("/api/v1/configmaps?watch=1&timeoutSeconds=1").body(full("")).unwrap();
    let response = server.service(Identity::new("eager", &["people"])).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(ask("").await, 200);
}
