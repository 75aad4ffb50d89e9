//! A server for tests: every built-in kind, a store in memory, everything allowed, a clock that stands, counted randomness.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::env::Env;
use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use store::{MemoryEngine, Options, Store};

use crate::admission::{MutatingAdmissionPolicy, Policies, PolicyParameters, ValidatingAdmissionPolicy};
use crate::custom::DefinitionWrites;
use crate::dialer::{DialError, Dialer, Endpoint, Stream, Tunnels};
use crate::services::SelfReview;
use crate::{
    Admit, ApiServer, AuthError, Authenticate, Authorize, Body, Call, Config, Decision, Identity, Kinds, Meta, Objects,
    Parts, RequestInfo, Service, Status, derive, full,
};

struct Nobody;

#[async_trait]
impl Authenticate for Nobody {
    async fn authenticate(
        &self,
        _: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        Ok(None)
    }
}

/// Allows all, except what a user named `nobody` asks, that one named `unread` reads Secrets, and that one named `actor` does anything but
/// take on what has no `secret` in its name.
pub(crate) struct AllButNobody;

impl Authorize for AllButNobody {
    fn authorize(&self, identity: &Identity, info: &RequestInfo) -> Decision {
        let secrets = identity.name == "unread" && info.resource == "secrets" && info.verb == "get";
        let acts = identity.name == "actor" && (info.verb != "impersonate" || info.name.contains("secret"));
        if secrets || acts || identity.name == "nobody" {
            Decision::NoOpinion(String::new())
        } else {
            Decision::Allow(String::new())
        }
    }
}

/// Answers what it was given.
struct Echo;

#[async_trait]
impl Service for Echo {
    async fn handle(&self, mut call: Call) -> Result<http::Response<Body>, Status> {
        Ok(http::Response::new(full(call.read().await?.to_string())))
    }
}

/// Panics.
struct Defect;

#[async_trait]
impl Service for Defect {
    async fn handle(&self, _: Call) -> Result<http::Response<Body>, Status> {
        panic!("a defect");
    }
}

pub(crate) fn env() -> Env {
    let now = "2026-11-21T10:00:00Z".parse().expect("a time");
    env_at(move || now)
}

/// The machine's clock, for those who check certificates by it.
pub(crate) fn env_now() -> Env {
    env_at(jiff::Timestamp::now)
}

fn env_at(now: impl Fn() -> jiff::Timestamp + Send + Sync + 'static) -> Env {
    let counter = Arc::new(AtomicU64::new(1));
    let fill = move |buffer: &mut [u8]| {
        for byte in buffer {
            // A small linear generator: distinct values, the same in every run.
            let next = counter
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            *byte = (next >> 33) as u8;
        }
    };
    Env::new(now, fill, |_, task| drop(tokio::spawn(task)))
}

pub(crate) fn store(kinds: &Kinds) -> Store<Meta> {
    let options = Options {
        derive: derive(kinds.clone()),
        now: Arc::new(|| 1_795_255_200),
        lazy_prefixes: Vec::new(),
        ring_bytes: 1 << 20,
        retention_seconds: 300,
        on_fatal: Arc::new(|_| {}),
        threaded: false,
    };
    Store::open(Box::new(MemoryEngine::default()), options).expect("a store in memory opens")
}

/// A fresh, empty server; admission policies count.
pub(crate) fn server() -> ApiServer {
    server_with(Arc::new(Nobody), env())
}

fn policies(kinds: &Kinds, objects: &Objects) -> Admission {
    let policies = Policies::new(kinds.clone(), objects.clone(), Arc::new(AllButNobody));
    vec![
        Arc::new(PolicyParameters::new(objects.clone(), Arc::new(AllButNobody))),
        Arc::new(MutatingAdmissionPolicy(policies.clone())),
        Arc::new(ValidatingAdmissionPolicy(policies)),
    ]
}

/// A fresh, empty server that asks who is there.
pub(crate) fn server_with(authenticator: Arc<dyn Authenticate>, env: Env) -> ApiServer {
    let services = |_: &Objects| -> Services {
        let (echo, own): (Arc<dyn Service>, Arc<dyn Service>) = (Arc::new(Echo), Arc::new(SelfReview));
        BTreeMap::from([("token", echo), ("eviction", Arc::new(Defect)), ("selfsubjectreviews", own)])
    };
    server_of(authenticator, env, services, policies)
}

/// A fresh, empty server with services of its own, for whoever comes.
pub(crate) fn server_serving(services: impl FnOnce(&Objects) -> Services) -> ApiServer {
    server_of(Arc::new(Nobody), env(), services, |_, _| Vec::new())
}

/// A fresh, empty server with the machine's clock and admission plugins of its own; connections are answered with what they ask.
pub(crate) fn server_admitting(admission: impl FnOnce(&Kinds, &Objects) -> Admission) -> ApiServer {
    let services = |_: &Objects| {
        let echo: Arc<dyn Service> = Arc::new(Echo);
        BTreeMap::from([("token", echo.clone()), ("eviction", echo.clone()), ("exec", echo)])
    };
    server_of(Arc::new(Nobody), env_now(), services, admission)
}

/// A fresh, empty server with both of its own.
pub(crate) fn server_serving_and_admitting(
    services: impl FnOnce(&Objects) -> Services,
    admission: impl FnOnce(&Kinds, &Objects) -> Admission,
) -> ApiServer {
    server_of(Arc::new(Nobody), env(), services, admission)
}

type Admission = Vec<Arc<dyn Admit>>;

/// Dials without a certificate of its own.
struct Plain;

#[async_trait]
impl Dialer for Plain {
    async fn dial(&self, to: &Endpoint) -> Result<Stream, DialError> {
        let address = to.address();
        let stream = tokio::net::TcpStream::connect(&address).await;
        Ok(Box::new(stream.map_err(|source| DialError::Connect { address, source })?))
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError> {
        self.dial(to).await
    }
}

type Services = BTreeMap<&'static str, Arc<dyn Service>>;

/// A fresh, empty server with settings of its own.
pub(crate) fn server_configured(config: Config) -> ApiServer {
    server_from(config, Arc::new(Nobody), env(), |_| BTreeMap::new(), |_, _| Vec::new())
}

/// A fresh, empty server of one's own making.
pub(crate) fn server_of(
    authenticator: Arc<dyn Authenticate>,
    env: Env,
    services: impl FnOnce(&Objects) -> Services,
    admission: impl FnOnce(&Kinds, &Objects) -> Admission,
) -> ApiServer {
    server_from(Config::new("/nowhere"), authenticator, env, services, admission)
}

fn server_from(
    config: Config,
    authenticator: Arc<dyn Authenticate>,
    env: Env,
    services: impl FnOnce(&Objects) -> Services,
    admission: impl FnOnce(&Kinds, &Objects) -> Admission,
) -> ApiServer {
    let kinds = Kinds::new(api::kinds::ALL);
    let objects = Objects::new(store(&kinds), env);
    let mut services = services(&objects);
    services.insert("customresourcedefinitions", Arc::new(DefinitionWrites::new(objects.clone())));
    let (authorizer, admission) = (Arc::new(AllButNobody), admission(&kinds, &objects));
    let parts = Parts { objects, kinds, authenticator, authorizer, admission, dialer: Some(Arc::new(Plain)), services };
    let tunnels = Arc::new(Tunnels::new(parts.objects.clone(), &[]).unwrap());
    let server = ApiServer::new(config, parts);
    server.inner().tunnels.get_or_init(|| tunnels);
    server.clean_up_definitions();
    server
}
