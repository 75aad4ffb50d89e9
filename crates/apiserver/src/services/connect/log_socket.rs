//! A log over a WebSocket, as browsers read it: an empty message first, then one for each piece that comes. What the client says is not heard;
//! when either side ends, both do.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::forward;
use crate::body::{Body, full};
use crate::status::Status;

const BINARY: &str = "binary.k8s.io";
const BASE64: &str = "base64.binary.k8s.io";
/// A client that only reads has nothing longer to say.
const HEARD_BYTES_MAX: usize = 64 * 1024;
/// How long a client has to answer that it has read the end.
const CLOSING: Duration = Duration::from_secs(5);
/// Headers of the client's connection, which the kubelet's has nothing of.
const WEBSOCKET: [HeaderName; 6] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    HeaderName::from_static("sec-websocket-version"),
    HeaderName::from_static("sec-websocket-extensions"),
];

/// The client's side of a log over a WebSocket.
pub(super) struct LogSocket {
    client: OnUpgrade,
    key: HeaderValue,
    /// `None`: the client named none, and gets bytes.
    protocol: Option<&'static str>,
}

/// The first of the client's subprotocols that there is. Pure.
fn protocol(headers: &HeaderMap) -> Result<Option<&'static str>, String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let asked: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let found = asked.iter().find_map(|name| [BINARY, BASE64].into_iter().find(|known| known == name));
    found.map(Some).ok_or_else(|| {
        format!("requested protocol(s) are not supported: [{}]; supports [{BINARY} {BASE64}]", asked.join(" "))
    })
}

/// One message. Pure.
fn pack(bytes: Bytes, protocol: Option<&str>) -> Message {
    match protocol {
        Some(BASE64) => Message::Text(STANDARD.encode(bytes).into()),
        _ => Message::Binary(bytes),
    }
}

impl LogSocket {
    /// Takes the upgrade out of a request, which is then a plain GET; `None`: the request asks for no WebSocket.
    pub(super) fn take(name: &str, request: &mut Request<Body>) -> Result<Option<Self>, Status> {
        let headers = request.headers();
        let named = headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
        if !named || !forward::wants_upgrade(headers) {
            return Ok(None);
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).cloned();
        let key = key.ok_or_else(|| Status::bad_request("a WebSocket's client must send Sec-WebSocket-Key"))?;
        let refused = |why: String| Status::forbidden_resource("", "pods/log", name, &why);
        let protocol = protocol(headers).map_err(refused)?;
        let client = hyper::upgrade::on(&mut *request);
        for name in WEBSOCKET {
            request.headers_mut().remove(name);
        }
        Ok(Some(Self { client, key, protocol }))
    }

    /// 101, and the task that sends the log once the client has switched, to its end or the server's.
    pub(super) fn answer(
        self,
        log: Body,
        ending: CancellationToken,
    ) -> Result<(Response<Body>, impl Future<Output = ()> + Send), Status> {
        let mut answer = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(self.key.as_bytes()));
        if let Some(name) = self.protocol {
            answer = answer.header(SEC_WEBSOCKET_PROTOCOL, name);
        }
        let answer = answer.body(full("")).map_err(Status::internal)?;
        let sending = async move {
            match self.client.await {
                Ok(upgraded) => send(TokioIo::new(upgraded), log, self.protocol, ending).await,
                Err(error) => tracing::debug!(%error, "a log's client was not upgraded"),
            }
        };
        Ok((answer, sending))
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    mut log: Body,
    protocol: Option<&str>,
    ending: CancellationToken,
) {
    let config = WebSocketConfig::default().max_message_size(Some(HEARD_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut piece = Some(Bytes::new());
    let mut code = CloseCode::Normal;
    loop {
        if let Some(bytes) = piece.take()
            && let Err(error) = socket.send(pack(bytes, protocol)).await
        {
            return tracing::debug!(%error, "a log's WebSocket ended");
        }
        tokio::select! {
            () = ending.cancelled() => {
                code = CloseCode::Away;
                break;
            }
            said = socket.next() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
            frame = log.frame() => match frame {
                Some(Ok(frame)) => piece = frame.into_data().ok().filter(|bytes| !bytes.is_empty()),
                Some(Err(error)) => {
                    tracing::debug!(%error, "a log broke off");
                    break;
                }
                None => break,
            },
        }
    }
    close(socket, code).await;
}

/// Tells the client that this is all, and hears it out: a connection that is dropped under its answer may lose what it has not read.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, code: CloseCode) {
    let end = CloseFrame { code, reason: "".into() };
    let closing = async {
        socket.close(Some(end)).await?;
        while socket.next().await.transpose()?.is_some() {}
        Ok(())
    };
    match tokio::time::timeout(CLOSING, closing).await {
        Ok(Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a log's client was gone before the end"),
        Err(_) => tracing::debug!("a log's client did not close its WebSocket"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(protocols: &[&'static str]) -> Result<Option<&'static str>, String> {
        let values = protocols.iter().map(|text| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(text)));
        protocol(&values.collect())
    }

    /// The words of upstream's streaming room on its subprotocols.
    #[test]
    fn the_first_known_subprotocol_is_taken() {
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(asked(&["binary.k8s.io"]), Ok(Some(BINARY)));
        assert_eq!(asked(&["base64.binary.k8s.io"]), Ok(Some(BASE64)));
        assert_eq!(asked(&["v4.channel.k8s.io, base64.binary.k8s.io", "binary.k8s.io"]), Ok(Some(BASE64)));
        assert!(asked(&["v4.channel.k8s.io"]).is_err_and(|why| why.contains("not supported: [v4.channel.k8s.io]")));
    }

    #[tokio::test]
    async fn a_log_that_goes_on_ends_with_the_server() {
        let (near, far) = tokio::io::duplex(4096);
        let log = http_body_util::StreamBody::new(futures::stream::pending::<Result<_, crate::body::BoxError>>());
        let ending = CancellationToken::new();
        let sending = tokio::spawn(send(far, log.boxed_unsync(), None, ending.clone()));
        let mut client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(""));
        ending.cancel();
        let Message::Close(Some(end)) = client.next().await.unwrap().unwrap() else { panic!("a close frame") };
        assert_eq!(end.code, CloseCode::Away);
        assert!(client.next().await.is_none_or(|last| last.is_err()));
        drop(client);
        sending.await.unwrap();
    }

    #[test]
    fn pieces_are_bytes_or_text() {
        assert_eq!(pack("hi".into(), None), Message::Binary("hi".into()));
        assert_eq!(pack("hi".into(), Some(BINARY)), Message::Binary("hi".into()));
        assert_eq!(pack("hi".into(), Some(BASE64)), Message::Text("aGk=".into()));
    }
}
