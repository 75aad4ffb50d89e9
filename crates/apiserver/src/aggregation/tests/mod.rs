//! An extension server of ours over TLS behind a Service. What is asked of it, and what the APIService says, is kube-aggregator's v0.37
//! (pkg/controllers/status/remote, pkg/apiserver/handler_proxy.go, handler_apis.go and their tests).

use std::sync::Arc;

use futures::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

mod connections;
mod documents;
mod local;
mod pace;

use super::condition::stored;
use super::registered::Registered;
use super::*;
use crate::kinds::Kinds;
use crate::pki::{Authority, Profile};
use crate::testing::backend::{Asked, Backend, Direct, answer};
use crate::tests::support::server_admitting;
use crate::{ApiServer, Identity};

fn served(asked: &Asked) -> Response<Full<bytes::Bytes>> {
    let resources = json!([
        {"name": "gauges", "singularName": "gauge", "namespaced": true, "kind": "Gauge", "verbs": ["get", "list"], "shortNames": ["ga"]},
        {"name": "gauges/status", "singularName": "", "namespaced": true, "kind": "Gauge", "verbs": ["get"]},
    ]);
    match asked.line.split('?').next().unwrap_or_default() {
        "GET /apis/measure.example.com/v1" => answer(
            &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "measure.example.com/v1", "resources": resources}),
        ),
        "GET /openapi/v3" => answer(
            &json!({"paths": {"apis/measure.example.com/v1": {"serverRelativeURL": "/openapi/v3/apis/measure.example.com/v1?hash=A"}}}),
        ),
        "GET /apis/measure.example.com/v1/stream" => {
            let response =
                Response::builder().status(101).header("connection", "Upgrade").header("upgrade", "SPDY/3.1");
            response.body(Full::default()).unwrap()
        }
        line if line.starts_with("DELETE") => Response::builder().status(418).body("no".into()).unwrap(),
        line => answer(&json!({"line": line})),
    }
}

/// Waits for what other tasks do.
async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
}

/// What a look at all of them saw.
struct AllLooked {
    /// There is an APIService of another server.
    anything: bool,
    /// One that should answer does not.
    failing: bool,
}

/// What its loops do, once and for all servers.
impl Aggregator {
    async fn look(&self) -> AllLooked {
        let all = self.registry.read().sorted();
        self.forget_others(&all);
        let looked = join_all(all.iter().map(|registered| self.look_at(registered))).await;
        AllLooked { anything: !all.is_empty(), failing: looked.iter().any(|looked| looked.failing) }
    }

    async fn learn(&self) {
        let all = self.registry.read().sorted();
        join_all(all.iter().filter(|one| one.available).map(|registered| self.learn_of(registered))).await;
    }
}

struct World {
    server: ApiServer,
    backend: Backend,
    aggregator: Arc<Aggregator>,
    leaf: Leaf,
}

impl World {
    async fn new() -> Self {
        Self::answering(served).await
    }

    /// With an extension server that answers so.
    async fn answering(served: impl Fn(&Asked) -> Response<Full<bytes::Bytes>> + Send + Sync + 'static) -> Self {
        let server = server_admitting(|_, _| Vec::new());
        let authority = Authority::generate("front-proxy", server.env());
        let leaf = Leaf::issue(&authority, &Profile::client("system:auth-proxy", &[]), server.env());
        let aggregator = Aggregator::new(server.objects().clone(), Arc::new(Direct), leaf.clone());
        assert!(server.inner().aggregator.set(aggregator.clone()).is_ok());
        let backend = Backend::start(&["gauges.measure.svc"], served).await;
        Self { server, backend, aggregator, leaf }
    }

    async fn register(&self) {
        let service = json!({
            "metadata": {"name": "v1.measure.example.com"},
            "spec": {
                "group": "measure.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10,
                "service": {"namespace": "measure", "name": "gauges"}, "caBundle": self.backend.ca_bundle(),
            },
        });
        let (code, answer) =
            self.ask("POST", "/apis/apiregistration.k8s.io/v1/apiservices", "", service.to_string()).await;
        assert_eq!(code, 201, "{answer}");
    }

    async fn available(&self) {
        self.register().await;
        self.backend.publish(self.server.objects(), "measure", "gauges").await;
        self.aggregator.look().await;
        assert_eq!(self.condition().0, "True");
        self.aggregator.learn().await;
        self.backend.asked();
    }

