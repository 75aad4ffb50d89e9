//! Calls to a TLS server on loopback by way of a Service: who is trusted, what is pooled, and how failures read.

use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::objects::Objects;
use crate::pki::{Pki, server_config};
use crate::testing::backend::{Backend, Direct, answer};
use crate::testing::memory_store;

const DEADLINE: Duration = Duration::from_secs(20);

/// An environment with the machine's clock: certificates are checked by it.
fn objects() -> Objects {
    let env = Env::new(jiff::Timestamp::now, |buffer| buffer.fill(7), |_, task| drop(tokio::spawn(task)));
    Objects::new(memory_store(), env)
}

fn clients(objects: &Objects) -> Clients {
    Clients::new(Arc::new(Direct), objects.clone(), None)
}

fn service(backend: &Backend) -> Value {
    json!({"service": {"namespace": "web", "name": "hook", "port": 443, "path": "/review"}, "caBundle": backend.ca_bundle()})
}

async fn failure(clients: &Clients, config: &Value) -> String {
    let target = Target::of(config).unwrap();
    clients.post(&target, "", Bytes::new(), DEADLINE).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_service_is_called_by_its_name_over_one_connection() {
    let objects = objects();
    let backend = Backend::start(&["hook.web.svc"], |_| answer(&json!({"ok": true}))).await;
    backend.publish(&objects, "web", "hook").await;
    let clients = clients(&objects);
    let target = Target::of(&service(&backend)).unwrap();
    assert_eq!(target.url(), "https://hook.web.svc:443/review");
    for _ in 0..3 {
        let (code, bytes) = clients.post(&target, "timeout=10s", Bytes::from("{}"), DEADLINE).await.unwrap();
        assert_eq!((code.as_u16(), bytes.as_ref()), (200, br#"{"ok":true}"#.as_slice()));
    }
    let asked = backend.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].line, "POST /review?timeout=10s");
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_url_is_called_as_it_stands() {
    let objects = objects();
    let backend = Backend::start(&["localhost"], |_| answer(&json!({}))).await;
    let url = format!("https://localhost:{}/at/home", backend.port);
    let target = Target::of(&json!({"url": url, "caBundle": backend.ca_bundle()})).unwrap();
    clients(&objects).post(&target, "", Bytes::new(), DEADLINE).await.unwrap();
    assert_eq!(backend.asked()[0].line, "POST /at/home");
}

/// The words are those of Go's net and crypto/tls, and of apiserver's pkg/util/proxy.
#[tokio::test]
async fn failures_say_what_is_wrong() {
    let objects = objects();
    let backend = Backend::start(&["other.web.svc"], |_| answer(&json!({}))).await;
    let clients = clients(&objects);
    let mut config = service(&backend);
    assert_eq!(failure(&clients, &config).await, "service \"hook\" not found");
    backend.publish(&objects, "web", "hook").await;
    let text = failure(&clients, &config).await;
    assert!(text.starts_with("tls: failed to verify certificate: x509:") && text.contains("hook.web.svc"), "{text}");
    let stranger = Backend::start(&["hook.web.svc"], |_| answer(&json!({}))).await;
    config["caBundle"] = stranger.ca_bundle().into();
    let text = failure(&clients, &config).await;
    assert_eq!(text, "tls: failed to verify certificate: x509: certificate signed by unknown authority");
    config["service"]["port"] = 8443.into();
    assert_eq!(failure(&clients, &config).await, "no service port 8443 found for service \"hook\"");
    let closed = json!({"url": "https://127.0.0.1:1/"});
    assert_eq!(failure(&clients, &closed).await, "dial tcp 127.0.0.1:1: connect: connection refused");
    assert!(failure(&clients, &json!({"url": "http://localhost/"})).await.contains("not an https address"));
}

/// A listener on loopback with a certificate that stands for itself, and a target that trusts it.
async fn own_certificate() -> (tokio::net::TcpListener, tokio_rustls::TlsAcceptor, Target) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let der = certified.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls.with_single_cert(vec![der], key).unwrap()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trust = Trust::Bundle(certified.cert.pem());
    (listener, acceptor, Target { address: Address::Url(format!("https://localhost:{port}")), trust })
}

#[tokio::test]
async fn a_bundle_may_hold_the_certificate_itself() {
    let (listener, acceptor, target) = own_certificate().await;
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_ok()
    });
    clients(&objects()).connect(&target).await.unwrap();
    assert!(served.await.unwrap());
}

