//! The tunnels that are open now, and connections through them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::env::Env;
use api::tunnel::{PATH, PING_SECONDS, PONG_SECONDS, PROTOCOL};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::RwLock;

use super::places::Places;
use crate::authz::node_name;
use crate::body::{Body, full};
use crate::dialer::dial::{DialError, Stream, TIMEOUT, join};
use crate::follow::Followed;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::status::Status;

/// The way to one node.
#[derive(Clone)]
pub(in crate::dialer) struct Tunnel {
    node: String,
    /// Tells a node's newer tunnel from the one before.
    number: u64,
    sender: SendRequest<Empty<Bytes>>,
}

/// One a node: its newest.
pub(crate) struct Tunnels {
    env: Env,
    places: Followed<Places>,
    open: RwLock<HashMap<String, Tunnel>>,
    opened: AtomicU64,
}

impl Tunnels {
    pub fn new(objects: Objects) -> Self {
        let env = objects.env().clone();
        Self { env, places: Followed::new(objects), open: RwLock::default(), opened: AtomicU64::new(0) }
    }

    /// The tunnel that leads to an address; `None`: it is to be dialled directly.
    pub(in crate::dialer) fn to(&self, host: &str) -> Option<Tunnel> {
        if self.open.read().is_empty() {
            return None;
        }
        let address: IpAddr = host.parse().ok()?;
        let places = self.places.read();
        let tunnel = self.open.read().get(places.node_of(address)?).cloned();
        tunnel.filter(|tunnel| !tunnel.sender.is_closed())
    }

    /// Answers a node that opens its tunnel.
    pub fn accept(self: &Arc<Self>, mut request: Request<Body>, identity: &Identity) -> Result<Response<Body>, Status> {
        let Some(node) = node_name(identity).filter(|name| !name.is_empty()) else {
            return Err(Status::forbidden_resource("", "", "", &format!("{:?} is not a node: {PATH}", identity.name)));
        };
        if request.headers().get(header::UPGRADE).is_none_or(|protocol| protocol != PROTOCOL) {
            return Err(Status::bad_request(format!("{PATH} is asked for with the header Upgrade: {PROTOCOL}")));
        }
        let upgrade = hyper::upgrade::on(&mut request);
        self.env.spawn("tunnel", self.clone().hold(node.to_owned(), upgrade));
        let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let answer = answer.header(header::CONNECTION, "Upgrade").header(header::UPGRADE, PROTOCOL);
        answer.body(full(Bytes::new())).map_err(Status::internal)
    }

    /// Until the agent is gone.
    async fn hold(self: Arc<Self>, node: String, upgrade: OnUpgrade) {
        let ended = async { self.serve(&node, upgrade.await?).await };
        match ended.await {
            Ok(()) => tracing::info!(node, "the node has closed its tunnel"),
            Err(error) => tracing::warn!(node, %error, "the node's tunnel broke"),
        }
    }

    /// One tunnel from its opening to its end.
    pub(super) async fn serve(&self, node: &str, stream: impl Transport) -> hyper::Result<()> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(PING_SECONDS))
            .keep_alive_timeout(Duration::from_secs(PONG_SECONDS))
            .keep_alive_while_idle(true);
        let (sender, connection) = builder.handshake(stream).await?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.open.write().insert(node.to_owned(), Tunnel { node: node.to_owned(), number, sender });
        tracing::info!(node, "the node's tunnel is open");
        let ended = connection.await;
        let mut open = self.open.write();
        if open.get(node).is_some_and(|tunnel| tunnel.number == number) {
            open.remove(node);
        }
        ended
    }
}

/// What a tunnel runs over.
pub(super) trait Transport: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static {}

impl<T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static> Transport for T {}

impl Tunnel {
    /// Has the agent connect.
    pub async fn dial(self, host: &str, port: u16) -> Result<Stream, DialError> {
        let address = join(host, port);
        match tokio::time::timeout(TIMEOUT, self.connect(&address)).await {
            Ok(answer) => answer,
            Err(_) => Err(DialError::Timeout(address)),
        }
    }

    async fn connect(mut self, address: &str) -> Result<Stream, DialError> {
        let failed = |why: String| DialError::Tunnel { node: self.node.clone(), address: address.to_owned(), why };
        let request = Request::connect(address).body(Empty::new()).map_err(|error| failed(error.to_string()))?;
        let response = self.sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
        if response.status() == StatusCode::OK {
            let stream = hyper::upgrade::on(response).await.map_err(|error| failed(error.to_string()))?;
            return Ok(Box::new(TokioIo::new(stream)));
        }
        let told = response.into_body().collect().await.map_err(|error| failed(error.to_string()))?;
        Err(failed(String::from_utf8_lossy(&told.to_bytes()).into_owned()))
    }
}
