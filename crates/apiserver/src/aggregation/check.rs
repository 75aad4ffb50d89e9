//! One look at an extension server, for its Available condition. What the server says of itself is kept for discovery.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use store::Revision;

use super::Aggregator;
use super::condition::{self, Availability};
use super::registered::Registered;
use crate::identity::Identity;
use crate::meta::Meta;
use crate::objects::{self, timestamp};
use crate::rows::row;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A server is unavailable once it gave no answer this often.
const ATTEMPTS: usize = 5;
/// How long the first attempt is alone. Upstream makes all at once; a server that is well need not be asked five times.
const ALONE: Duration = Duration::from_secs(1);
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What a look saw and did.
#[derive(Clone, Copy, Default)]
pub(super) struct Looked {
    /// The server should answer, and does not.
    pub failing: bool,
    /// The revision of the APIService that the look has written.
    pub written: Option<Revision>,
}

impl Aggregator {
    pub(super) async fn look_at(&self, registered: &Registered) -> Looked {
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
        let mut looked = Looked { failing: asked && !availability.available, written: None };
        let Some(object) = self.objects.get(self.kind, "", &registered.name) else { return looked };
        let now = timestamp(self.objects.env().now());
        if let Some(next) = availability.noted(&object, &now) {
            match self.objects.update(self.kind, next).await {
                Ok(stored) => {
                    looked.written =
                        stored["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok());
                }
                // Somebody else wrote it: that state comes by as well.
                Err(status) if matches!(&*status.reason, "Conflict" | "NotFound") => {}
                Err(status) => tracing::warn!(name = registered.name, %status, "an APIService could not be written"),
            }
        }
        looked
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

/// Passes over what happened meanwhile: one look covers it.
pub(super) fn drained(cursor: &mut store::Cursor<Meta>) -> Result<(), store::Compacted> {
    while cursor.try_next()?.is_some() {}
    Ok(())
}
