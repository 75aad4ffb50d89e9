//! A node's end that is played by the test: which addresses lead into its tunnel, what goes through, and how refusals read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::Tunnels;
use crate::rows::row;
use crate::testing::objects;

/// Says each connection's address and what comes in back, in this order; what ends in `:1` is refused.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), Method::CONNECT);
    let address = request.uri().to_string();
    if address.ends_with(":1") {
        let refusal = Response::builder().status(StatusCode::BAD_GATEWAY);
        return Ok(refusal.body("connect: connection refused".into()).unwrap());
    }
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        stream.write_all(address.as_bytes()).await.unwrap();
        let mut come = Vec::new();
        stream.read_to_end(&mut come).await.unwrap();
        stream.write_all(&come).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    Ok(Response::default())
}

async fn play_agent(stream: DuplexStream) {
    let service = service_fn(answer);
    let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    served.await.unwrap();
}

async fn tunnels() -> Arc<Tunnels> {
    let objects = objects();
    for (name, address, pods) in [("near", "172.30.0.1", "10.42.0.0/24"), ("far", "192.168.7.5", "10.42.1.0/24")] {
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"podCIDRs": [pods]},
            "status": {"addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]},
        });
        objects.create(row("", "v1", "nodes"), node).await.unwrap();
    }
    Arc::new(Tunnels::new(objects))
}

async fn until(mut is: impl FnMut() -> bool) {
    let looking = async {
        while !is() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it comes true");
}

#[tokio::test]
async fn a_nodes_addresses_lead_into_its_tunnel() {
    let tunnels = tunnels().await;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let agent = tokio::spawn(play_agent(theirs));
    let held = tokio::spawn({
        let tunnels = tunnels.clone();
        async move { tunnels.serve("far", TokioIo::new(ours)).await }
    });
    until(|| tunnels.to("10.42.1.7").is_some()).await;
    assert!(tunnels.to("192.168.7.5").is_some(), "the node's own address");
    for direct in ["10.42.0.7", "172.30.0.1", "10.43.0.1", "8.8.8.8", "far", "kubernetes.default.svc"] {
        assert!(tunnels.to(direct).is_none(), "{direct} is not the node's");
    }
    let mut stream = tunnels.to("10.42.1.7").unwrap().dial("10.42.1.7", 8443).await.unwrap();
    stream.write_all(b"; it is told again").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert_eq!(told, "10.42.1.7:8443; it is told again");
    let Err(refused) = tunnels.to("10.42.1.7").unwrap().dial("10.42.1.7", 1).await else { panic!("it was refused") };
    assert_eq!(refused.to_string(), "dial tcp 10.42.1.7:1 by way of node far: connect: connection refused");
    agent.abort();
    assert!(held.await.unwrap().is_err() || tunnels.to("10.42.1.7").is_none());
    assert!(tunnels.to("10.42.1.7").is_none(), "a tunnel that is gone leads nowhere");
}
