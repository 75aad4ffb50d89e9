//! A node's end that is played by the test: which endpoints lead into its tunnel, what goes through, how refusals read, and when it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::tunnel::{PATH, STREAMS_MAX};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::Tunnels;
use crate::dialer::dial::{Endpoint, Stream};
use crate::drain::Drain;
use crate::identity::Identity;
use crate::rows::row;
use crate::testing::objects;

/// Says each connection's address and what comes in back, in this order; what ends in `:1` is refused, `:2` talks without end.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), Method::CONNECT);
    let address = request.uri().to_string();
    if address.ends_with(":1") {
        let refusal = Response::builder().status(StatusCode::BAD_GATEWAY);
        return Ok(refusal.body("connect: connection refused".into()).unwrap());
    }
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        while address.ends_with(":2") {
            stream.write_all(&[0; 1 << 16]).await.unwrap();
        }
        stream.write_all(address.as_bytes()).await.unwrap();
        let mut come = Vec::new();
        stream.read_to_end(&mut come).await.unwrap();
        stream.write_all(&come).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    Ok(Response::default())
}

async fn play_agent(stream: DuplexStream) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let served = builder.max_concurrent_streams(STREAMS_MAX).serve_connection(TokioIo::new(stream), service_fn(answer));
    served.await.unwrap();
}

/// Nodes by name, address and the Pods' range.
async fn tunnels(nodes: &[(&str, &str, &str)]) -> Arc<Tunnels> {
    let objects = objects();
    for (name, address, pods) in nodes {
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"podCIDRs": [pods]},
            "status": {"addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]},
        });
        objects.create(row("", "v1", "nodes"), node).await.unwrap();
    }
    Arc::new(Tunnels::new(objects, &["10.42.0.0/16".to_owned()]).unwrap())
}

/// A node's tunnel: the agent, and how the server holds it.
struct Held {
    agent: JoinHandle<()>,
    server: JoinHandle<hyper::Result<()>>,
}

async fn open(tunnels: &Arc<Tunnels>, node: &'static str, drain: &Drain) -> Held {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let agent = tokio::spawn(play_agent(theirs));
    let server = tokio::spawn({
        let (tunnels, drain) = (tunnels.clone(), drain.clone());
        async move { tunnels.serve(node, TokioIo::new(ours), &drain).await }
    });
    until(|| tunnels.is_open(node)).await;
    Held { agent, server }
}

fn pod(address: &str) -> Endpoint {
    Endpoint::new(address, 8443)
}

/// Through which node's tunnel it goes.
fn way(tunnels: &Tunnels, endpoint: &Endpoint) -> Option<String> {
    tunnels.to(endpoint).unwrap().map(|tunnel| tunnel.node().to_owned())
}

async fn dial(tunnels: &Tunnels, endpoint: &Endpoint) -> Stream {
    tunnels.to(endpoint).unwrap().unwrap().dial(endpoint.address()).await.unwrap()
}

