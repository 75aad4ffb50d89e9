//! The port over TLS, between a client with certificates and a runtime in memory. Expectations: kubectl's and the API server's
//! documented behaviour; texts as upstream's kubelet gives them.

use std::path::Path;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::ServingCertificate;
use crate::config::Serving;
use crate::tests::node::TestNode;

/// A cluster's authority, a kubelet that serves, and a Pod `web` with a container `c` that runs.
struct Port {
    node: TestNode,
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
}

type Sender = SendRequest<Empty<Bytes>>;

impl Port {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority_pem = params.self_signed(&key).unwrap().pem();
        let authority = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let chain = params.signed_by(&key, &authority).unwrap().pem();
        let serving = Serving {
            address: "127.0.0.1:0".parse().unwrap(),
            certificate: ServingCertificate::new(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap(),
            client_ca: authority_pem.clone().into_bytes(),
        };
        let node = TestNode::start_with(|config| config.serving = Some(serving)).await;
        let container = json!({"name": "c", "image": "web:1", "imagePullPolicy": "IfNotPresent"});
        node.create("web", json!({"containers": [container]}));
        node.until_phase("web", "Running").await;
        Self { node, authority, authority_pem }
    }

    /// A connection, with a certificate of this name or without one.
    async fn connect(&self, name: Option<&str>) -> Sender {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let mut params = CertificateParams::new(Vec::new()).unwrap();
                params.distinguished_name = DistinguishedName::new();
                params.distinguished_name.push(DnType::CommonName, name);
                let key = KeyPair::generate().unwrap();
                let certificate = params.signed_by(&key, &self.authority).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.node.kubelet.address().unwrap()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender
    }