/// Reads the head of a request, whose last line is empty.
async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    use tokio::io::AsyncReadExt;
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
}

/// As Go's net/http: a connection that was kept may be closed just as it is used again. What only reads is then sent once more.
#[tokio::test]
async fn what_only_reads_is_sent_again() {
    use tokio::io::AsyncWriteExt;
    let (listener, acceptor, target) = own_certificate().await;
    // Each connection answers one request, and closes at the second.
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            head(&mut stream).await;
        }
    });
    let clients = clients(&objects());
    let ask = async |method: &str| {
        let request = http::Request::builder().method(method).uri("/x").body(crate::body::full("")).unwrap();
        clients.fetch(&target, request, DEADLINE).await.map(|(_, body)| body)
    };
    assert_eq!(ask("GET").await.unwrap(), "ok");
    assert_eq!(ask("GET").await.unwrap(), "ok");
    let error = ask("POST").await.unwrap_err();
    assert!(matches!(error, CallError::Transport(_)), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let target = Target { address: Address::Url(url), trust: Trust::Anybody };
    let answered = clients(&objects()).post(&target, "", Bytes::new(), Duration::from_millis(50)).await;
    assert_eq!(answered.unwrap_err().to_string(), "context deadline exceeded");
}

/// Upstream goes by the address that it dials; that is a node's own word, its name is not.
#[tokio::test]
async fn a_kubelet_has_to_be_the_node_that_is_meant() {
    let (objects, folder) = (objects(), tempfile::tempdir().unwrap());
    let pki = Pki::open(&objects.store, &Config::new(folder.path()), objects.env()).await.unwrap();
    let leaf = pki.server("kubelet", "system:node:n1", vec!["n1".to_owned()]).unwrap();
    let tls = server_config(&leaf, &[&pki.keys.client_authority.certificate]).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    let dialer = TcpDialer::new(&pki, Arc::new(Tunnels::new(objects, &[]).unwrap())).unwrap();
    dialer.dial_kubelet(&Endpoint::on("n1", "127.0.0.1", port)).await.unwrap();
    let another = dialer.dial_kubelet(&Endpoint::on("n2", "127.0.0.1", port)).await.err().unwrap().to_string();
    assert!(another.starts_with(&format!("tls handshake with 127.0.0.1:{port}: ")), "{another}");
}

/// Notes what is dialled.
#[derive(Default)]
struct Noting(parking_lot::Mutex<Vec<Endpoint>>);

#[async_trait::async_trait]
impl Dialer for Noting {
    async fn dial(&self, to: &Endpoint) -> Result<Stream, DialError> {
        self.0.lock().push(to.clone());
        Direct.dial(to).await
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError> {
        self.dial(to).await
    }
}

#[tokio::test]
async fn a_services_endpoint_is_dialled_on_its_node() {
    let objects = objects();
    let backend = Backend::start(&["hook.web.svc"], |_| answer(&json!({}))).await;
    backend.publish(&objects, "web", "hook").await;
    let dialer = Arc::new(Noting::default());
    let clients = Clients::new(dialer.clone(), objects, None);
    let target = Target::of(&service(&backend)).unwrap();
    clients.post(&target, "", Bytes::new(), DEADLINE).await.unwrap();
    let request = http::Request::get("/path").body(crate::body::full("")).unwrap();
    clients.fetch(&target, request, DEADLINE).await.unwrap();
    assert_eq!(*dialer.0.lock(), vec![Endpoint::on("n1", "10.42.0.9", backend.port); 2]);
}
