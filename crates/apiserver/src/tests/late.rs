//! Requests that nobody waits for any longer: what goes on, for how long, how many, and what ends with who asked for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tower::ServiceExt;

use super::support::{server_admitting, server_serving, server_serving_and_admitting};
use crate::aggregation::Aggregator;
use crate::body::{Body, full};
use crate::dialer::{DialError, Dialer, Endpoint, Stream};
use crate::pki::{Authority, Leaf, Profile};
use crate::rows::row;
use crate::services::{ServiceAllocation, forward};
use crate::{AdmissionRequest, Admit, ApiServer, Call, Config, Identity, Service, Status};

/// Validates for so many seconds.
struct Slow(u64);

#[async_trait]
impl Admit for Slow {
    fn name(&self) -> &'static str {
        "Slow"
    }

    async fn validate(&self, _: &AdmissionRequest<'_>) -> Result<(), Status> {
        tokio::time::sleep(Duration::from_secs(self.0)).await;
        Ok(())
    }
}

fn slow(seconds: u64) -> ApiServer {
    server_admitting(|_, _| vec![Arc::new(Slow(seconds))])
}

const ALL: &str = "/api/v1/namespaces/d/configmaps";

fn create(name: &str, timeout: &str) -> Request<Body> {
    let object = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}});
    Request::post(format!("{ALL}?timeout={timeout}")).body(full(object.to_string())).unwrap()
}

async fn send(server: &ApiServer, user: &str, request: Request<Body>) -> Response<Body> {
    server.service(Identity::new(user, &["people"])).oneshot(request).await.unwrap()
}

fn late(server: &ApiServer) -> usize {
    server.inner().late.count("admin")
}

