//! WebSockets of the API: remote commands as channels, logs as messages.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::Identity;
use futures::StreamExt;
use http::{HeaderValue, Uri};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::api::{Api, Refused};

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How a remote command ended.
pub struct Ended {
    pub out: String,
    pub err: String,
    /// The Status of the third channel.
    pub status: Value,
}

/// Runs a remote command to its end.
pub async fn exec(api: &Api, path: &str) -> Result<Ended> {
    let messages = messages(api, path, "v4.channel.k8s.io").await?;
    let channel = |number: u8| {
        let parts =
            messages.iter().filter(|message| message.first() == Some(&number)).flat_map(|message| &message[1..]);
        String::from_utf8_lossy(&parts.copied().collect::<Vec<u8>>()).into_owned()
    };
    let status = channel(3);
    let status = serde_json::from_str(&status).with_context(|| format!("the status channel has {status:?}"))?;
    Ok(Ended { out: channel(1), err: channel(2), status })
}

/// All messages until the server closes the connection.
pub async fn messages(api: &Api, path: &str, protocol: &'static str) -> Result<Vec<Vec<u8>>> {
    let read = async {
        let mut socket = open(api, path, protocol).await?;
        let mut messages = Vec::new();
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Binary(bytes)) => messages.push(bytes.to_vec()),
                Ok(Message::Text(text)) => messages.push(text.as_bytes().to_vec()),
                Ok(Message::Close(_)) => break,
                Ok(_) => {}
                Err(Error::ConnectionClosed) => break,
                Err(error) => return Err(error).context("read the WebSocket"),
            }
        }
        Ok(messages)
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.context("the stream did not end within 60 s")?
}

/// Opens a WebSocket; the server has to choose the protocol.
async fn open(api: &Api, path: &str, protocol: &'static str) -> Result<WebSocketStream<Box<dyn Stream>>> {
    let server: Uri = api.connection.server.parse()?;
    let scheme = if server.scheme_str() == Some("http") { "ws" } else { "wss" };
    let authority = server.authority().context("the server has an address")?;
    let mut request = format!("{scheme}://{authority}{path}").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
    if let Identity::Token(token) = &api.connection.identity {
        request.headers_mut().insert("authorization", HeaderValue::try_from(format!("Bearer {token}"))?);
    }
    match tokio_tungstenite::client_async(request, dial(api, &server).await?).await {
        Ok((socket, answer)) => {
            let chosen = answer.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
            if chosen != Some(protocol) {
                bail!("the server chose protocol {chosen:?}, expected {protocol}");
            }
            Ok(socket)
        }
        Err(Error::Http(answer)) => {
            let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
            let asked = format!("WebSocket {path}");
            Err(Refused { asked, code: answer.status().as_u16(), reason: String::new(), message: body }.into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn dial(api: &Api, server: &Uri) -> Result<Box<dyn Stream>> {
    let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_tls = server.scheme_str() != Some("http");
    let stream = TcpStream::connect((host.as_str(), server.port_u16().unwrap_or(443))).await?;
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let config = client::tls::tls_config(&api.connection, client::tls::Http::One)?;
    let name = ServerName::try_from(api.connection.server_name.clone().unwrap_or(host))?;
    Ok(Box::new(tokio_rustls::TlsConnector::from(config).connect(name, stream).await?))
}
