//! Several versions of a custom kind: strategy None, and a webhook behind a Service whose certificate names it.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::exchange::{Saved, run};
use super::support::{env_now, server};
use crate::ApiServer;
use crate::pki::{KeyBundle, Leaf, Profile, server_config};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition(conversion: Value) -> Value {
    let version = |name: &str, field: &str| {
        json!({
            "name": name, "served": true, "storage": name == "v1",
            "selectableFields": [{"jsonPath": format!(".spec.{field}")}],
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
                field: {"type": "string"}, "both": {"type": "string", "default": "x"}
            }}}}}
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "turns.example.com"},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"plural": "turns", "kind": "Turn"},
            "conversion": conversion,
            "versions": [version("v1", "host"), version("v2", "address")]
        }
    })
}

async fn ask(server: &ApiServer, step: Value) {
    run(server, &step, &mut Saved::new()).await.unwrap_or_else(|why| panic!("{}: {why}", step["request"]));
}

async fn make(server: &ApiServer, path: &str, body: Value) {
    ask(server, json!({"request": format!("POST {path}"), "body": body, "status": 201})).await;
}

fn turn(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("example.com/{version}"), "kind": "Turn", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn without_a_converter_only_the_version_changes() {
    let server = server();
    make(&server, CRDS, definition(json!({"strategy": "None"}))).await;
    make(&server, "/apis/example.com/v2/turns", turn("v2", "a", json!({"address": "b"}))).await;
    let v1 = json!({"apiVersion": "example.com/v1", "spec": {"both": "x"}});
    ask(&server, json!({"request": "GET /apis/example.com/v1/turns/a", "expect": v1, "absent": ["spec.address"]}))
        .await;
    // The version objects are stored in changes; those that lie there are still read, and move with their next write.
    let patch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true}
    ]);
    let stored = json!({"status": {"storedVersions": ["v1", "v2"]}});
    let headers = json!({"content-type": "application/json-patch+json"});
    let request = format!("PATCH {CRDS}/turns.example.com");
    ask(&server, json!({"request": request, "headers": headers, "body": patch, "expect": stored})).await;
    let list = json!({"apiVersion": "example.com/v2", "kind": "TurnList", "items": [{"apiVersion": "example.com/v2"}]});
    ask(&server, json!({"request": "GET /apis/example.com/v2/turns", "expect": list})).await;
    let served = json!({"kind": "APIGroup", "preferredVersion": {"version": "v2"}, "versions": [{"version": "v2"}, {"version": "v1"}]});
    ask(&server, json!({"request": "GET /apis/example.com", "expect": served})).await;
}

/// Answers a ConversionReview: `host` of v1 is `address` of v2.
fn converted(review: &Value) -> Value {
    let request = &review["request"];
    let wanted = request["desiredAPIVersion"].as_str().unwrap_or_default();
    let (from, to) = if wanted.ends_with("v2") { ("host", "address") } else { ("address", "host") };
    let objects = request["objects"].as_array().into_iter().flatten().map(|object| {
        let mut object = object.clone();
        object["apiVersion"] = wanted.into();
        if let Some(spec) = object["spec"].as_object_mut()
            && let Some(value) = spec.remove(from)
        {
            spec.insert(to.to_owned(), value);
        }
        object
    });
    let objects: Vec<Value> = objects.collect();
    json!({"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": {
        "uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects
    }})
}

/// How many objects came with each ConversionReview.
type Sizes = Arc<Mutex<Vec<usize>>>;

async fn answer(request: Request<Incoming>, sizes: Sizes) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let review: Value = serde_json::from_slice(&body).expect("a review");
    sizes.lock().push(review["request"]["objects"].as_array().map_or(0, Vec::len));
    Ok(Response::new(Full::new(converted(&review).to_string().into())))
}

/// A webhook on a port of its own; the certificate of its authority in PEM.
async fn webhook(sizes: Sizes) -> (u16, String) {
    let env = env_now();
    let keys = KeyBundle::generate(&env);
    let leaf = Leaf::issue(&keys.server_authority, &Profile::server("hook", vec!["hook.ops.svc".to_owned()]), &env);
    let tls = server_config(&leaf, &[&keys.client_authority.certificate]).expect("a server configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let sizes = sizes.clone();
            let served = service_fn(move |request| answer(request, sizes.clone()));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), served));
        }
    });
    (port, keys.server_authority.pem())
}

/// A server that has a webhook convert turns.
async fn converting(sizes: Sizes) -> ApiServer {
    let (server, (port, authority)) = (server(), webhook(sizes).await);
    make(
        &server,
        "/api/v1/namespaces/ops/services",
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"},
            "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ipFamilies": ["IPv4"], "ports": [{"name": "https", "port": 443}]}
        }),
    )
    .await;
    // Nobody may write a slice that points at this machine; the test has no other address.
    let slices = api::kinds::find("discovery.k8s.io", "v1", "endpointslices").expect("a kind");
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "hook-1", "namespace": "ops", "labels": {"kubernetes.io/service-name": "hook"}},
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": port}]
    });
    server.objects().create(slices, slice).await.expect("stored");
    let config = json!({"service": {"namespace": "ops", "name": "hook", "path": "/convert"}, "caBundle": STANDARD.encode(authority)});
    let conversion =
        json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config}});
    make(&server, CRDS, definition(conversion)).await;
    server
}

