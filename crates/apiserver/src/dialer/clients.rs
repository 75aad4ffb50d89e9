//! Pooled HTTP/1.1 clients, one per target: what a webhook or an extension server is asked through. HTTP/1.1 because one HTTP/2 connection
//! would bind all calls to one endpoint.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use parking_lot::Mutex;

use super::dial::{Dialer, Stream};
use super::endpoint::Resolver;
use super::link::{Connector, LinkError};
use super::target::{Address, Target};
use super::trust::Trust;
use crate::body::{Body, full};
use crate::objects::Objects;
use crate::pki::Leaf;

const IDLE_SECONDS: u64 = 90;
/// Clients of targets that were changed or deleted are forgotten with all others when there are this many.
const CLIENTS_MAX: usize = 200;
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("context deadline exceeded")]
    Deadline,
    #[error("tls configuration: {0}")]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("{0}")]
    Transport(String),
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

type Pooled = Client<Connector, Body>;
type Key = (String, Trust);

/// Spawns connections' tasks where the simulation sees them.
#[derive(Clone)]
struct Tasks(Env);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn("outgoing connection", task);
    }
}

/// The clients of one use: all show the same certificate, or none.
pub(crate) struct Clients {
    dialer: Arc<dyn Dialer>,
    resolver: Resolver,
    env: Env,
    leaf: Option<Leaf>,
    clients: Mutex<BTreeMap<Key, (Connector, Pooled)>>,
}

impl Clients {
    /// `leaf`: the certificate that is shown to those who ask.
    pub fn new(dialer: Arc<dyn Dialer>, objects: Objects, leaf: Option<Leaf>) -> Self {
        let env = objects.env().clone();
        Self { dialer, resolver: Resolver::new(objects), env, leaf, clients: Mutex::default() }
    }

    /// POSTs JSON and reads the whole answer, both within `timeout`. `query` is added to the target's address.
    pub async fn post(
        &self,
        target: &Target,
        query: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let mut uri = target.url();
        if !query.is_empty() {
            uri = format!("{uri}?{query}");
        }
        let json = "application/json";
        let request =
            Request::post(uri).header(header::CONTENT_TYPE, json).header(header::ACCEPT, "application/json, */*");
        self.exchange(target, request.body(full(body))?, timeout).await
    }

    /// Sends one request, whose URI is absolute, over a pooled connection and reads the whole answer, both within `timeout`.
    pub async fn exchange(
        &self,
        target: &Target,
        request: Request<Body>,
        timeout: Duration,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let exchange = async {
            let (_, client) = self.client(target)?;
            let answer = client.request(request).await.map_err(cause)?;
            let (parts, body) = answer.into_parts();
            Ok((parts.status, read(body).await?))
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(CallError::Deadline))
    }

    /// A connection of its own, for requests that switch protocols.
    pub async fn connect(&self, target: &Target) -> Result<Stream, CallError> {
        let (connector, _) = self.client(target)?;
        Ok(connector.connect().await?)
    }

    /// Forgets all pooled connections.
    pub fn forget(&self) {
        self.clients.lock().clear();
    }

    fn client(&self, target: &Target) -> Result<(Connector, Pooled), CallError> {
        let key = (authority(&target.address), target.trust.clone());
        if let Some(known) = self.clients.lock().get(&key) {
            return Ok(known.clone());
        }
        let tls = Arc::new(target.trust.config(self.leaf.as_ref())?);
        let address = target.address.clone();
        let connector = Connector { dialer: self.dialer.clone(), resolver: self.resolver.clone(), address, tls };
        let client = Client::builder(Tasks(self.env.clone()))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
            .build(connector.clone());
        let mut clients = self.clients.lock();
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        Ok(clients.entry(key).or_insert((connector, client)).clone())
    }
}

/// What connections are shared by: all paths of one Service or host.
fn authority(address: &Address) -> String {
    match address {
        Address::Service(service) => format!("service {}:{}", service.server_name(), service.port),
        Address::Url(url) => {
            let parsed: Option<Uri> = url.parse().ok();
            parsed.and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_else(|| url.clone())
        }
    }
}

/// What lies at the bottom of the pool's error.
fn cause(error: hyper_util::client::legacy::Error) -> CallError {
    let mut source: &dyn std::error::Error = &error;
    loop {
        if let Some(link) = source.downcast_ref::<LinkError>() {
            return CallError::Transport(link.to_string());
        }
        match source.source() {
            Some(inner) => source = inner,
            None => return CallError::Transport(source.to_string()),
        }
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, CallError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Transport(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if all.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(CallError::TooLarge);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(all.freeze())
}
