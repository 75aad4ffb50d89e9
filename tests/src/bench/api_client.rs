//! A lean client: one TLS connection with HTTP/2, a certificate or a token, requests and watches. It does not check who the server is: what
//! is measured runs in the same namespaces.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;

use super::trust::Anybody;

/// What a client proves who it is with.
#[derive(Clone, Copy)]
pub enum Login<'a> {
    /// The client certificate of a kubeconfig.
    Certificate(&'a Path),
    /// A service account's token.
    Token(&'a str),
}

/// A connection; clones share it.
#[derive(Clone)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// Connects without a certificate.
    pub async fn anonymous(address: &str) -> Result<Self> {
        Self::connect(address, Anybody::config().with_no_client_auth()).await
    }

    /// Connects as somebody.
    pub async fn login(address: &str, login: Login<'_>) -> Result<Self> {
        match login {
            Login::Certificate(kubeconfig) => Self::administrator(address, kubeconfig).await,
            Login::Token(token) => {
                let authorization = Some(HeaderValue::from_str(&format!("Bearer {token}"))?);
                Ok(Self { authorization, ..Self::anonymous(address).await? })
            }
        }
    }

    /// Connects as the user of the kubeconfig.
    pub async fn administrator(address: &str, kubeconfig: &Path) -> Result<Self> {
        let text = fs::read_to_string(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
        let chain = CertificateDer::pem_slice_iter(&embedded(&text, "client-certificate-data")?)
            .collect::<Result<Vec<_>, _>>()
            .context("the client certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&embedded(&text, "client-key-data")?).context("the client key")?;
        Self::connect(address, Anybody::config().with_client_auth_cert(chain, key)?).await
    }

    async fn connect(address: &str, mut config: rustls::ClientConfig) -> Result<Self> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
        Ok(Self { sender, address: address.to_owned(), authorization: None })
    }

    /// One request; gives the status and the whole body. A PATCH is a server-side apply.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<(u16, Bytes)> {
        let response = self.open(method, path, body).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// As [`Client::send`]; the answer has to be a success.
    pub async fn succeed(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        Ok(answer)
    }

    /// Starts a watch.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        let response = self.open(Method::GET, path, Bytes::new()).await?;
        ensure!(response.status().is_success(), "GET {path}: {}", response.status());
        Ok(Watch { body: response.into_body(), unread: BytesMut::new() })
    }

    async fn open(&self, method: Method, path: &str, body: Bytes) -> Result<http::Response<Incoming>> {
        let content_type = if method == Method::PATCH { "application/apply-patch+yaml" } else { "application/json" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.address))
            .header(header::CONTENT_TYPE, content_type)
            .header(header::USER_AGENT, "bench/1")
            .body(Full::new(body))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        Ok(self.sender.clone().send_request(request).await?)
    }
}

/// A stream of events, one JSON line each.
pub struct Watch {
    body: Incoming,
    unread: BytesMut,
}

impl Watch {
    /// Waits for more and tells how many events end in it; nothing is kept.
    pub async fn count(&mut self) -> Result<usize> {
        let frame = self.body.frame().await.context("the watch ended")??;
        Ok(frame.data_ref().context("trailers")?.iter().filter(|byte| **byte == b'\n').count())
    }

    /// The next event: what happened, and the object.
    pub async fn next(&mut self) -> Result<(String, Value)> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = self.unread.split_to(end + 1);
                let mut event: Value = serde_json::from_slice(&line)?;
                return Ok((event["type"].as_str().unwrap_or_default().to_owned(), event["object"].take()));
            }
            let frame = self.body.frame().await.context("the watch ended")??;
            self.unread.extend_from_slice(frame.data_ref().context("trailers")?);
        }
    }

    /// Reads until an object satisfies `wanted`; gives it.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let (_, object) = self.next().await?;
            if wanted(&object) {
                return Ok(object);
            }
        }
    }
}

fn embedded(kubeconfig: &str, field: &str) -> Result<Vec<u8>> {
    let data = kubeconfig.lines().find_map(|line| line.trim().strip_prefix(field)?.strip_prefix(':'));
    let data = data.with_context(|| format!("the kubeconfig has no {field}"))?;
    Ok(base64::engine::general_purpose::STANDARD.decode(data.trim().trim_matches('"'))?)
}
