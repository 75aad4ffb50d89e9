//! The transport between machines: hyper over rustls with ring. Proxies and Unix sockets are left out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::client::Body;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::error::{Error, Result};
use crate::kubeconfig::{Connection, Identity};

mod verify;
pub use verify::AnyServer;

/// Which HTTP a connection may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// HTTP/2 where the server offers it: watches share one connection.
    Any,
    /// HTTP/1.1 only: for requests that upgrade (exec, attach, port-forward).
    One,
}

/// A client over TLS (or plain HTTP where the server's address says so).
pub fn connect(connection: &Connection, http: Http) -> Result<kube::Client> {
    let (scheme, authority) = address(&connection.server)?;
    let connector = Connector { tls: tls_config(connection, http)?, server_name: connection.server_name.clone() };
    let hyper = HyperClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(15))
        .http2_keep_alive_while_idle(true)
        .http2_adaptive_window(true)
        .build::<_, Body>(connector);
    let authorization = match &connection.identity {
        Identity::Token(token) => Some(bearer(token)?),
        _ => None,
    };
    let namespace = if connection.namespace.is_empty() { "default" } else { &connection.namespace };
    let service = tower::service_fn(move |request: Request<Body>| {
        let mut request = crate::user_agent(request, "oxkube");
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme.clone());
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path are all there");
        if let Some(value) = &authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        hyper.request(request)
    });
    Ok(kube::Client::new(service, namespace))
}

/// A client from a CA, a client certificate, its key (all PEM) and a server address.
pub fn from_parts(ca: &[u8], chain: &[u8], key: &[u8], server: &str) -> Result<kube::Client> {
    let identity = Identity::Certificate { chain: chain.to_vec(), key: key.to_vec() };
    connect(&Connection { server: server.to_owned(), ca: ca.to_vec(), identity, ..Connection::default() }, Http::Any)
}

/// A client from a kubeconfig file and its current context.
pub fn from_kubeconfig(path: &std::path::Path) -> Result<kube::Client> {
    connect(&Connection::from_kubeconfig(path, None)?, Http::Any)
}

fn address(server: &str) -> Result<(Scheme, Authority)> {
    let uri: Uri =
        server.parse().map_err(|error: http::uri::InvalidUri| Error::Server(server.to_owned(), error.to_string()))?;
    let parts = uri.into_parts();
    match (parts.scheme, parts.authority) {
        (Some(scheme), Some(authority)) => Ok((scheme, authority)),
        _ => Err(Error::Server(server.to_owned(), "expected https://host:port".to_owned())),
    }
}

fn bearer(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Error::Kubeconfig("the token has characters that a header cannot carry".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The TLS client configuration of a connection; also for callers that dial by themselves.
pub fn tls_config(connection: &Connection, http: Http) -> Result<Arc<rustls::ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = if connection.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
    } else {
        builder.with_root_certificates(roots(&connection.ca)?)
    };
    let mut config = match &connection.identity {
        Identity::Certificate { chain, key } => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| Error::Pem { what: "client key", source })?;
            builder.with_client_auth_cert(certificates(chain, "client certificate")?, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = match http {
        Http::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http::One => vec![b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

fn roots(ca: &[u8]) -> Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(ca, "CA certificate")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|source| Error::Pem { what, source })
}

/// Dials a server for hyper.
#[derive(Clone)]
struct Connector {
    tls: Arc<rustls::ClientConfig>,
    server_name: Option<String>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Dialled>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.dial(uri).await.map(TokioIo::new) })
    }
}

impl Connector {
    async fn dial(self, uri: Uri) -> std::io::Result<Dialled> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = uri.scheme() != Some(&Scheme::HTTP);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        tcp.set_nodelay(true)?;
        if !is_tls {
            return Ok(Dialled::Plain(tcp));
        }
        let name = self.server_name.unwrap_or(host);
        let name = ServerName::try_from(name).map_err(std::io::Error::other)?;
        let stream = TlsConnector::from(self.tls).connect(name, tcp).await?;
        Ok(Dialled::Tls(Box::new(stream)))
    }
}

mod dialled;
use dialled::Dialled;
