//! The end of a definition: instances go first, what holds one of them holds all.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::exchange::{Saved, run};
use super::support::server;
use crate::body::full;
use crate::{ApiServer, Identity};

const DEADLINE: Duration = Duration::from_secs(20);
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/holds.example.com";

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "holds.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "holds", "kind": "Hold"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]
        }
    })
}

async fn ask(server: &ApiServer, step: Value) {
    run(server, &step, &mut Saved::new()).await.unwrap_or_else(|why| panic!("{}: {why}", step["request"]));
}

/// Waits until the step answers as it says; what it asks about changes with definitions.
pub(super) async fn until(server: &ApiServer, step: Value) {
    let prefix = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
    let waiting = async {
        loop {
            let mut cursor = server.objects().watch(prefix, server.objects().revision()).expect("history is kept");
            if run(server, &step, &mut Saved::new()).await.is_ok() {
                return;
            }
            cursor.next().await.expect("history is kept");
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{} in time", step["request"]));
}

#[tokio::test]
async fn instances_go_before_their_definition() {
    let server = server();
    let crds = "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let holds = "/apis/example.com/v1/namespaces/default/holds";
    ask(&server, json!({"request": crds, "body": definition(), "status": 201})).await;
    for (name, finalizers) in [("free", json!([])), ("held", json!(["example.com/wait"]))] {
        let body = json!({"apiVersion": "example.com/v1", "kind": "Hold", "metadata": {"name": name, "finalizers": finalizers}});
        ask(&server, json!({"request": format!("POST {holds}"), "body": body, "status": 201})).await;
    }
    let marked = json!({
        "metadata": {"deletionTimestamp": "*", "finalizers": ["customresourcecleanup.apiextensions.k8s.io"]},
        "status": {"conditions": [{"type": "NamesAccepted"}, {"type": "Established"}, {"type": "Terminating", "status": "True", "reason": "InstanceDeletionPending"}]}
    });
    ask(&server, json!({"request": format!("DELETE {DEFINITION}"), "expect": marked})).await;
    let under_way = json!({"status": {"conditions": [{}, {}, {"reason": "InstanceDeletionInProgress"}]}});
    until(&server, json!({"request": format!("GET {DEFINITION}"), "expect": under_way})).await;
    let body = json!({"apiVersion": "example.com/v1", "kind": "Hold", "metadata": {"name": "late"}});
    let refused = json!({"reason": "MethodNotAllowed", "message": "create not allowed while custom resource definition is terminating"});
    ask(&server, json!({"request": format!("POST {holds}"), "body": body, "status": 405, "expect": refused})).await;
    let patch = json!({
        "request": format!("PATCH {holds}/held"), "headers": {"content-type": "application/merge-patch+json"},
        "body": {"metadata": {"finalizers": null}}
    });
    ask(&server, patch).await;
    until(&server, json!({"request": format!("GET {DEFINITION}"), "status": 404})).await;
    ask(&server, json!({"request": format!("GET {holds}"), "status": 404})).await;
    ask(&server, json!({"request": "GET /apis/example.com/v1", "status": 404})).await;
    // The same name again begins with nothing.
    ask(&server, json!({"request": crds, "body": definition(), "status": 201})).await;
    ask(&server, json!({"request": format!("GET {holds}"), "expect": {"items": []}})).await;
}

#[tokio::test]
async fn names_that_become_free_are_taken_by_who_waits_for_them() {
    let server = server();
    let crds = "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    ask(&server, json!({"request": crds, "body": definition(), "status": 201})).await;
    let mut other = definition();
    other["metadata"]["name"] = "others.example.com".into();
    other["spec"]["names"]["plural"] = "others".into();
    ask(&server, json!({"request": crds, "body": other, "status": 201})).await;
    let others = "GET /apis/example.com/v1/namespaces/default/others";
    ask(&server, json!({"request": others, "status": 404})).await;
    ask(&server, json!({"request": format!("DELETE {DEFINITION}")})).await;
    until(&server, json!({"request": others, "expect": {"kind": "HoldList"}})).await;
}

/// What describes the API, and what is asked for there.
const DOCUMENTS: [(&str, &str); 3] = [
    ("/openapi/v2", "application/json"),
    ("/openapi/v3", "application/json"),
    ("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"),
];

/// The code and the ETag of a document, which is empty just when the client has it.
async fn described(server: &ApiServer, (path, accept): (&str, &str), known: &str) -> (u16, String) {
    let request = Request::get(path).header("accept", accept).header("if-none-match", known);
    let request = request.body(full("")).unwrap();
    let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
    let (code, etag) = (response.status().as_u16(), response.headers()["etag"].to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.is_empty(), code == 304, "{path}");
    (code, etag)
}

/// Clients ask with the ETag they have: it holds until a definition is made, and not a moment longer.
#[tokio::test]
async fn documents_change_with_definitions_and_not_without() {
    let server = server();
    let other = ("/openapi/v3/apis/apps/v1", "application/json");
    let mut known = Vec::new();
    for document in DOCUMENTS.into_iter().chain([other]) {
        let (code, etag) = described(&server, document, "\"none\"").await;
        assert_eq!(code, 200, "{document:?}");
        assert_eq!(described(&server, document, &etag).await, (304, etag.clone()), "{document:?}");
        known.push((document, etag));
    }
    let crds = "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    ask(&server, json!({"request": crds, "body": definition(), "status": 201})).await;
    let of_group = ("/openapi/v3/apis/example.com/v1", "application/json");
    let mut fresh = Vec::new();
    for (document, before) in &known {
        let (code, etag) = described(&server, *document, before).await;
        assert_eq!(
            (code, etag == *before),
            if *document == other { (304, true) } else { (200, false) },
            "{document:?}"
        );
        assert_eq!(described(&server, *document, &etag).await.0, 304, "{document:?}");
        fresh.push((*document, etag));
    }
    let (code, etag) = described(&server, of_group, "W/\"a\", \"b\"").await;
    assert_eq!(code, 200);
    assert_eq!(described(&server, of_group, &format!("\"a\", W/{etag}")).await, (304, etag));
    // Another write of the same changes no document.
    let label = json!({
        "request": format!("PATCH {DEFINITION}"), "headers": {"content-type": "application/merge-patch+json"},
        "body": {"metadata": {"labels": {"a": "b"}}}
    });
    ask(&server, label).await;
    for (document, etag) in &fresh {
        assert_eq!(described(&server, *document, etag).await.0, 304, "{document:?}");
    }
    ask(&server, json!({"request": format!("DELETE {DEFINITION}")})).await;
    until(&server, json!({"request": format!("GET {DEFINITION}"), "status": 404})).await;
    for (document, before) in &known {
        assert_eq!(described(&server, *document, before).await.0, 304, "{document:?} is as it was");
    }
}
