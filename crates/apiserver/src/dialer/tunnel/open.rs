//! The tunnels that are open now, and connections through them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::env::Env;
use api::tunnel::{CONNECTION_WINDOW_BYTES, PATH, PING_SECONDS, PONG_SECONDS, PROTOCOL, STREAM_WINDOW_BYTES};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::RwLock;

use super::places::{Places, Range};
use crate::authz::node_name;
use crate::body::{Body, full};
use crate::config;
use crate::dialer::dial::{DialError, Endpoint, Stream, TIMEOUT};
use crate::drain::Drain;
use crate::follow::Followed;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::pki::PkiError;
use crate::status::Status;

const REFUSAL_BYTES_MAX: usize = 64 * 1024;

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
    /// The Pods' addresses.
    cluster: Vec<Range>,
    /// None: it is closed. What was behind it is not reached in any other way: who answers there would be another machine.
    open: RwLock<HashMap<String, Option<Tunnel>>>,
    opened: AtomicU64,
}

impl Tunnels {
    /// `cluster_cidrs`: where Pods' addresses come from.
    pub fn new(objects: Objects, cluster_cidrs: &[String]) -> Result<Self, PkiError> {
        let env = objects.env().clone();
        let cluster = config::ranges(cluster_cidrs)?;
        Ok(Self { env, places: Followed::new(objects), cluster, open: RwLock::default(), opened: AtomicU64::new(0) })
    }

    /// The tunnel that leads to an endpoint: its node's, and where no node is named that of the node whose Pod has the address. `None`: it
    /// is to be dialled directly, which holds for no node that has had a tunnel.
    pub(in crate::dialer) fn to(&self, endpoint: &Endpoint) -> Result<Option<Tunnel>, DialError> {
        let Some((node, tunnel)) = self.of(endpoint) else { return Ok(None) };
        match tunnel.filter(|tunnel| !tunnel.sender.is_closed()) {
            Some(tunnel) => Ok(Some(tunnel)),
            None => Err(DialError::Closed { node, address: endpoint.address() }),
        }
    }

    /// The endpoint's node, if it has or had a tunnel.
    fn of(&self, endpoint: &Endpoint) -> Option<(String, Option<Tunnel>)> {
        if self.open.read().is_empty() {
            return None;
        }
        let address: IpAddr = endpoint.host.parse().ok()?;
        let places = self.places.read();
        let node = match endpoint.node.as_deref() {
            Some(node) => places.is_on(node, address, &self.cluster).then_some(node),
            None => places.of_pod(address, &self.cluster),
        };
        let tunnel = self.open.read().get(node?).cloned();
        Some((node?.to_owned(), tunnel?))
    }

    #[cfg(test)]
    pub(super) fn is_open(&self, node: &str) -> bool {
        self.open.read().get(node).is_some_and(Option::is_some)
    }

    /// Answers a node that opens its tunnel; it ends a while after the server's requests, which may need it.
    pub fn accept(
        self: &Arc<Self>,
        mut request: Request<Body>,
        identity: &Identity,
        drain: Drain,
    ) -> Result<Response<Body>, Status> {
        let Some(node) = node_name(identity).filter(|name| !name.is_empty()) else {
            return Err(Status::forbidden_resource("", "", "", &format!("{:?} is not a node: {PATH}", identity.name)));
        };
        if request.headers().get(header::UPGRADE).is_none_or(|protocol| protocol != PROTOCOL) {
            return Err(Status::bad_request(format!("{PATH} is asked for with the header Upgrade: {PROTOCOL}")));
        }
        let upgrade = hyper::upgrade::on(&mut request);
        self.env.spawn("tunnel", self.clone().hold(node.to_owned(), upgrade, drain));
        let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let answer = answer.header(header::CONNECTION, "Upgrade").header(header::UPGRADE, PROTOCOL);
        answer.body(full(Bytes::new())).map_err(Status::internal)
    }

    /// Until the agent or the server is gone.
    async fn hold(self: Arc<Self>, node: String, upgrade: OnUpgrade, drain: Drain) {
        match async { self.serve(&node, upgrade.await?, &drain).await }.await {
            Ok(()) => tracing::info!(node, "the node's tunnel is closed"),
            Err(error) => tracing::warn!(node, %error, "the node's tunnel broke"),
        }
    }

    /// One tunnel from its opening to its end.
    pub(super) async fn serve(&self, node: &str, stream: impl Transport, drain: &Drain) -> hyper::Result<()> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(Duration::from_secs(PING_SECONDS))
            .keep_alive_timeout(Duration::from_secs(PONG_SECONDS))
            .keep_alive_while_idle(true);
        let (sender, connection) = builder.handshake(stream).await?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.open.write().insert(node.to_owned(), Some(Tunnel { node: node.to_owned(), number, sender }));
        tracing::info!(node, "the node's tunnel is open");
        let ended = tokio::select! {
            ended = connection => ended,
            () = drain.clone().cut() => Ok(()),
        };
        let mut open = self.open.write();
        if let Some(tunnel) = open.get_mut(node) {
            // A newer one stays.
            tunnel.take_if(|tunnel| tunnel.number == number);
        }
        ended
    }
}

/// What a tunnel runs over.
pub(super) trait Transport: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static {}

impl<T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static> Transport for T {}

impl Tunnel {
    #[cfg(test)]
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Has the agent connect.
    pub async fn dial(self, address: String) -> Result<Stream, DialError> {
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
        let told = Limited::new(response.into_body(), REFUSAL_BYTES_MAX).collect().await;
        let told = told.map_err(|error| failed(error.to_string()))?;
        Err(failed(String::from_utf8_lossy(&told.to_bytes()).into_owned()))
    }
}
