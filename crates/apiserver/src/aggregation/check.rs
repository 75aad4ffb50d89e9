//! Keeps the Available conditions: looks when an APIService, its Service or its EndpointSlices change, when a proxied call failed, and every
//! 30 seconds while there is anything to look at; sooner, ever more slowly, while a server does not answer. What the extension server says
//! of itself is kept for discovery.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Aggregator;
use super::condition::{self, Availability};
use super::registered::Registered;
use crate::identity::Identity;
use crate::meta::Meta;
use crate::objects::{self, timestamp};
use crate::rows::row;

const AGAIN: Duration = Duration::from_secs(30);
/// After the first failure; each further one doubles it.
const SOON: Duration = Duration::from_millis(5);
const TIMEOUT: Duration = Duration::from_secs(5);
/// A server is unavailable once it gave no answer this often.
const ATTEMPTS: usize = 5;
/// How long the first attempt is alone. Upstream makes all at once; a server that is well need not be asked five times.
const ALONE: Duration = Duration::from_secs(1);
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What a look saw.
#[derive(Clone, Copy)]
pub(super) struct Looked {
    /// There is an APIService of another server.
    pub anything: bool,
    /// One that should answer does not.
    pub failing: bool,
}

impl Aggregator {
    /// Runs until the server ends.
    pub(super) async fn check(&self, shutdown: &CancellationToken) {
        let watched = [self.kind, row("", "v1", "services"), row("discovery.k8s.io", "v1", "endpointslices")];
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let revision = self.objects.snapshot().revision();
            let cursors = watched.map(|kind| self.objects.watch(&objects::prefix(kind, ""), revision));
            let [Ok(mut registered), Ok(mut services), Ok(mut slices)] = cursors else { continue };
            // A cursor that was left behind begins anew.
            loop {
                let Looked { anything, failing } = self.look().await;
                failures = if failing { failures + 1 } else { 0 };
                let again = tokio::time::sleep(patience(failures));
                tokio::pin!(again);
                let behind = loop {
                    let event = tokio::select! {
                        event = registered.next() => {
                            self.unread.notify_one();
                            break event.is_err();
                        }
                        event = services.next(), if anything => event,
                        event = slices.next(), if anything => event,
                        () = self.doubts.notified() => break false,
                        () = &mut again, if anything => break false,
                        () = shutdown.cancelled() => return,
                    };
                    match event {
                        Ok(event) if self.concerned(&event.shown().meta.namespace) => break false,
                        Ok(_) => {}
                        Err(_) => break true,
                    }
                };
                let caught_up =
                    [&mut registered, &mut services, &mut slices].into_iter().all(|cursor| drained(cursor).is_ok());
                if behind || !caught_up {
                    break;
                }
            }
        }
    }

    /// Whether an extension server is in a namespace.
    fn concerned(&self, namespace: &str) -> bool {
        self.registry.read().sorted().iter().any(|registered| registered.service.namespace == namespace)
    }

    /// One look at all of them. What concerns none of them any more is forgotten, connections included.
    pub(super) async fn look(&self) -> Looked {
        let all = self.registry.read().sorted();
        self.learnt.lock().retain(|name, _| all.iter().any(|registered| registered.name == *name));
        if all.is_empty() {
            *self.merged.lock() = None;
        }
        self.clients.keep(&all.iter().map(|registered| registered.target()).collect::<Vec<_>>());
        let failing = join_all(all.iter().map(|registered| self.look_at(registered))).await;
        Looked { anything: !all.is_empty(), failing: failing.contains(&true) }
    }

    /// `true`: it should answer, and does not.
    async fn look_at(&self, registered: &Registered) -> bool {
        let reference = &registered.service;
        let service = self.objects.get(row("", "v1", "services"), &reference.namespace, &reference.name);
        let items = self.objects.items(row("discovery.k8s.io", "v1", "endpointslices"), &reference.namespace);
        let mine = items.iter().filter(|item| item.meta.labels.get(SERVICE_NAME) == Some(&reference.name));
        let slices: Vec<Value> = mine.map(|item| objects::parse(item)).collect();
        let stored = condition::stored(registered, service.as_ref(), &slices);
        let asked = stored.is_none();
        let availability = match stored {
            Some(availability) => availability,
            None => self.ask(registered).await,
        };
        let failing = asked && !availability.available;
        let Some(object) = self.objects.get(self.kind, "", &registered.name) else { return failing };
        let now = timestamp(self.objects.env().now());
        if let Some(next) = availability.noted(&object, &now) {
            match self.objects.update(self.kind, next).await {
                Ok(_) => {}
                // Somebody else wrote it: that state comes by as well.
                Err(status) if matches!(&*status.reason, "Conflict" | "NotFound") => {}
                Err(status) => tracing::warn!(name = registered.name, %status, "an APIService could not be written"),
            }
        }
        failing
    }

    /// Asks for the discovery document, which every extension server has; one answer is enough.
    async fn ask(&self, registered: &Registered) -> Availability {
        let mut attempts = FuturesUnordered::new();
        attempts.push(Box::pin(self.discover(registered)));
        let mut last = match tokio::time::timeout(ALONE, attempts.next()).await {
            Ok(Some(Ok(resources))) => return self.passed(registered, resources),
            Ok(Some(Err(message))) => message,
            Ok(None) | Err(_) => String::new(),
        };
        attempts.extend((1..ATTEMPTS).map(|_| Box::pin(self.discover(registered))));
        while let Some(answer) = attempts.next().await {
            match answer {
                Ok(resources) => return self.passed(registered, resources),
                Err(message) => last = message,
            }
        }
        Availability::failed(last)
    }

    fn passed(&self, registered: &Registered, resources: Value) -> Availability {
        self.learnt.lock().entry(registered.name.clone()).or_default().resources = resources;
        Availability::passed()
    }

    /// One attempt at the discovery document, of an endpoint chosen at random.
    async fn discover(&self, registered: &Registered) -> Result<Value, String> {
        let path = registered.path();
        let url = format!("{}{path}", registered.target().url());
        let masters = Identity::new("system:kube-aggregator", &["system:masters"]);
        let failed = match self.fetch(registered, (&path, ""), &masters, TIMEOUT).await {
            Ok(answer) if answer.code.is_success() => return Ok(answer.json()),
            Ok(answer) => format!("bad status from {url}: {}", answer.code.as_u16()),
            Err(error) => format!("Get {url:?}: {error}"),
        };
        self.clients.forget(&registered.target());
        Err(format!("failing or missing response from {url}: {failed}"))
    }
}

/// How long until the next look after so many failures in a row.
fn patience(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => AGAIN,
        Some(doublings) => SOON.saturating_mul(2_u32.saturating_pow(doublings)).min(AGAIN),
    }
}

/// Passes over what happened meanwhile: one look covers it.
pub(super) fn drained(cursor: &mut store::Cursor<Meta>) -> Result<(), store::Compacted> {
    while cursor.try_next()?.is_some() {}
    Ok(())
}
