//! /openapi/v2 with what an extension server has: kube-aggregator's v0.37 pkg/controllers/openapi/aggregator and kube-openapi's pkg/aggregator
//! with their tests.

use futures::FutureExt;

use super::*;
use crate::aggregation::specs::{filtered, merge};

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn path(definition: &str) -> Value {
    json!({"get": {"responses": {"200": {"description": "OK", "schema": reference(definition)}}}})
}

#[test]
fn a_filtered_document_has_only_what_its_paths_use() {
    let document = json!({
        "paths": {"/test": path("Test"), "/other": path("Other")},
        "definitions": {
            "Test": {"properties": {"inner": {"type": "array", "items": reference("Inner")}}}, "Inner": {"type": "object"},
            "Other": {"properties": {"own": reference("Own"), "inner": reference("Inner")}}, "Own": {}, "Unused": {"type": "object"},
        },
    });
    let kept = filtered(document, |path| path.starts_with("/test"));
    assert_eq!(kept["paths"], json!({"/test": path("Test")}));
    let names: Vec<&String> = kept["definitions"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["Inner", "Test", "Unused"], "what nothing ever used stays");
}

#[test]
fn what_differs_gets_another_name() {
    let mut all = json!({
        "paths": {"/one": path("Thing")},
        "definitions": {"Thing": {"type": "object"}, "Thing_v2": {"type": "number"}, "Same": {"type": "string"}},
        "parameters": {"limit": {"name": "limit", "in": "query", "type": "integer"}},
    });
    let by_limit = json!({"parameters": [{"$ref": "#/parameters/limit"}], "get": {"responses": {}}});
    let other = json!({
        "paths": {"/one": path("Lost"), "/two": path("Thing"), "/three": path("Same"), "/four": by_limit},
        "definitions": {
            "Thing": {"type": "object", "properties": {"self": reference("Thing")}}, "Same": {"type": "string"}, "Lost": {},
        },
        "parameters": {"limit": {"name": "limit", "in": "query", "type": "string"}},
    });
    merge(&mut all, &other);
    assert_eq!(all["paths"]["/one"], path("Thing"), "who was there first keeps the path");
    assert_eq!(all["paths"]["/two"], path("Thing_v3"));
    assert_eq!(all["paths"]["/three"], path("Same"));
    assert_eq!(all["paths"]["/four"]["parameters"], json!([{"$ref": "#/parameters/limit_v2"}]));
    assert_eq!(all["parameters"]["limit_v2"]["type"], "string");
    assert_eq!(all["definitions"]["Thing"], json!({"type": "object"}));
    assert_eq!(all["definitions"]["Thing_v3"]["properties"]["self"], reference("Thing_v3"));
    assert!(all["definitions"].get("Lost").is_none());
    // The same once more, under another path: the name is found again.
    let mut third = other.clone();
    third["paths"] = json!({"/five": path("Thing")});
    third["definitions"]["Thing"] = all["definitions"]["Thing_v2"].clone();
    merge(&mut all, &third);
    assert_eq!(all["paths"]["/five"], path("Thing_v2"));
    assert!(all["definitions"].get("Thing_v4").is_none());
}

#[test]
fn definitions_of_several_kinds_are_one() {
    const KINDS: &str = "x-kubernetes-group-version-kind";
    let kind = |group: &str| json!({"group": group, "version": "v1", "kind": "DeleteOptions"});
    let of = |at: &str, kinds: Value| json!({"paths": {at: path("D")}, "definitions": {"D": {"type": "object", KINDS: kinds}}});
    let mut all = of("/one", json!([kind("a")]));
    merge(&mut all, &of("/two", json!([kind("a"), kind("b")])));
    assert_eq!(all["definitions"], json!({"D": {"type": "object", KINDS: [kind("a"), kind("b")]}}));
    assert_eq!(all["paths"]["/two"], path("D"));
}

const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// Like [`served`], with a /openapi/v2 that has an ETag.
fn with_openapi(asked: &Asked) -> Response<Full<bytes::Bytes>> {
    if asked.line != "GET /openapi/v2" {
        return served(asked);
    }
    if asked.headers.get("if-none-match").is_some_and(|known| known == "\"A\"") {
        return Response::builder().status(304).body(Full::default()).unwrap();
    }
    let mut response = answer(&json!({
        "swagger": "2.0", "info": {"title": "gauges", "version": "v1"},
        "paths": {
            "/apis/measure.example.com/v1/gauges": path(STATUS), "/apis/measure.example.com/v2/gauges": path("Later"),
            "/apis/": path("Groups"), "/api/v1/pods": path("Pods"),
        },
        "definitions": {STATUS: {"description": "Another."}, "Later": {}, "Groups": {}, "Pods": {}},
    }));
    response.headers_mut().insert("etag", "\"A\"".parse().unwrap());
    response
}

