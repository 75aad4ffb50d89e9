//! Protobuf over HTTP: every built-in kind says there what it says in JSON, and services speak it too.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::kind::Kind;
use api::protobuf;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::support::{server, server_serving};
use crate::authn::{ServiceAccountTokens, TokenKey};
use crate::body::full;
use crate::negotiate::{JSON, PROTOBUF};
use crate::pki::PrivateKey;
use crate::services::{Bind, Eviction, SelfReview, TokenRequest, TokenReview};
use crate::{ApiServer, Identity, Objects, Service};

/// Every field of every kind, as upstream's encoder writes it.
const FULL: &str = include_str!("../../../api/cases/objects.jsonl");
const AUDIENCE: &str = "https://kubernetes.default.svc";

/// One exchange whose bodies both are of a media type.
pub(super) async fn ask(
    server: &ApiServer,
    method: Method,
    path: &str,
    media_type: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    let bytes = match body {
        None => Vec::new(),
        Some(body) if media_type == PROTOBUF => protobuf::encode(body).unwrap(),
        Some(body) => body.to_string().into_bytes(),
    };
    let request = Request::builder().method(method).uri(path).header("accept", media_type);
    let request = request.header("content-type", media_type).body(full(bytes)).unwrap();
    let response = server.service(Identity::new("admin", &["people"])).oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], media_type, "{path}");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let answer = match media_type {
        PROTOBUF => protobuf::decode(&bytes).unwrap_or_else(|error| panic!("{path}: {error}")),
        _ => serde_json::from_slice(&bytes).unwrap(),
    };
    (code, answer)
}

/// Without what only says that nothing is there.
fn canonical(kind: &Kind, name: &str, mut object: Value) -> Value {
    unname(&mut object, "/items");
    let schema = api::schema::of(kind.group, kind.version, name).unwrap();
    assert_eq!(schema.normalise(&mut object), [], "{name}");
    schema.fill(&mut object);
    object
}

/// Objects inside others have no names in protobuf; for claim templates, defaults bring them back when they are written.
fn unname(object: &mut Value, list: &str) {
    let items = object.pointer_mut(list).and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        unname(item, "/spec/volumeClaimTemplates");
        item.as_object_mut().unwrap().retain(|field, _| field != "apiVersion" && field != "kind");
    }
    if list == "/items" {
        unname(object, "/spec/volumeClaimTemplates");
    }
}

fn place(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
    let namespace = if kind.namespaced { "/namespaces/d" } else { "" };
    format!("{root}/{}{namespace}/{}", kind.version, kind.plural)
}

#[tokio::test]
async fn every_kind_says_in_protobuf_what_it_says_in_json() {
    let server = server();
    let cases: HashMap<(String, String, String), Value> = FULL
        .lines()
        .map(|line| {
            let case: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| case[key].as_str().unwrap().to_owned();
            ((text("group"), text("version"), text("kind")), case["full"].clone())
        })
        .collect();
    let rows = || api::kinds::ALL.iter().filter(|kind| !kind.storage.is_empty());
    for kind in rows().filter(|kind| kind.storage_version.is_none()) {
        let mut full = cases[&(kind.group.into(), kind.version.into(), kind.kind.into())].clone();
        (full["apiVersion"], full["kind"]) = (kind.api_version().into(), kind.kind.into());
        (full["metadata"]["name"], full["metadata"]["namespace"]) =
            ("x".into(), if kind.namespaced { "d".into() } else { Value::Null });
        let full = canonical(kind, kind.kind, full);
        server.objects().create(kind, full).await.unwrap();
    }
    let mut seen = 0;
    for kind in rows() {
        for (path, name) in
            [(format!("{}/x", place(kind)), kind.kind.to_owned()), (place(kind), format!("{}List", kind.kind))]
        {
            let (code, tree) = ask(&server, Method::GET, &path, JSON, None).await;
            assert_eq!((code, tree["kind"].as_str()), (200, Some(name.as_str())), "{path}");
            let (code, read) = ask(&server, Method::GET, &path, PROTOBUF, None).await;
            assert_eq!((code, read["kind"].as_str()), (200, Some(name.as_str())), "{path}");
            assert_eq!(canonical(kind, &name, read), canonical(kind, &name, tree), "{path}");
        }
        seen += 1;
    }
    assert!(seen > 50, "only {seen} kinds");
}

fn real(objects: &Objects, eviction: Arc<Eviction>) -> BTreeMap<&'static str, Arc<dyn Service>> {
    let keys = vec![TokenKey::new(PrivateKey::generate(objects.env()))];
    let tokens = Arc::new(ServiceAccountTokens::new(keys, AUDIENCE.into(), vec![AUDIENCE.into()], objects.clone()));
    BTreeMap::from([
        ("binding", Arc::new(Bind::new()) as Arc<dyn Service>),
        ("bindings", Arc::new(Bind::new())),
        ("eviction", eviction),
        ("token", Arc::new(TokenRequest::new(tokens.clone()))),
        ("tokenreviews", Arc::new(TokenReview::new(tokens, vec![AUDIENCE.into()]))),
        ("selfsubjectreviews", Arc::new(SelfReview)),
    ])
}

/// A server with the services of subresources that need no node.
pub(super) fn serving() -> ApiServer {
    let eviction = Arc::new(Eviction::new());
    let server = server_serving(|objects| real(objects, eviction.clone()));
    eviction.attach(server.inner());
    server
}

#[tokio::test]
async fn services_read_and_answer_protobuf() {
    let server = serving();
    let post = async |path: &str, body: Value| ask(&server, Method::POST, path, PROTOBUF, Some(&body)).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}});
    assert_eq!(post("/api/v1/namespaces/d/serviceaccounts", account).await.0, 201);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(post("/api/v1/namespaces/d/pods", pod).await.0, 201);

    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    let (code, answer) = post("/api/v1/namespaces/d/pods/p/binding", binding.clone()).await;
    assert_eq!((code, &answer["kind"], &answer["status"]), (201, &json!("Status"), &json!("Success")));
    let (code, answer) = post("/api/v1/namespaces/d/pods/p/binding", binding).await;
    assert_eq!((code, &answer["reason"]), (409, &json!("Conflict")));

    let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [AUDIENCE], "expirationSeconds": 600}});
    let (code, answer) = post("/api/v1/namespaces/d/serviceaccounts/app/token", asked).await;
    assert_eq!(
        (code, &answer["kind"], &answer["spec"]["expirationSeconds"]),
        (201, &json!("TokenRequest"), &json!(600))
    );
    let token = answer["status"]["token"].clone();
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    let (code, answer) = post("/apis/authentication.k8s.io/v1/tokenreviews", review).await;
    assert_eq!((code, &answer["status"]["authenticated"]), (201, &json!(true)), "{answer}");
    assert_eq!(answer["status"]["user"]["username"], "system:serviceaccount:d:app");

    let who = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (code, answer) = post("/apis/authentication.k8s.io/v1/selfsubjectreviews", who).await;
    assert_eq!((code, &answer["status"]["userInfo"]["username"]), (201, &json!("admin")));

    let evicted = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 0}});
    let (code, answer) = post("/api/v1/namespaces/d/pods/p/eviction", evicted.clone()).await;
    assert_eq!((code, &answer["status"]), (201, &json!("Success")), "{answer}");
    let (code, answer) = post("/api/v1/namespaces/d/pods/p/eviction", evicted).await;
    assert_eq!((code, &answer["kind"], &answer["reason"]), (404, &json!("Status"), &json!("NotFound")));
}
