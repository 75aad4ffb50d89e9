//! Pooled HTTP/1.1 clients, one per target: what a webhook or an extension server is asked through. HTTP/1.1 because one HTTP/2 connection
//! would bind all calls to one endpoint.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use parking_lot::Mutex;

use super::call::{CallError, cause, read, repeatable, was_closed};
use super::dial::{Dialer, Stream};
use super::endpoint::Resolver;
use super::link::{self, Connector, LinkError};
use super::target::{Address, Target};
use super::trust::Trust;
use crate::body::{Body, full};
use crate::objects::Objects;
use crate::pki::Leaf;

const IDLE_SECONDS: u64 = 90;
/// Connections that wait for use, per endpoint or host: client-go's figure.
const IDLE_MAX: usize = 25;
/// All clients are forgotten when there are this many in use.
const CLIENTS_MAX: usize = 200;

type Pooled = Client<Connector, Body>;
/// Who is called, and who is trusted there: another caBundle is another client, with connections of its own.
type Key = (String, Trust);

/// A client with its connections.
struct Known {
    connector: Connector,
    client: Pooled,
    /// The last call.
    used: jiff::Timestamp,
}

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
    clients: Mutex<BTreeMap<Key, Known>>,
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

    /// Sends one request, of whose URI the path counts, and streams the answer. As upstream's proxy of APIServices, it chooses a ready
    /// endpoint for each request; connections are kept per endpoint.
    pub async fn send(&self, target: &Target, mut request: Request<Body>) -> Result<Response<Incoming>, CallError> {
        let place = match &target.address {
            Address::Service(service) => link::in_uri(&self.resolver.resolve(service).map_err(LinkError::from)?),
            Address::Url(_) => authority(&target.address),
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("https://{place}{path}").parse().map_err(http::Error::from)?;
        // Only a connection that was kept from an earlier call may be closed just now.
        let again = if self.knows(target) { repeatable(&request) } else { None };
        let (_, client) = self.client(target)?;
        match (client.request(request).await, again) {
            // The other side closed a connection that was kept just as it was used again.
            (Err(error), Some(request)) if was_closed(&error) => client.request(request).await.map_err(cause),
            (answer, _) => answer.map_err(cause),
        }
    }

    /// As [`Clients::send`], but reads the whole answer, both within `timeout`.
    pub async fn fetch(
        &self,
        target: &Target,
        request: Request<Body>,
        timeout: Duration,
    ) -> Result<(http::response::Parts, Bytes), CallError> {
        let fetching = async {
            let (parts, body) = self.send(target, request).await?.into_parts();
            Ok((parts, read(body).await?))
        };
        tokio::time::timeout(timeout, fetching).await.unwrap_or(Err(CallError::Deadline))
    }

    /// A connection of its own, for requests that switch protocols.
    pub async fn connect(&self, target: &Target) -> Result<Stream, CallError> {
        let (connector, _) = self.client(target)?;
        Ok(connector.connect(None).await?)
    }

    /// Closes the idle connections to one target: the next call dials anew.
    pub fn forget(&self, target: &Target) {
        self.clients.lock().remove(&key(target));
    }

    /// Forgets all but these targets. Calls under way go on, idle connections are closed.
    pub fn keep(&self, targets: &[Target]) {
        let keys: Vec<Key> = targets.iter().map(key).collect();
        self.clients.lock().retain(|known, _| keys.contains(known));
    }

    /// Whether it was called before.
    fn knows(&self, target: &Target) -> bool {
        self.clients.lock().contains_key(&key(target))
    }

    fn client(&self, target: &Target) -> Result<(Connector, Pooled), CallError> {
        let (key, now) = (key(target), self.env.now());
        if let Some(known) = self.clients.lock().get_mut(&key) {
            known.used = now;
            return Ok((known.connector.clone(), known.client.clone()));
        }
        let tls = Arc::new(target.trust.config(self.leaf.as_ref())?);
        let address = target.address.clone();
        let connector = Connector { dialer: self.dialer.clone(), resolver: self.resolver.clone(), address, tls };
        let client = Client::builder(Tasks(self.env.clone()))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector.clone());
        let mut clients = self.clients.lock();
        // Who was changed or deleted is called no more. Connections that long without a call are closed by then.
        let idle = |known: &Known| now.duration_since(known.used).as_secs().unsigned_abs() > IDLE_SECONDS;
        clients.retain(|_, known| !idle(known));
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        let known = clients.entry(key).or_insert(Known { connector, client, used: now });
        Ok((known.connector.clone(), known.client.clone()))
    }
}

fn key(target: &Target) -> Key {
    (authority(&target.address), target.trust.clone())
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