#[tokio::test]
async fn openapi_v2_shows_other_servers() {
    let world = World::answering(with_openapi).await;
    let own = world.send(Request::get("/openapi/v2").body(full("")).unwrap()).await.headers()["etag"].clone();
    let (_, before) = world.ask("GET", "/openapi/v2", "", "").await;
    world.available().await;
    let response = world.send(Request::get("/openapi/v2").body(full("")).unwrap()).await;
    let etag = response.headers()["etag"].clone();
    assert_ne!(etag, own);
    let (_, document) = world.ask("GET", "/openapi/v2", "", "").await;
    assert_eq!(document["info"], before["info"]);
    let renamed = format!("{STATUS}_v2");
    assert_eq!(document["paths"]["/apis/measure.example.com/v1/gauges"], path(&renamed));
    assert_eq!(document["definitions"][&renamed], json!({"description": "Another."}));
    assert_eq!(document["definitions"][STATUS], before["definitions"][STATUS]);
    assert_eq!(document["paths"]["/api/v1/pods"], before["paths"]["/api/v1/pods"]);
    for gone in ["Later", "Groups", "Pods"] {
        assert!(document["definitions"].get(gone).is_none(), "{gone}");
    }
    assert!(document["paths"].get("/apis/measure.example.com/v2/gauges").is_none());
    let known = Request::get("/openapi/v2").header("if-none-match", &etag).body(full("")).unwrap();
    assert_eq!(world.send(known).await.status(), 304);
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let asked = Request::get("/openapi/v2").header("accept", protobuf).body(full("")).unwrap();
    let bytes = world.send(asked).await.into_body().collect().await.unwrap().to_bytes();
    assert!(bytes.windows(renamed.len()).any(|window| window == renamed.as_bytes()));
    // Asked again, the server says that nothing changed; without it the document is this server's own again.
    world.aggregator.learn().await;
    let asked = world.backend.asked();
    let again = asked.iter().find(|asked| asked.line == "GET /openapi/v2").unwrap();
    assert_eq!(again.headers["if-none-match"], "\"A\"");
    assert_eq!(again.headers["x-remote-user"], "system:aggregator");
    let same = world.send(Request::get("/openapi/v2").body(full("")).unwrap()).await;
    assert_eq!(same.headers()["etag"], etag);
    world.server.objects().remove(world.aggregator.kind, "", "v1.measure.example.com").await.unwrap();
    let alone = world.send(Request::get("/openapi/v2").body(full("")).unwrap()).await;
    assert_eq!(alone.headers()["etag"], own);
}

/// One server behind two APIServices has one ETag, and a part of its document for each.
#[tokio::test]
async fn another_version_of_the_same_server_is_another_part() {
    let world = World::answering(with_openapi).await;
    world.available().await;
    let paths = async || world.ask("GET", "/openapi/v2", "", "").await.1["paths"].clone();
    let (first, second) = ("/apis/measure.example.com/v1/gauges", "/apis/measure.example.com/v2/gauges");
    let before = paths().await;
    assert_eq!((before[first].is_object(), before[second].is_object()), (true, false));
    let objects = world.server.objects();
    let mut service = objects.remove(world.aggregator.kind, "", "v1.measure.example.com").await.unwrap().unwrap();
    service["metadata"] = json!({"name": "v2.measure.example.com"});
    service["spec"]["version"] = "v2".into();
    objects.create(world.aggregator.kind, service).await.unwrap();
    world.aggregator.look().await;
    world.aggregator.learn().await;
    let after = paths().await;
    assert_eq!((after[first].is_object(), after[second].is_object()), (false, true));
}

/// Whoever asks while the documents are being made waits for the one making, also when the first has gone away.
#[tokio::test]
async fn merged_documents_are_made_once() {
    let world = World::answering(with_openapi).await;
    world.available().await;
    let current = world.server.inner().served.current();
    let published = current.published();
    let asking = || world.aggregator.openapi_v2(published);
    assert!(asking().now_or_never().is_none(), "it is made elsewhere");
    let made = join_all((0..5).map(|_| asking())).await;
    let made: Vec<Arc<Merged>> = made.into_iter().map(|one| one.unwrap().unwrap()).collect();
    assert!(made.iter().all(|one| Arc::ptr_eq(one, &made[0])));
    let protobuf = join_all(made.iter().map(|one| one.protobuf())).await;
    let protobuf: Vec<_> = protobuf.into_iter().map(|one| one.unwrap().gzip.as_ptr()).collect();
    assert!(protobuf.iter().all(|one| *one == protobuf[0]));
}
