//! httpGet for probes and hooks: one request on a connection of its own; certificates are not checked and only redirects to
//! the same host are followed, as upstream does.

use std::sync::Arc;

use bytes::Bytes;
use client::tls::AnyServer;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::port;

/// What is read of an answer at most.
const BODY_BYTES_MAX: usize = 10 << 10;
const REDIRECTS_MAX: usize = 10;

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub is_https: bool,
    pub host: String,
    pub port: u16,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

/// An answer: its code and the beginning of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    pub body: String,
    location: Option<String>,
}

impl Request {
    pub fn new(action: &HTTPGetAction, container: &Container, pod_ip: &str) -> Result<Self, String> {
        let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(pod_ip);
        let path = action.path.as_deref().unwrap_or("/");
        let headers = action.http_headers.iter().flatten().map(|header| (header.name.clone(), header.value.clone()));
        Ok(Self {
            is_https: action.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            host: host.to_owned(),
            port: port::resolve(&action.port, container)?,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            headers: headers.collect(),
        })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.is_https { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// Sends the request and follows redirects on the same host.
pub async fn get(request: &Request, user_agent: &str) -> Result<Answer, String> {
    let mut request = request.clone();
    for _ in 0..=REDIRECTS_MAX {
        let answer = once(&request, user_agent).await.map_err(|error| format!("Get {:?}: {error}", request.url()))?;
        match answer.location.as_deref().filter(|_| (300..400).contains(&answer.code)) {
            Some(location) if location.starts_with('/') => request.path = location.to_owned(),
            // To another host: the answer counts as it is, with upstream's warning left out.
            _ => return Ok(answer),
        }
    }
    Err(format!("Get {:?}: stopped after 10 redirects", request.url()))
}

async fn once(request: &Request, user_agent: &str) -> Result<Answer, String> {
    let tcp = TcpStream::connect((request.host.as_str(), request.port))
        .await
        .map_err(|error| format!("dial tcp {}: {}", request.authority(), dial_error(&error)))?;
    if !request.is_https {
        return send(request, user_agent, tcp).await;
    }
    let name = ServerName::try_from(request.host.clone()).map_err(|error| error.to_string())?;
    let tls = TlsConnector::from(any_certificate()).connect(name, tcp).await.map_err(|error| error.to_string())?;
    send(request, user_agent, tls).await
}

/// As Go words a failed dial.
pub fn dial_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        _ => error.to_string(),
    }
}

async fn send(
    request: &Request,
    user_agent: &str,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(|error| error.to_string())?;
    let message = build(request, user_agent)?;
    let exchange = async {
        let response = sender.send_request(message).await.map_err(|error| error.to_string())?;
        let code = response.status().as_u16();
        let location =
            response.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A longer or broken body does not change what the code says.
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok(Answer { code, body, location })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut is_open = true;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            ended = &mut connection, if is_open => {
                if let Err(error) = ended {
                    tracing::debug!(%error, url = request.url(), "probed connection ended");
                }
                is_open = false;
            }
        }
    }
}

fn build(request: &Request, user_agent: &str) -> Result<http::Request<Empty<Bytes>>, String> {
    let named = |name: &str| {
        request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let mut builder = http::Request::get(&request.path)
        .header(http::header::HOST, named("host").unwrap_or_else(|| request.authority()))
        .header(http::header::CONNECTION, "close");
    if named("user-agent").is_none() {
        builder = builder.header(http::header::USER_AGENT, user_agent);
    }
    if named("accept").is_none() {
        builder = builder.header(http::header::ACCEPT, "*/*");
    }
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        builder = builder.header(name, value);
    }
    builder.body(Empty::new()).map_err(|error| error.to_string())
}

/// Probes do not check certificates: they ask whether something answers.
fn any_certificate() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions");
    let verifier = Arc::new(AnyServer(provider));
    Arc::new(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}
