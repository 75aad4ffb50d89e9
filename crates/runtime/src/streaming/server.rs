//! The HTTP side: a token is redeemed, the connection upgraded, its session run.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::command::{self, Io, Wanted};
use super::forward::Target;
use super::negotiate::{Agreed, Carrier, SPDY, STREAM_PROTOCOL, agree};
use super::tokens::Tokens;
use super::{Waiting, attach, exec, ports};
use crate::node::Node;

const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Out of file descriptors, most likely: connections may end before the next try.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

type Answer = Response<Full<Bytes>>;

pub async fn accept(node: Node, listener: TcpListener, waiting: Arc<Tokens<Waiting>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(node.clone(), stream, waiting.clone()))),
            Err(error) => {
                tracing::warn!(%error, "accept a stream's client");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn connection(node: Node, stream: TcpStream, waiting: Arc<Tokens<Waiting>>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set nodelay");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&node, &waiting, request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        tracing::debug!(%error, "a stream's client was not served");
    }
}

fn answer(node: &Node, waiting: &Tokens<Waiting>, mut request: Request<Incoming>) -> Answer {
    let token = request.uri().path().rsplit('/').next().unwrap_or_default();
    let Some(work) = waiting.take(token, Instant::now()) else {
        return refuse(StatusCode::NOT_FOUND, "this stream's address is unknown, was used, or is too old");
    };
    let is_forward = matches!(work, Waiting::PortForward(_));
    let agreed = match agree(request.headers(), is_forward) {
        Ok(agreed) => agreed,
        Err(why) => return refuse(StatusCode::FORBIDDEN, &why),
    };
    let Some(answer) = switch(&request, agreed) else {
        return refuse(StatusCode::BAD_REQUEST, "a WebSocket's client must send Sec-WebSocket-Key");
    };
    tokio::spawn(run(node.clone(), work, hyper::upgrade::on(&mut request), agreed));
    answer
}

fn refuse(code: StatusCode, why: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{why}\n"))));
    *answer.status_mut() = code;
    answer
}

/// 101, in the words of the client's protocol.
fn switch(request: &Request<Incoming>, agreed: Agreed) -> Option<Answer> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let name = HeaderValue::from_static(agreed.name);
    if agreed.carrier == Carrier::Spdy {
        headers.insert(UPGRADE, HeaderValue::from_static(SPDY));
        headers.insert(STREAM_PROTOCOL, name);
    } else {
        let key = derive_accept_key(request.headers().get(SEC_WEBSOCKET_KEY)?.as_bytes());
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(key).ok()?);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    Some(answer)
}

async fn run(node: Node, work: Waiting, upgrade: OnUpgrade, agreed: Agreed) {
    let io: Io = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => return tracing::debug!(%error, "a stream's client was not upgraded"),
    };
    match work {
        Waiting::PortForward(request) => match Target::of(&node, &request.pod_sandbox_id) {
            Ok(target) => {
                let ports = request.port.iter().filter_map(|port| u16::try_from(*port).ok()).collect();
                ports::serve(io, agreed, target, ports).await;
            }
            Err(error) => tracing::debug!(error = error.text(), "the sandbox of a port-forward ended"),
        },
        Waiting::Exec(request) => {
            let (stdin, stdout, stderr, tty) = (request.stdin, request.stdout, request.stderr, request.tty);
            match command::streams(io, agreed, Wanted { stdin, stdout, stderr, tty }).await {
                Some(streams) => exec::run(&node, &request, streams).await,
                None => tracing::debug!("the client of an exec did not open its streams"),
            }
        }
        Waiting::Attach(request) => {
            let (stdin, stdout, stderr, tty) = (request.stdin, request.stdout, request.stderr, request.tty);
            match command::streams(io, agreed, Wanted { stdin, stdout, stderr, tty }).await {
                Some(streams) => attach::run(&node, &request, streams).await,
                None => tracing::debug!("the client of an attach did not open its streams"),
            }
        }
    }
}