    /// Status and reason of the Available condition, and its message.
    fn condition(&self) -> (String, String, String) {
        let service = self.server.objects().get(self.aggregator.kind, "", "v1.measure.example.com").unwrap();
        let condition = &service["status"]["conditions"][0];
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        let mut user = Identity::new("jane", &["a", "b"]);
        user.extra.insert("example.com/Team".to_owned(), vec!["red".to_owned()]);
        self.server.service(user).oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, uri: &str, accept: &str, body: impl Into<bytes::Bytes>) -> (u16, Value) {
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        let request = if accept.is_empty() { request } else { request.header("accept", accept) };
        let response = self.send(request.body(full(body)).unwrap()).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }
}

#[tokio::test]
async fn the_condition_follows_what_is_there() {
    let world = World::new().await;
    world.register().await;
    world.aggregator.look().await;
    let (status, reason, message) = world.condition();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ServiceNotFound"));
    assert_eq!(message, "service/gauges in \"measure\" is not present");
    let (code, text) = world.ask("GET", "/apis/measure.example.com/v1/gauges", "", "").await;
    assert_eq!((code, text), (503, json!("service unavailable\n")));
    world.backend.publish(world.server.objects(), "measure", "gauges").await;
    world.aggregator.look().await;
    assert_eq!(world.condition(), ("True".into(), "Passed".into(), "all checks passed".into()));
    let asked = world.backend.asked();
    assert_eq!(asked[0].line, "GET /apis/measure.example.com/v1");
    assert_eq!(asked[0].headers["x-remote-user"], "system:kube-aggregator");
    assert_eq!(asked[0].headers["x-remote-group"], "system:masters");
    assert_eq!(asked[0].certificate.as_deref(), Some(world.leaf.certificate.as_slice()));
}

