//! The server itself: what it is made of, and its two entrances, one for identities already known (in process) and one for the network.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use api::env::Env;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::access::Authorize;
use crate::admit::Admit;
use crate::aggregation::Aggregator;
use crate::body::{Body, BoxError};
use crate::config::Config;
use crate::custom::Cleanup;
use crate::dialer::{Clients, Dialer, Tunnels};
use crate::drain::Drain;
use crate::encodings::Encodings;
use crate::front::{Caller, Late, Metrics};
use crate::health::Health;
use crate::identity::{Authenticate, Identity};
use crate::kinds::{Kinds, Served};
use crate::meta::Meta;
use crate::objects::Objects;
use crate::service::Service;
use crate::watch::{Frames, Watchers};

/// What a server is put together from.
pub struct Parts {
    pub kinds: Kinds,
    pub objects: Objects,
    pub authenticator: Arc<dyn Authenticate>,
    pub authorizer: Arc<dyn Authorize>,
    /// In upstream's order; quota last.
    pub admission: Vec<Arc<dyn Admit>>,
    /// How webhooks are reached; none are called without it.
    pub dialer: Option<Arc<dyn Dialer>>,
    /// By the names that kinds' rows and service subresources use.
    pub services: BTreeMap<&'static str, Arc<dyn Service>>,
}

/// The API server. Cheap to clone.
#[derive(Clone)]
pub struct ApiServer(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) served: Served,
    pub(crate) objects: Objects,
    pub(crate) authenticator: Arc<dyn Authenticate>,
    pub(crate) authorizer: Arc<dyn Authorize>,
    pub(crate) admission: Vec<Arc<dyn Admit>>,
    pub(crate) services: BTreeMap<&'static str, Arc<dyn Service>>,
    /// Set once the server is put together; a server without one serves its own groups only.
    pub(crate) aggregator: OnceLock<Arc<Aggregator>>,
    /// What conversion webhooks are called with.
    pub(crate) webhooks: Option<Clients>,
    /// Where agents' tunnels end; without it none is taken.
    pub(crate) tunnels: OnceLock<Arc<Tunnels>>,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) frames: Frames,
    pub(crate) watchers: Watchers,
    pub(crate) late: Late,
    pub(crate) encodings: Encodings,
    pub(crate) shutdown: CancellationToken,
    pub(crate) drain: Drain,
    pub(crate) started: Timestamp,
}

impl ApiServer {
    /// Puts a server together; it serves at once.
    pub fn new(config: Config, parts: Parts) -> Self {
        let Parts { kinds, objects, authenticator, authorizer, admission, dialer, services } = parts;
        let drain = Drain::default();
        let started = objects.env().now();
        let webhooks = dialer.map(|dialer| Clients::new(dialer, objects.clone(), None));
        Self(Arc::new(Inner {
            config,
            served: Served::new(kinds, objects.clone()),
            objects,
            authenticator,
            authorizer,
            admission,
            services,
            aggregator: OnceLock::new(),
            webhooks,
            tunnels: OnceLock::new(),
            health: Health::new(drain.begun().clone()),
            metrics: Metrics::default(),
            frames: Frames::default(),
            watchers: Watchers::default(),
            late: Late::default(),
            encodings: Encodings::default(),
            shutdown: drain.begun().clone(),
            drain,
            started,
        }))
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn objects(&self) -> &Objects {
        &self.0.objects
    }

    pub fn env(&self) -> &Env {
        self.0.objects.env()
    }

    /// Named checks behind /livez, /readyz and /healthz.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Deletes what belongs to definitions that are deleted, for as long as the server runs.
    pub(crate) fn clean_up_definitions(&self) {
        let cleanup = Cleanup::new(self.0.clone());
        self.env().spawn("custom resource cleanup", cleanup.run(self.0.shutdown.clone()));
    }

    /// Ends watches and connections; requests under way are finished.
    pub fn shut_down(&self) {
        self.0.drain.begin();
    }

    /// Lets other servers' groups in.
    pub(crate) fn aggregate(&self, aggregator: Arc<Aggregator>) {
        let (kinds, shutdown) = (Kinds::clone(&self.0.served.current()), self.0.shutdown.clone());
        let task = aggregator.clone().run(kinds, shutdown);
        if self.0.aggregator.set(aggregator).is_ok() {
            self.env().spawn("aggregator", task);
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// The in-process transport: the same pipeline minus TLS, for a caller whose identity is known.
    pub fn service(&self, identity: Identity) -> InProcess {
        InProcess { server: self.clone(), identity: Arc::new(identity) }
    }

    /// Serves one request that came over the network.
    pub(crate) fn serve_request(&self, request: Request<Body>, caller: Caller) -> BoxFuture<'static, Response<Body>> {
        crate::front::in_time(self.0.clone(), request, caller)
    }
}

/// Makes the meta of a recovered key and value.
pub type Derive = Arc<dyn Fn(&str, &Bytes) -> Meta + Send + Sync>;

/// Opens the store's decoded side: what [`store::Options::derive`] has to be for this server's kinds.
pub fn derive(kinds: Kinds) -> Derive {
    Arc::new(move |key, bytes| match (kinds.of_key(key), serde_json::from_slice(bytes)) {
        (Some(kind), Ok(object)) => Meta::of(kind, &object),
        // What is no built-in kind's is a custom resource: its definition is looked at when it is read.
        (None, Ok(object)) => Meta::of_custom(&object),
        (_, Err(error)) => {
            tracing::error!(key, %error, "a stored object is not JSON");
            Meta::default()
        }
    })
}

/// Prefixes whose writes may be acknowledged a moment before their fsync: Events.
pub const LAZY_PREFIXES: [&str; 1] = ["/registry/events/"];

/// A tower service that speaks as one identity.
#[derive(Clone)]
pub struct InProcess {
    server: ApiServer,
    identity: Arc<Identity>,
}

impl<B> tower::Service<Request<B>> for InProcess
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = Caller::Known(self.identity.clone());
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let answer = self.server.serve_request(request, caller);
        Box::pin(async move { Ok(answer.await) })
    }
}
