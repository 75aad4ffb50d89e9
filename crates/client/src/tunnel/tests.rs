//! The agent's end, with a server's end that is played here: how many connections it carries, that one which nobody reads from holds up no
//! other, what it refuses, and that a silent server is given up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{begun, serve};

const DEADLINE: Duration = Duration::from_secs(20);

async fn in_time<T>(done: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, done).await.expect("in time")
}

/// Opens a tunnel into an agent that lets the server reach loopback.
async fn tunnel() -> SendRequest<Empty<Bytes>> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let env = Env::new(|| jiff::Timestamp::UNIX_EPOCH, |_| {}, |_, task| drop(tokio::spawn(task)));
    tokio::spawn(async move {
        let stream = begun(theirs).await.expect("the server speaks");
        serve(stream, Arc::new(|address: SocketAddr| address.ip().is_loopback()), env).await
    });
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(ours)).await.expect("h2");
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>, address: &str) -> http::Response<hyper::body::Incoming> {
    let request = Request::connect(address).body(Empty::new()).expect("a request");
    in_time(sender.send_request(request)).await.expect("an answer")
}

async fn dial(sender: &mut SendRequest<Empty<Bytes>>, address: SocketAddr) -> TokioIo<hyper::upgrade::Upgraded> {
    let response = ask(sender, &address.to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    TokioIo::new(in_time(hyper::upgrade::on(response)).await.expect("a connection"))
}

/// Gives back what comes in.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    address
}

async fn echoes(stream: &mut TokioIo<hyper::upgrade::Upgraded>, text: &str) {
    in_time(stream.write_all(text.as_bytes())).await.expect("written");
    let mut back = vec![0; text.len()];
    in_time(stream.read_exact(&mut back)).await.expect("read");
    assert_eq!(back, text.as_bytes());
}

#[tokio::test]
async fn hundreds_of_connections_are_carried_at_once() {
    let (mut sender, echo) = (tunnel().await, echo().await);
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(dial(&mut sender, echo).await);
    }
    for (at, stream) in streams.iter_mut().enumerate() {
        echoes(stream, &format!("number {at}")).await;
    }
}

#[tokio::test]
async fn a_connection_that_nobody_reads_from_holds_up_no_other() {
    let (mut sender, echo) = (tunnel().await, echo().await);
    let deaf = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = deaf.local_addr().expect("an address");
    let mut filled = Vec::new();
    let mut accepted = Vec::new();
    for _ in 0..3 {
        let mut stream = dial(&mut sender, address).await;
        accepted.push(in_time(deaf.accept()).await.expect("a connection"));
        // Far more than the sockets' buffers, until it takes no more.
        let filling = tokio::spawn(async move {
            let chunk = vec![0; 1 << 16];
            while stream.write_all(&chunk).await.is_ok() {}
        });
        filled.push(filling);
    }
    let mut other = dial(&mut sender, echo).await;
    for at in 0..200 {
        echoes(&mut other, &"x".repeat(1000 + at)).await;
    }
    assert!(filled.iter().all(|filling| !filling.is_finished()));
}

#[tokio::test]
async fn refusals_say_why() {
    let mut sender = tunnel().await;
    for (address, code, why) in [
        ("10.0.0.1:80", 403, "10.0.0.1:80 is not of this node"),
        ("example.org:80", 400, "CONNECT takes an address and a port, not \"example.org:80\""),
        ("127.0.0.1:1", 502, "connect: "),
    ] {
        let response = ask(&mut sender, address).await;
        assert_eq!(response.status().as_u16(), code, "{address}");
        let told = response.into_body().collect().await.expect("a body").to_bytes();
        let told = String::from_utf8(told.to_vec()).expect("text");
        assert!(told.starts_with(why), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_speaks_is_given_up() {
    let (_silent, theirs) = tokio::io::duplex(64);
    assert!(tokio::time::timeout(super::OPEN_TIMEOUT, begun(theirs)).await.is_err());
}