/// A webhook is not asked to convert all there are for one short page.
#[tokio::test]
async fn pages_are_converted_in_chunks() {
    let sizes = Sizes::default();
    let server = converting(sizes.clone()).await;
    for number in 0..120 {
        let (name, host) = (format!("t{number:03}"), format!("h{number}"));
        make(&server, "/apis/example.com/v1/turns", turn("v1", &name, json!({ "host": host }))).await;
    }
    let item = |number: usize| json!({"metadata": {"name": format!("t{number:03}")}, "spec": {"address": format!("h{number}")}});
    for (query, items, wanted) in [
        ("spec.address!%3Dx&limit=2", vec![item(0), item(1)], vec![50]),
        ("spec.address!%3Dx&limit=60", (0..60).map(item).collect(), vec![61]),
        ("spec.address%3Dh70&limit=2", vec![item(70)], vec![50, 50, 20]),
        ("spec.address%3Dh119", vec![item(119)], vec![120]),
    ] {
        sizes.lock().clear();
        let request = format!("GET /apis/example.com/v2/turns?fieldSelector={query}");
        ask(&server, json!({"request": request, "expect": {"items": items}})).await;
        assert_eq!(*sizes.lock(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_webhook_converts_what_is_read_and_written() {
    let server = converting(Sizes::default()).await;
    make(&server, "/apis/example.com/v2/turns", turn("v2", "a", json!({"address": "b"}))).await;
    make(&server, "/apis/example.com/v1/turns", turn("v1", "c", json!({"host": "d"}))).await;
    let v1 = json!({"apiVersion": "example.com/v1", "spec": {"host": "b", "both": "x"}});
    ask(&server, json!({"request": "GET /apis/example.com/v1/turns/a", "expect": v1, "absent": ["spec.address"]}))
        .await;
    let list =
        json!({"items": [{"apiVersion": "example.com/v2", "spec": {"address": "b"}}, {"spec": {"address": "d"}}]});
    ask(&server, json!({"request": "GET /apis/example.com/v2/turns", "expect": list})).await;
    let begin = server.objects().revision();
    let headers = json!({"content-type": "application/merge-patch+json"});
    let patch = json!({"spec": {"address": "e"}});
    ask(&server, json!({"request": "PATCH /apis/example.com/v2/turns/c", "headers": headers, "body": patch, "expect": {"spec": {"address": "e"}}})).await;
    ask(&server, json!({"request": "GET /apis/example.com/v1/turns/c", "expect": {"spec": {"host": "e"}}})).await;
    select(&server, begin).await;
}

/// Field selectors look at the version that is asked for: `a` is at b, `c` was at d and is at e.
async fn select(server: &ApiServer, begin: u64) {
    let turns = |version: &str, query: &str| format!("/apis/example.com/{version}/turns?{query}");
    for (version, query, names) in [
        ("v1", "fieldSelector=spec.host%3Db", vec!["a"]),
        ("v2", "fieldSelector=spec.address%3Db", vec!["a"]),
        ("v2", "fieldSelector=spec.address!%3Db", vec!["c"]),
        ("v2", "fieldSelector=spec.address%3De,metadata.name%3Dc", vec!["c"]),
        ("v2", "fieldSelector=spec.address%3Db,metadata.name%3Dc", vec![]),
    ] {
        let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        let request = format!("GET {}", turns(version, query));
        ask(server, json!({"request": request, "expect": {"items": items}})).await;
    }
    let page = json!({"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "*"}});
    let request = format!("GET {}", turns("v2", "fieldSelector=spec.address!%3Dx&limit=1"));
    ask(server, json!({"request": request, "expect": page})).await;
    let watch =
        |query: &str| format!("GET {}", turns("v2", &format!("watch=1&timeoutSeconds=1&fieldSelector={query}")));
    let left = json!([{"type": "DELETED", "object": {"apiVersion": "example.com/v2", "spec": {"address": "d"}}}]);
    let request = watch(&format!("spec.address%3Dd&resourceVersion={begin}"));
    ask(server, json!({"request": request, "events": "all", "expect": left})).await;
    let came = json!([{"type": "ADDED", "object": {"apiVersion": "example.com/v2", "spec": {"address": "e"}}}]);
    for query in [format!("spec.address%3De&resourceVersion={begin}"), "spec.address%3De".to_owned()] {
        ask(server, json!({"request": watch(&query), "events": "all", "expect": came})).await;
    }
    let request = format!("DELETE {}", turns("v2", "fieldSelector=spec.address%3De"));
    ask(server, json!({"request": request, "expect": {"items": [{"metadata": {"name": "c"}}]}})).await;
    ask(
        server,
        json!({"request": "GET /apis/example.com/v2/turns", "expect": {"items": [{"metadata": {"name": "a"}}]}}),
    )
    .await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_reached_is_named() {
    let server = server();
    let config = json!({"url": "https://127.0.0.1:1/convert", "caBundle": ""});
    let conversion =
        json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config}});
    make(&server, CRDS, definition(conversion)).await;
    let body = turn("v2", "a", json!({}));
    let why = json!({"message": "~conversion webhook for example.com/v1, Kind=Turn failed: Post \"https://127.0.0.1:1/convert\""});
    ask(&server, json!({"request": "POST /apis/example.com/v2/turns", "body": body, "status": 500, "expect": why}))
        .await;
}
