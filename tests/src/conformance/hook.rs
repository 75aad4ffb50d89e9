//! An HTTPS server of this process that the cluster's API server calls: webhooks, conversion, an aggregated API. A Service without a
//! selector leads to it.

use std::convert::Infallible;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::ctx::Ctx;
use crate::certificate::Certified;

/// What the API server asked.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// What it is answered.
pub struct Reply {
    pub code: u16,
    pub body: Value,
    pub after: Duration,
}

impl Reply {
    pub fn json(body: Value) -> Self {
        Self { code: 200, body, after: Duration::ZERO }
    }
}

type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running server; ends when it is dropped.
pub struct Hook {
    task: tokio::task::JoinHandle<()>,
    /// The CA's certificate as `caBundle` wants it.
    pub ca_bundle: String,
    pub service: String,
    pub namespace: String,
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hook {
    /// Serves answers behind a new Service of the check's namespace.
    pub async fn serve(ctx: &Ctx, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let service = "hook".to_owned();
        let (config, ca_bundle) = certificates(&format!("{service}.{}.svc", ctx.ns))?;
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let port = listener.local_addr()?.port();
        let address = own_address(ctx).await?;
        publish(ctx, &service, &address, port).await?;
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), Arc::new(answer)));
        Ok(Self { task, ca_bundle, service, namespace: ctx.ns.clone() })
    }

    /// `clientConfig` of a webhook, or `conversion.webhook.clientConfig`.
    pub fn client_config(&self, path: &str) -> Value {
        let service = json!({"namespace": self.namespace, "name": self.service, "path": path, "port": 443});
        json!({"service": service, "caBundle": self.ca_bundle})
    }
}

/// A server's configuration, signed by a CA of its own.
fn certificates(name: &str) -> Result<(rustls::ServerConfig, String)> {
    let certified = Certified::new(name)?;
    let chain = vec![CertificateDer::from_pem_slice(certified.chain.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, base64::engine::general_purpose::STANDARD.encode(certified.authority)))
}

/// The address of this machine that a node can reach: the one it would be asked from.
async fn own_address(ctx: &Ctx) -> Result<String> {
    if let Some(address) = &ctx.settings.hook_address {
        return Ok(address.clone());
    }
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    for (_, address) in super::pods::nodes(ctx).await.unwrap_or_default() {
        socket.connect((address.as_str(), 9))?;
        let own = socket.local_addr()?.ip();
        if !own.is_loopback() {
            return Ok(own.to_string());
        }
    }
    bail!("no address of this machine is known to reach the cluster: --hook-address tells it")
}

/// A Service without a selector, and where it leads.
async fn publish(ctx: &Ctx, service: &str, address: &str, port: u16) -> Result<()> {
    let spec = json!({"ports": [{"name": "https", "port": 443, "targetPort": port}]});
    ctx.here("v1", "services").create(json!({"metadata": {"name": service}, "spec": spec})).await?;
    let ports = json!([{"name": "https", "port": port}]);
    let subsets = json!([{"addresses": [{"ip": address}], "ports": ports}]);
    ctx.here("v1", "endpoints").create(json!({"metadata": {"name": service}, "subsets": subsets})).await?;
    let slice = json!({
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "conformance"}},
        "addressType": "IPv4", "ports": ports, "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
    });
    ctx.here("discovery.k8s.io/v1", "endpointslices").create(slice).await.context("its EndpointSlice").map(drop)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, answer: Arc<Answering>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        tokio::spawn(connection(stream, acceptor.clone(), answer.clone()));
    }
}

async fn connection(stream: tokio::net::TcpStream, acceptor: TlsAcceptor, answer: Arc<Answering>) {
    // A caller that breaks off is no error of the check's: the check sees what the API server makes of it.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| respond(request, answer.clone()));
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(request: Request<Incoming>, answer: Arc<Answering>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let bytes = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let reply = answer(&Asked { method, path, body });
    tokio::time::sleep(reply.after).await;
    let mut response = Response::new(Full::new(Bytes::from(reply.body.to_string())));
    *response.status_mut() = StatusCode::from_u16(reply.code).unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}