/// Sends, and reads all that comes.
async fn told(mut stream: Stream, said: &str) -> String {
    stream.write_all(said.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told
}

async fn until(mut is: impl FnMut() -> bool) {
    let looking = async {
        while !is() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it comes true");
}

const NODES: [(&str, &str, &str); 2] = [("near", "172.30.0.1", "10.42.0.0/24"), ("far", "192.168.7.5", "10.42.1.0/24")];

#[tokio::test]
async fn a_nodes_endpoints_lead_into_its_tunnel() {
    let tunnels = tunnels(&NODES).await;
    let held = open(&tunnels, "far", &Drain::default()).await;
    let far = Some("far".to_owned());
    for inside in [pod("10.42.1.7"), Endpoint::on("far", "192.168.7.5", 10250), Endpoint::on("far", "10.42.1.7", 80)] {
        assert_eq!(way(&tunnels, &inside), far, "{inside:?}");
    }
    // Its own address without its name may be anybody's: a webhook's on the server's network, say.
    for direct in ["192.168.7.5", "10.42.0.7", "172.30.0.1", "10.43.0.1", "8.8.8.8", "far", "kubernetes.default.svc"] {
        assert_eq!(way(&tunnels, &pod(direct)), None, "{direct}");
    }
    for direct in [("far", "8.8.8.8"), ("near", "172.30.0.1"), ("near", "10.42.1.7"), ("none", "10.42.1.7")] {
        assert_eq!(way(&tunnels, &Endpoint::on(direct.0, direct.1, 80)), None, "{direct:?}");
    }
    let stream = dial(&tunnels, &pod("10.42.1.7")).await;
    assert_eq!(told(stream, "; it is told again").await, "10.42.1.7:8443; it is told again");
    let tunnel = tunnels.to(&pod("10.42.1.7")).unwrap().unwrap();
    let Err(refused) = tunnel.dial("10.42.1.7:1".to_owned()).await else { panic!("it was refused") };
    assert_eq!(refused.to_string(), "dial tcp 10.42.1.7:1 by way of node far: connect: connection refused");
    held.agent.abort();
    drop(held.server.await.unwrap());
    for closed in [pod("10.42.1.7"), Endpoint::on("far", "192.168.7.5", 10250)] {
        let Err(refused) = tunnels.to(&closed) else { panic!("a tunnel that is gone leads nowhere else: {closed:?}") };
        let told = format!("dial tcp {}: the tunnel of node far is closed: is its agent running?", closed.address());
        assert_eq!(refused.to_string(), told);
    }
    assert_eq!(way(&tunnels, &pod("10.42.0.7")), None, "the other node never had one");
    let _held = open(&tunnels, "far", &Drain::default()).await;
    assert_eq!(way(&tunnels, &pod("10.42.1.7")), far);
}

#[tokio::test]
async fn ranges_that_cannot_be_read_are_an_error() {
    let Err(refused) = Tunnels::new(objects(), &["10.42.0.0/16".to_owned(), "10.42/16".to_owned()]) else {
        panic!("it is no range")
    };
    assert!(refused.to_string().starts_with("\"10.42/16\" is not an address range"), "{refused}");
}

#[tokio::test]
async fn two_nodes_with_one_address_are_told_apart_by_name() {
    let tunnels = tunnels(&[
        ("a", "192.168.1.2", "10.42.0.0/24"),
        ("b", "192.168.1.2", "10.42.1.0/24"),
        ("greedy", "192.168.1.3", "10.0.0.0/8"),
        ("double", "192.168.1.4", "10.42.1.128/25"),
    ])
    .await;
    let stop = Drain::default();
    let mut held = Vec::new();
    for node in ["a", "b", "greedy", "double"] {
        held.push(open(&tunnels, node, &stop).await);
    }
    for node in ["a", "b"] {
        assert_eq!(way(&tunnels, &Endpoint::on(node, "192.168.1.2", 10250)), Some(node.to_owned()));
    }
    assert_eq!(way(&tunnels, &pod("192.168.1.2")), None, "nobody knows whose it is");
    assert_eq!(way(&tunnels, &pod("10.42.0.9")), Some("a".to_owned()), "a range beyond the Pods' counts for nothing");
    assert_eq!(way(&tunnels, &pod("10.99.0.9")), None);
    assert_eq!(way(&tunnels, &pod("10.42.1.9")), Some("b".to_owned()));
    assert_eq!(way(&tunnels, &pod("10.42.1.200")), None, "two nodes have it");
    assert_eq!(
        way(&tunnels, &Endpoint::on("b", "10.42.1.200", 80)),
        Some("b".to_owned()),
        "its Pod is known to be there"
    );
}

#[tokio::test]
async fn hundreds_of_connections_go_through_one_tunnel() {
    let tunnels = tunnels(&NODES).await;
    let _held = open(&tunnels, "far", &Drain::default()).await;
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(dial(&tunnels, &pod("10.42.1.7")).await);
    }
    for stream in streams {
        assert_eq!(told(stream, "!").await, "10.42.1.7:8443!");
    }
}

#[tokio::test]
async fn a_connection_that_nobody_reads_from_holds_up_no_other() {
    let tunnels = tunnels(&NODES).await;
    let _held = open(&tunnels, "far", &Drain::default()).await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(dial(&tunnels, &Endpoint::new("10.42.1.7", 2)).await);
    }
    for _ in 0..20 {
        let telling = async { told(dial(&tunnels, &pod("10.42.1.7")).await, &"x".repeat(100_000)).await };
        let told = tokio::time::timeout(Duration::from_secs(10), telling).await.expect("it is not held up");
        assert_eq!(told.len(), "10.42.1.7:8443".len() + 100_000);
    }
}

/// What was under way may finish, by way of webhooks on nodes too.
#[tokio::test(start_paused = true)]
async fn a_tunnel_outlives_the_server_by_the_drain_time() {
    let tunnels = tunnels(&NODES).await;
    let drain = Drain::default();
    let held = open(&tunnels, "far", &drain).await;
    drain.begin();
    let stream = dial(&tunnels, &pod("10.42.1.7")).await;
    assert_eq!(told(stream, ".").await, "10.42.1.7:8443.");
    let begun = tokio::time::Instant::now();
    held.server.await.unwrap().unwrap();
    assert!(begun.elapsed() <= crate::drain::GOODBYE);
    assert!(!tunnels.is_open("far"));
}

#[tokio::test]
async fn only_a_node_that_switches_protocols_is_let_in() {
    let tunnels = tunnels(&[]).await;
    let ask = |name: &str, groups: &[&str]| {
        let request = Request::get(PATH).body(crate::body::full("")).unwrap();
        tunnels.accept(request, &Identity::new(name, groups), Drain::default()).unwrap_err()
    };
    let stranger = ask("jane", &["system:masters"]);
    assert_eq!((stranger.code, stranger.message.contains(r#""jane" is not a node"#)), (403, true), "{stranger}");
    assert_eq!(ask("system:node:n1", &["system:authenticated"]).code, 403, "the group makes a node");
    assert_eq!(ask("system:node:", &["system:nodes"]).code, 403);
    let plain = ask("system:node:n1", &["system:nodes"]);
    assert_eq!(plain.message, "/oxkube/v1/tunnel is asked for with the header Upgrade: oxkube-tunnel");
}
