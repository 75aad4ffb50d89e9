//! The network entrance: client certificates over TLS, HTTP/1.1 and HTTP/2 on one port, watches that end when the server does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use async_trait::async_trait;
use futures::FutureExt;
use http::Request;
use http::request::Builder;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::support::{env_now, server_of, server_with};
use crate::authn::ClientCertificates;
use crate::body::{Body, BoxError, full};
use crate::pki::{KeyBundle, Leaf, Profile, client_config, server_config};
use crate::{ApiServer, Authenticate, Call, Service, Status};

const DEADLINE: Duration = Duration::from_secs(20);

struct Served {
    api: ApiServer,
    port: u16,
    keys: KeyBundle,
    task: tokio::task::JoinHandle<()>,
    /// The clients' ends of connections.
    connections: Mutex<Vec<tokio::task::JoinHandle<hyper::Result<()>>>>,
}

async fn serve() -> Served {
    serve_made(server_with).await
}

async fn serve_made(make: impl FnOnce(Arc<dyn Authenticate>, Env) -> ApiServer) -> Served {
    let env = env_now();
    let keys = KeyBundle::generate(&env);
    let serving =
        Leaf::issue(&keys.server_authority, &Profile::server("kube-apiserver", vec!["localhost".to_owned()]), &env);
    let authorities: &[&[u8]] = &[&keys.client_authority.certificate];
    let tls = server_config(&serving, authorities).expect("a server configuration");
    let authenticator = ClientCertificates::new(authorities, env.clone()).expect("an authenticator");
    let api = make(Arc::new(authenticator), env);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = api.clone();
    let task = tokio::spawn(async move { server.serve(listener, Arc::new(tls)).await });
    Served { api, port, keys, task, connections: Mutex::default() }
}

/// Reads as `user` over the given protocol.
async fn ask(served: &Served, user: &str, protocol: &str, path: &str) -> http::Response<Body> {
    send(served, user, protocol, Request::get(path)).await
}

/// Sends one request without a body as `user` over the given protocol.
async fn send(served: &Served, user: &str, protocol: &str, request: Builder) -> http::Response<Body> {
    let leaf = Leaf::issue(&served.keys.client_authority, &Profile::client(user, &["people"]), &env_now());
    let mut tls = client_config(&served.keys.server_authority.certificate, &leaf).expect("a client configuration");
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connects");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    let io = TokioIo::new(stream);
    let path = request.uri_ref().expect("a path").clone();
    let request = request.uri(format!("https://localhost:{}{path}", served.port)).header("host", "localhost");
    let request = request.body(Empty::<bytes::Bytes>::new()).expect("a request");
    let response = if protocol == "h2" {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("h2");
        served.connections.lock().push(tokio::spawn(connection));
        sender.send_request(request).await
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("http/1.1");
        served.connections.lock().push(tokio::spawn(connection));
        sender.send_request(request).await
    };
    response.expect("an answer").map(|body| body.map_err(|error| -> BoxError { error.into() }).boxed_unsync())
}

async fn json(response: http::Response<Body>) -> (u16, Value) {
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (code, serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
async fn certificates_say_who_asks_over_both_protocols() {
    let served = serve().await;
    for protocol in ["h2", "http/1.1"] {
        let (code, list) = json(ask(&served, "admin", protocol, "/api/v1/configmaps").await).await;
        assert_eq!((code, list["kind"].as_str()), (200, Some("ConfigMapList")));
        let (code, status) = json(ask(&served, "nobody", protocol, "/api/v1/secrets").await).await;
        assert_eq!(code, 403);
        let text = status["message"].as_str().expect("a message");
        assert!(text.contains("User \"nobody\" cannot list resource \"secrets\""), "{text}");
    }
    served.api.shut_down();
    tokio::time::timeout(DEADLINE, served.task).await.expect("ends in time").expect("ends well");
}

#[tokio::test]
async fn watches_end_cleanly_when_the_server_does() {
    let served = serve().await;
    let path = "/api/v1/watch/configmaps?allowWatchBookmarks=true";
    let mut bodies = Vec::new();
    for protocol in ["h2", "http/1.1"] {
        let response = ask(&served, "admin", protocol, path).await;
        assert_eq!(response.status(), 200);
        bodies.push((protocol, response.into_body()));
    }
    served.api.shut_down();
    for (protocol, body) in bodies {
        // A reset stream or a missing last chunk would be an error here.
        let rest = tokio::time::timeout(DEADLINE, body.collect()).await.expect("ends in time").expect(protocol);
        let last: Value = serde_json::from_slice(&rest.to_bytes()).expect("a bookmark at the end");
        assert_eq!(last["type"], "BOOKMARK", "{protocol}");
    }
    // HTTP/2 says goodbye (GOAWAY without an error), HTTP/1.1 closes after the last chunk.
    for connection in served.connections.into_inner() {
        let ended = tokio::time::timeout(DEADLINE, connection).await.expect("is closed in time");
        ended.expect("a client").expect("ends without an error");
    }
    tokio::time::timeout(DEADLINE, served.task).await.expect("ends in time").expect("ends well");
}

/// Answers when it is told to.
#[derive(Clone, Default)]
struct Slow {
    begun: Arc<Notify>,
    answer: Arc<Notify>,
}

#[async_trait]
impl Service for Slow {
    async fn handle(&self, _: Call) -> Result<http::Response<Body>, Status> {
        self.begun.notify_one();
        self.answer.notified().await;
        Ok(http::Response::new(full("late")))
    }
}

/// What waits for a webhook, say, is answered before the server ends.
#[tokio::test]
async fn short_requests_are_answered_before_the_server_ends() {
    for protocol in ["h2", "http/1.1"] {
        let slow = Slow::default();
        let service: Arc<dyn Service> = Arc::new(slow.clone());
        let services = |_: &crate::Objects| BTreeMap::from([("token", service)]);
        let mut served = serve_made(|who, env| server_of(who, env, services, |_, _| Vec::new())).await;
        let path = "/api/v1/namespaces/web/serviceaccounts/a/token";
        let asking = async {
            let answer = send(&served, "admin", protocol, Request::post(path)).await;
            (answer.status().as_u16(), answer.into_body().collect().await.expect("a body").to_bytes())
        };
        let ending = async {
            slow.begun.notified().await;
            served.api.shut_down();
        };
        let mut asking = Box::pin(asking);
        tokio::select! {
            () = ending => {}
            answer = asking.as_mut() => panic!("{answer:?}"),
        }
        let is_answered = served.api.inner().drain.answered().now_or_never();
        assert_eq!(is_answered, None, "the server waits");
        slow.answer.notify_one();
        let answer = tokio::time::timeout(DEADLINE, asking).await.expect("is answered in time");
        assert_eq!(answer, (200, "late".into()), "{protocol}");
        tokio::time::timeout(DEADLINE, &mut served.task).await.expect("ends in time").expect("ends well");
    }
}