    async fn get_as(&self, name: Option<&str>, path: &str) -> Response<Incoming> {
        let request = Request::get(path).header("host", "kubelet").body(Empty::new()).unwrap();
        self.connect(name).await.send_request(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.get_as(Some("kube-apiserver-kubelet-client"), path).await;
        let code = response.status().as_u16();
        (code, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    /// Asks for an upgrade as kubectl does.
    async fn upgrade(&self, path: &str) -> Response<Incoming> {
        let request = Request::post(path)
            .header("host", "kubelet")
            .header("connection", "Upgrade")
            .header("upgrade", "SPDY/3.1")
            .header("x-stream-protocol-version", "v4.channel.k8s.io")
            .header("x-stream-protocol-version", "v3.channel.k8s.io");
        let mut sender = self.connect(Some("kube-apiserver-kubelet-client")).await;
        sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap()
    }
}

fn append(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn line(number: u32, text: &str) -> String {
    format!("2026-01-01T00:00:{number:02}Z stdout F {text}\n")
}

#[tokio::test]
async fn only_the_api_server_is_answered() {
    let port = Port::start().await;
    assert_eq!(port.get_as(None, "/pods").await.status(), 401);
    assert_eq!(port.get_as(Some("system:node:n2"), "/exec/default/web/c").await.status(), 403);
    assert_eq!(port.get("/healthz").await, (200, "ok".to_owned()));
    let (code, pods) = port.get("/pods").await;
    let pods: Value = serde_json::from_str(&pods).unwrap();
    assert_eq!((code, &pods["items"][0]["metadata"]["name"]), (200, &json!("web")));
    assert_eq!(port.get("/checkpoint/a/b/c").await.0, 501);
    assert_eq!(port.get("/nowhere").await.0, 404);
}

#[tokio::test]
async fn figures_are_for_whom_the_api_server_allows() {
    let port = Port::start().await;
    let (code, summary) = port.get("/stats/summary").await;
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((code, &summary["pods"][0]["podRef"]["name"]), (200, &json!("web")));
    let ask = async |token: &str, path: &str| {
        let request = Request::get(path).header("host", "kubelet").header("authorization", format!("Bearer {token}"));
        let response = port.connect(None).await.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        (code, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    let (code, text) = ask("scraper-token", "/metrics/resource").await;
    assert_eq!(code, 200);
    assert!(text.contains("pod_cpu_usage_seconds_total{namespace=\"default\",pod=\"web\"} 1 "), "{text}");
    assert_eq!(ask("other-token", "/metrics/resource").await.0, 401);
    let (code, text) = ask("scraper-token", "/pods").await;
    assert_eq!((code, text.trim()), (403, "Forbidden (user=scraper, verb=get, resource=nodes, subresource=pods)"));
}

#[tokio::test]
async fn logs_are_read_and_followed_to_the_end_of_the_container() {
    let port = Port::start().await;
    let path = port.node.runtime.log_path("c");
    append(&path, &(line(0, "one") + &line(1, "two")));
    let logs = "/containerLogs/default/web/c";
    assert_eq!(port.get(logs).await, (200, "one\ntwo\n".to_owned()));
    let text = "2026-01-01T00:00:01Z two\n".to_owned();
    assert_eq!(port.get(&format!("{logs}?tailLines=1&timestamps=true")).await, (200, text));
    assert_eq!(port.get(&format!("{logs}?sinceTime=2026-01-01T00:00:01Z")).await.1, "two\n");
    assert_eq!(port.get(&format!("{logs}?tailLines=x")).await.0, 400);
    let (code, text) = port.get(&format!("{logs}?previous=true")).await;
    assert_eq!((code, text.trim()), (400, "previous terminated container \"c\" in pod \"web\" not found"));
    let (code, text) = port.get("/containerLogs/default/web/x").await;
    assert_eq!((code, text.trim()), (404, "container \"x\" not found in pod \"web\""));
    assert_eq!(port.get("/containerLogs/default/other/c").await.0, 404);

    let name = Some("kube-apiserver-kubelet-client");
    let mut followed = port.get_as(name, &format!("{logs}?follow=true&tailLines=1")).await.into_body();
    let next = async |body: &mut Incoming| body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(next(&mut followed).await, "two\n");
    append(&path, &line(2, "three"));
    assert_eq!(next(&mut followed).await, "three\n");
    // Rotated, as the runtime does it.
    std::fs::rename(&path, path.with_extension("log.1")).unwrap();
    append(&path, &line(3, "four"));
    assert_eq!(next(&mut followed).await, "four\n");
    append(&path, &line(4, "bye"));
    port.node.runtime.exit("c", 1);
    assert_eq!(followed.collect().await.unwrap().to_bytes(), "bye\n");
    // It waits for its restart, or was restarted: either way this is the run before.
    let (code, text) = port.get(&format!("{logs}?previous=true")).await;
    assert_eq!((code, text.as_str()), (200, "four\nbye\n"));
}

#[tokio::test]
async fn upgraded_connections_are_passed_through() {
    let port = Port::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    port.node.runtime.stream_at(&format!("http://{address}/exec/token"));
    let streams = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\n\
            x-stream-protocol-version: v4.channel.k8s.io\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        (String::from_utf8(head).unwrap().to_lowercase(), rest)
    });
    let response =
        port.upgrade("/exec/default/web/c?command=sh&command=-c&command=a%20b&input=1&output=1&error=1&tty=1").await;
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["x-stream-protocol-version"], "v4.channel.k8s.io");
    let mut upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut hello = [0; 5];
    upgraded.read_exact(&mut hello).await.unwrap();
    upgraded.write_all(b"bytes").await.unwrap();
    upgraded.shutdown().await.unwrap();
    let (head, rest) = streams.await.unwrap();
    assert_eq!((&hello, rest.as_str()), (b"hello", "bytes"));
    assert!(head.starts_with("post /exec/token http/1.1\r\n"), "{head}");
    assert!(head.contains("v4.channel.k8s.io") && head.contains("v3.channel.k8s.io"), "{head}");
    assert!(port.node.runtime.calls().contains(&"Exec sh -c a b tty=true stdin=true".to_owned()));
}

#[tokio::test]
async fn streams_that_cannot_be_are_refused() {
    let port = Port::start().await;
    let (code, text) = port.get("/exec/default/web/c?command=ls&output=1").await;
    assert_eq!((code, text.trim()), (400, "Upgrade request required"));
    assert_eq!(port.upgrade("/exec/default/web/c?command=ls").await.status(), 400);
    assert_eq!(port.upgrade("/portForward/default/web?port=0").await.status(), 400);
    assert_eq!(port.upgrade("/portForward/default/other").await.status(), 404);
    // Nobody listens where the runtime says it does.
    port.node.runtime.stream_at("http://127.0.0.1:1/portforward/token");
    let response = port.upgrade("/portForward/default/web?port=80&port=443").await;
    assert_eq!(response.status(), 500);
    assert!(port.node.runtime.calls().contains(&"PortForward [80, 443]".to_owned()));
}
