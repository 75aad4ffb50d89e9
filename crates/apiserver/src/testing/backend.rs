//! A TLS server on loopback for tests: a webhook or an extension server that answers what a closure says, and notes what it was asked.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::dialer::Endpoint;
use crate::objects::Objects;
use crate::pki::{Authority, Leaf, Profile, server_config};
use crate::rows::row;

/// What was asked of the backend.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub line: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    /// The certificate that the client showed.
    pub certificate: Option<Vec<u8>>,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync>;

/// A running backend.
pub(crate) struct Backend {
    pub port: u16,
    pub authority: Authority,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
    open: Arc<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    /// Serves with a certificate for `names`.
    pub async fn start(
        names: &[&str],
        answer: impl Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let env = api::env::Env::new(jiff::Timestamp::now, |buffer| rand::fill(buffer), |_, _| {});
        let authority = Authority::generate("webhook-ca", &env);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = Leaf::issue(&authority, &Profile::server("webhook", names), &env);
        let mut tls = server_config(&leaf, &[&authority.certificate]).unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, connections): (Arc<Mutex<Vec<Asked>>>, Arc<Mutex<usize>>) = Default::default();
        let served = Served { answer: Arc::new(answer), asked: asked.clone() };
        let open = Arc::new(());
        let held = open.clone();
        let (acceptor, count) = (TlsAcceptor::from(Arc::new(tls)), connections.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock() += 1;
                tokio::spawn(served.clone().connection(acceptor.clone(), stream, held.clone()));
            }
        });
        Self { port, authority, asked, connections, open, task }
    }

    /// A caBundle for it.
    pub fn ca_bundle(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(self.authority.pem())
    }

    /// All that was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock())
    }

    /// All that were ever made.
    pub fn connections(&self) -> usize {
        *self.connections.lock()
    }

    /// Those that are open: each holds the mark, as do this and the listener.
    pub fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 2
    }

    /// Puts a Service and an EndpointSlice that leads here into the store.
    pub async fn publish(&self, objects: &Objects, namespace: &str, name: &str) {
        let service = json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": "10.43.0.99", "ports": [{"port": 443}]}});
        let slice = json!({
            "metadata": {"name": format!("{name}-1"), "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "", "port": self.port}],
            "endpoints": [{"addresses": ["10.42.0.9"], "nodeName": "n1", "conditions": {"ready": true}}],
        });
        objects.create(row("", "v1", "services"), service).await.unwrap();
        objects.create(row("discovery.k8s.io", "v1", "endpointslices"), slice).await.unwrap();
    }
}

#[derive(Clone)]
struct Served {
    answer: Answer,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Served {
    async fn connection(self, acceptor: TlsAcceptor, stream: TcpStream, _open: Arc<()>) {
        // Clients that do not trust this server end the handshake: that is theirs to report.
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(|chain| chain.first()).map(|first| first.to_vec());
        let service = service_fn(move |request| self.clone().serve(request, certificate.clone()));
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a test's connection ended");
        }
    }

    async fn serve(
        self,
        mut request: Request<hyper::body::Incoming>,
        certificate: Option<Vec<u8>>,
    ) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
        let switched = request.headers().contains_key("upgrade").then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let line = format!("{} {}", parts.method, parts.uri);
        let asked = Asked { line, headers: parts.headers, body, certificate };
        let answer = (self.answer)(&asked);
        self.asked.lock().push(asked);
        if let Some(upgrade) = switched {
            tokio::spawn(echo(upgrade));
        }
        Ok(answer)
    }
}

/// Sends back four bytes in reverse.
async fn echo(upgrade: hyper::upgrade::OnUpgrade) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TokioIo::new(upgrade.await.unwrap());
    let mut buffer = [0; 4];
    stream.read_exact(&mut buffer).await.unwrap();
    buffer.reverse();
    stream.write_all(&buffer).await.unwrap();
    stream.flush().await.unwrap();
}

/// 200 with JSON.
pub(crate) fn answer(value: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().header("content-type", "application/json");
    response.body(Full::from(value.to_string())).unwrap()
}

/// Dials loopback whatever is asked for, as if the cluster's network led there.
pub(crate) struct Direct;

#[async_trait::async_trait]
impl crate::dialer::Dialer for Direct {
    async fn dial(&self, to: &Endpoint) -> Result<crate::dialer::Stream, crate::dialer::DialError> {
        let address = Endpoint::new("127.0.0.1", to.port).address();
        let connecting = TcpStream::connect(&address).await;
        let stream = connecting.map_err(|source| crate::dialer::DialError::Connect { address, source })?;
        Ok(Box::new(stream))
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<crate::dialer::Stream, crate::dialer::DialError> {
        self.dial(to).await
    }
}