fn stored(server: &ApiServer) -> usize {
    server.objects().items(row("", "v1", "configmaps"), "d").len()
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Waits for what other tasks do.
async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_has_begun_is_finished_within_two_minutes() {
    for (seconds, finished) in [(40, true), (300, false)] {
        let server = slow(seconds);
        assert_eq!(send(&server, "admin", create("a", "1s")).await.status(), 504);
        assert_eq!((late(&server), stored(&server)), (1, 0));
        after(119).await;
        assert_eq!((late(&server), stored(&server)), (usize::from(!finished), usize::from(finished)));
        after(2).await;
        assert_eq!((late(&server), stored(&server)), (0, usize::from(finished)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_client_goes_away_is_finished() {
    let server = slow(5);
    let mut asking = Box::pin(send(&server, "admin", create("a", "10s")));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    assert_eq!((late(&server), stored(&server)), (1, 0));
    after(6).await;
    assert_eq!((late(&server), stored(&server)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_is_dropped() {
    let server = slow(5);
    let body = StreamBody::new(futures::stream::pending::<Result<http_body::Frame<bytes::Bytes>, _>>());
    let request = Request::post(format!("{ALL}?timeout=1s")).body(body.boxed_unsync()).unwrap();
    assert_eq!(send(&server, "admin", request).await.status(), 504);
    assert_eq!(late(&server), 0, "its body never came");
    let request = Request::get(format!("{ALL}?resourceVersion=999999&timeout=1s")).body(full("")).unwrap();
    assert_eq!(send(&server, "admin", request).await.status(), 504);
    assert_eq!(late(&server), 0, "it only reads");
}

#[tokio::test(start_paused = true)]
async fn one_late_write_too_many_is_not_begun() {
    let server = slow(60);
    for at in 0..100 {
        assert_eq!(send(&server, "admin", create(&format!("c{at}"), "1ms")).await.status(), 504);
    }
    let begun = Instant::now();
    let refused = send(&server, "admin", create("one-more", "")).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"5".parse().unwrap()));
    assert_eq!((begun.elapsed(), late(&server)), (Duration::ZERO, 100));
    let status: Value = serde_json::from_slice(&refused.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(status["message"], "too many late writes: 100 of user \"admin\" go on that nobody waits for");
    let other = send(&server, "other", create("others", "1ms")).await;
    assert_eq!(other.status(), 504, "others write on");
    after(61).await;
    assert_eq!((late(&server), stored(&server)), (0, 101));
    assert_eq!(send(&server, "admin", create("again", "1ms")).await.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_answered_in_the_format_that_was_asked_for() {
    let server = slow(5);
    for format in ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"] {
        let mut request = create("a", "1s");
        request.headers_mut().insert("accept", format.parse().unwrap());
        let answer = send(&server, "admin", request).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (504, &format.parse().unwrap()));
    }
}

/// Lets a write go on only when it is told to.
struct Gate(Arc<Notify>, Arc<Notify>);

#[async_trait]
impl Admit for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    async fn validate(&self, _: &AdmissionRequest<'_>) -> Result<(), Status> {
        self.0.notify_one();
        self.1.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_service_whose_client_goes_away_half_way_keeps_nothing_reserved() {
    let (reached, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = Gate(reached.clone(), open.clone());
    let mut allocation = None;
    let server = server_serving_and_admitting(
        |objects| {
            let services = Arc::new(ServiceAllocation::new(objects.clone(), &Config::new("/nowhere")));
            allocation = Some(services.clone());
            [("services", services as Arc<dyn Service>)].into()
        },
        |_, _| vec![Arc::new(gate)],
    );
    let allocation = allocation.unwrap();
    let spec = json!({"type": "NodePort", "ports": [{"port": 80}]});
    let object = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": spec});
    let request = Request::post("/api/v1/namespaces/d/services").body(full(object.to_string())).unwrap();
    tokio::select! {
        answer = send(&server, "admin", request) => panic!("{} before the gate opened", answer.status()),
        () = reached.notified() => {}
    }
    assert!(allocation.reserves());
    open.notify_one();
    until(|| late(&server) == 0).await;
    let service = server.objects().get(row("", "v1", "services"), "d", "a").expect("the write was finished");
    let addresses = server.objects().items(row("networking.k8s.io", "v1", "ipaddresses"), "");
    assert_eq!(addresses.len(), 1);
    assert_eq!(service["spec"]["clusterIP"], addresses[0].meta.name.as_str());
    assert!(!allocation.reserves());
}

/// Leads to who accepts connections and never says anything.
struct Mute(mpsc::UnboundedSender<DuplexStream>);

#[async_trait]
impl Dialer for Mute {
    async fn dial(&self, _: &Endpoint) -> Result<Stream, DialError> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        self.0.send(far).unwrap();
        Ok(Box::new(near))
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError> {
        self.dial(to).await
    }
}

/// A server with an extension server for measure.example.com that never answers.
async fn extended() -> (ApiServer, mpsc::UnboundedReceiver<DuplexStream>) {
    let server = server_admitting(|_, _| Vec::new());
    let authority = Authority::generate("front-proxy", server.env());
    let leaf = Leaf::issue(&authority, &Profile::client("system:auth-proxy", &[]), server.env());
    let (dialled, far) = mpsc::unbounded_channel();
    let aggregator = Aggregator::new(server.objects().clone(), Arc::new(Mute(dialled)), leaf);
    assert!(server.inner().aggregator.set(aggregator).is_ok());
    let registered = json!({
        "metadata": {"name": "v1.measure.example.com"},
        "spec": {
            "group": "measure.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10,
            "service": {"namespace": "measure", "name": "gauges", "port": 443}, "insecureSkipTLSVerify": true,
        },
        "status": {"conditions": [{"type": "Available", "status": "True"}]},
    });
    let service = json!({"metadata": {"name": "gauges", "namespace": "measure"}, "spec": {"ports": [{"port": 443}]}});
    let slice = json!({
        "metadata": {"name": "gauges", "namespace": "measure", "labels": {"kubernetes.io/service-name": "gauges"}},
        "ports": [{"port": 443}], "endpoints": [{"addresses": ["10.42.0.9"]}],
    });
    for (group, plural, object) in [
        ("apiregistration.k8s.io", "apiservices", registered),
        ("", "services", service),
        ("discovery.k8s.io", "endpointslices", slice),
    ] {
        server.objects().create(row(group, "v1", plural), object).await.unwrap();
    }
    (server, far)
}

#[tokio::test(start_paused = true)]
async fn what_an_extension_server_does_not_answer_ends_with_its_request() {
    let (server, mut far) = extended().await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let path = "/apis/measure.example.com/v1/gauges/a?timeout=1s";
        let request = Request::builder().method(method.clone()).uri(path).body(full("{}")).unwrap();
        assert_eq!(send(&server, "admin", request).await.status(), 504, "{method}");
        assert_eq!(late(&server), 0, "{method}");
        let mut connection = far.recv().await.unwrap();
        let mut said = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(1), connection.read_to_end(&mut said)).await;
        assert!(closed.is_ok() && !said.is_empty(), "{method}: its connection stays open");
    }
}

/// Forwards to who tells a length of 10 and sends 5 bytes.
struct Stalling;

#[async_trait]
impl Service for Stalling {
    async fn handle(&self, call: Call) -> Result<Response<Body>, Status> {
        let (near, mut far) = tokio::io::duplex(4096);
        call.objects.env().spawn("a server that stalls", async move {
            assert_ne!(far.read(&mut [0; 4096]).await.unwrap(), 0);
            far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.unwrap();
            std::future::pending::<()>().await;
        });
        let there = forward::Place { uri: "/", host: "there" };
        forward::forward(Box::new(near), call.objects.env(), &call.drain, call.http, there).await
    }
}

#[tokio::test(start_paused = true)]
async fn another_servers_answer_that_stalls_is_cut() {
    let server = server_serving(|_| [("token", Arc::new(Stalling) as Arc<dyn Service>)].into());
    let path = "/api/v1/namespaces/d/serviceaccounts/a/token?timeout=10s";
    let begun = Instant::now();
    let mut body = send(&server, "admin", Request::post(path).body(full("")).unwrap()).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    let ended = tokio::time::timeout(Duration::from_secs(60), body.frame()).await.expect("it ends").unwrap();
    assert_eq!(ended.unwrap_err().to_string(), "request did not complete within the allotted timeout");
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}
