//! Connections that carry streams: a WebSocket of the API server for exec, attach and port-forward.

pub mod channels;
pub mod raw;

use client::Identity;
use http::{HeaderValue, StatusCode, Uri, header};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub type Socket = WebSocketStream<Box<dyn Stream>>;

/// Opens a WebSocket at `path` that speaks `protocol`.
pub async fn open(cluster: &Cluster, path: &str, protocol: &'static str) -> Result<Socket> {
    let wrong = |text: &dyn std::fmt::Display| Error::Use(format!("unable to upgrade connection: {text}"));
    let server: Uri = cluster.server.parse().map_err(|error| wrong(&error))?;
    let stream = dial(cluster, &server).await.map_err(|error| {
        let lost = client::Error::Lost { verb: "get", path: path.to_owned(), source: Box::new(error) };
        Error::Server(lost)
    })?;
    let scheme = if server.scheme_str() == Some("http") { "ws" } else { "wss" };
    let authority = server.authority().map_or("", |authority| authority.as_str());
    let mut request = format!("{scheme}://{authority}{path}").into_client_request().map_err(|error| wrong(&error))?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Identity::Token(token) = &cluster.connection.identity {
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| wrong(&error))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    for (name, value) in &cluster.headers {
        request.headers_mut().append(name.clone(), value.clone());
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(WebSocketError::Http(response)) => {
            refused(response.status(), response.body().as_deref().unwrap_or_default())
        }
        Err(error) => Err(wrong(&error)),
    }
}

async fn dial(cluster: &Cluster, server: &Uri) -> std::io::Result<Box<dyn Stream>> {
    let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_tls = server.scheme_str() != Some("http");
    let port = server.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let config = client::tls::tls_config(&cluster.connection, client::tls::Http::One).map_err(std::io::Error::other)?;
    let name = cluster.connection.server_name.clone().unwrap_or(host);
    let name = ServerName::try_from(name).map_err(std::io::Error::other)?;
    Ok(Box::new(tokio_rustls::TlsConnector::from(config).connect(name, stream).await?))
}

/// What the server said instead of switching protocols.
fn refused<T>(status: StatusCode, body: &[u8]) -> Result<T> {
    match serde_json::from_slice::<client::Answer>(body) {
        Ok(mut answer) if !answer.message.is_empty() => {
            answer.code = status.as_u16();
            if answer.reason == "InternalError" || answer.reason == "BadRequest" {
                return usage(format!("unable to upgrade connection: {}", answer.message));
            }
            Err(Error::Server(client::Error::Api(Box::new(answer))))
        }
        _ => usage(format!("unable to upgrade connection: {}", String::from_utf8_lossy(body).trim())),
    }
}