#[test]
fn stored_objects_tell_why_not() {
    let service = json!({"metadata": {"name": "v1.g"}, "spec": {"group": "g", "version": "v1", "service": {"namespace": "ns", "name": "s", "port": 443}}});
    let registered = Registered::of(&service).unwrap();
    let backing = |port: u16| json!({"spec": {"type": "ClusterIP", "ports": [{"name": "https", "port": port}]}});
    let slice = |ready: bool, name: &str| json!({"ports": [{"name": name, "port": 8443}], "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]});
    let reason = |backing: Option<Value>, slices: &[Value]| {
        stored(&registered, backing.as_ref(), slices).map(|availability| (availability.reason, availability.message))
    };
    let says = |reason: &'static str, message: &str| Some((reason, message.to_owned()));
    assert_eq!(reason(None, &[]), says("ServiceNotFound", "service/s in \"ns\" is not present"));
    assert_eq!(
        reason(Some(backing(80)), &[]),
        says("ServicePortError", "service/s in \"ns\" is not listening on port 443")
    );
    assert_eq!(
        reason(Some(backing(443)), &[]),
        says("EndpointsNotFound", "cannot find endpointslices for service/s in \"ns\"")
    );
    let missing =
        says("MissingEndpoints", "endpointslices for service/s in \"ns\" have no addresses with port name \"https\"");
    assert_eq!(reason(Some(backing(443)), &[slice(false, "https")]), missing);
    assert_eq!(reason(Some(backing(443)), &[slice(true, "http")]), missing);
    assert_eq!(reason(Some(backing(443)), &[slice(true, "https")]), None);
    assert_eq!(reason(Some(json!({"spec": {"type": "ExternalName"}})), &[]), None);
}

#[tokio::test]
async fn requests_go_on_with_the_callers_name() {
    let world = World::new().await;
    world.available().await;
    let uri = "/apis/measure.example.com/v1/namespaces/default/gauges?limit=5";
    let request = Request::post(uri).header("x-remote-user", "root").header("x-remote-extra-scope", "all");
    let request = request.header("authorization", "Bearer secret").body(full("{\"a\":1}")).unwrap();
    let response = world.send(request).await;
    assert_eq!(response.status(), 200);
    let asked = world.backend.asked().remove(0);
    assert_eq!(asked.line, format!("POST {uri}"));
    assert_eq!(asked.json(), json!({"a": 1}));
    let all = |name: &str| {
        asked.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (all("x-remote-user"), all("x-remote-group")),
        (vec!["jane".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(all("x-remote-extra-example.com%2fteam"), ["red"]);
    assert!(!asked.headers.contains_key("authorization") && !asked.headers.contains_key("x-remote-extra-scope"));
    assert_eq!(asked.certificate.as_deref(), Some(world.leaf.certificate.as_slice()));
    let (code, _) = world.ask("DELETE", "/apis/measure.example.com/v1/gauges", "", "").await;
    assert_eq!(code, 418);
}

#[tokio::test]
async fn discovery_shows_other_groups() {
    let world = World::new().await;
    world.available().await;
    let version = json!({"groupVersion": "measure.example.com/v1", "version": "v1"});
    let (_, list) = world.ask("GET", "/apis", "", "").await;
    let groups = list["groups"].as_array().unwrap();
    assert_eq!(
        groups.last().unwrap(),
        &json!({"name": "measure.example.com", "versions": [version], "preferredVersion": version})
    );
    assert!(groups.len() > 15);
    let (_, group) = world.ask("GET", "/apis/measure.example.com", "", "").await;
    assert_eq!((&group["kind"], &group["preferredVersion"]), (&json!("APIGroup"), &version));
    let (_, resources) = world.ask("GET", "/apis/measure.example.com/v1", "", "").await;
    assert_eq!(resources["resources"][0]["name"], "gauges");
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let (_, list) = world.ask("GET", "/apis", accept, "").await;
    let kind = json!({"group": "measure.example.com", "version": "v1", "kind": "Gauge"});
    let entry = list["items"].as_array().unwrap().last().unwrap();
    assert_eq!(
        entry["versions"],
        json!([{"version": "v1", "freshness": "Current", "resources": [{
            "resource": "gauges", "responseKind": kind, "scope": "Namespaced", "singularResource": "gauge", "verbs": ["get", "list"], "shortNames": ["ga"],
            "subresources": [{"subresource": "status", "responseKind": kind, "verbs": ["get"]}],
        }]}])
    );
    let (_, index) = world.ask("GET", "/openapi/v3", "", "").await;
    let wanted = "/openapi/v3/apis/measure.example.com/v1?hash=A";
    assert_eq!(index["paths"]["apis/measure.example.com/v1"]["serverRelativeURL"], wanted);
    let (_, document) = world.ask("GET", wanted, "", "").await;
    assert_eq!(document["line"], "GET /openapi/v3/apis/measure.example.com/v1");
}

#[tokio::test]
async fn what_does_not_answer_is_stale() {
    let world = World::new().await;
    world.available().await;
    let World { server, backend, aggregator, .. } = world;
    let gone = backend.port;
    drop(backend);
    while tokio::net::TcpStream::connect(("127.0.0.1", gone)).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let kind = row("discovery.k8s.io", "v1", "endpointslices");
    let mut slice = server.objects().get(kind, "measure", "gauges-1").unwrap();
    slice["ports"][0]["port"] = 1.into();
    server.objects().update(kind, slice).await.unwrap();
    aggregator.look().await;
    let service = server.objects().get(aggregator.kind, "", "v1.measure.example.com").unwrap();
    let condition = &service["status"]["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("FailedDiscoveryCheck")));
    let message = condition["message"].as_str().unwrap();
    assert!(
        message.contains("https://gauges.measure.svc:443/apis/measure.example.com/v1")
            && message.ends_with("connect: connection refused"),
        "{message}"
    );
    let list = aggregator.aggregated(|| json!({"items": []})).unwrap();
    assert_eq!(list["items"][0]["versions"][0]["freshness"], "Stale");
    assert_eq!(list["items"][0]["versions"][0]["resources"][0]["resource"], "gauges");
}

#[tokio::test]
async fn upgraded_connections_lead_through() {
    let world = World::new().await;
    world.available().await;
    let (near, far) = tokio::io::duplex(4096);
    let server = world.server.clone();
    tokio::spawn(async move {
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let service = server.service(Identity::new("jane", &[]));
            async move { Ok::<_, std::convert::Infallible>(service.oneshot(request).await.unwrap()) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
        connection.with_upgrades().await.unwrap();
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request =
        Request::get("/apis/measure.example.com/v1/stream").header("host", "x").header("connection", "Upgrade");
    let request = request.header("upgrade", "SPDY/3.1").body(full("")).unwrap();
    let mut response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 101);
    let mut stream = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    stream.write_all(b"abcd").await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"dcba");
    assert_eq!(world.backend.asked()[0].headers["x-remote-user"], "jane");
}
