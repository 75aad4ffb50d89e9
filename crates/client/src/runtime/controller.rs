//! The loop of one controller: keys in, plans out.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::env::Env;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;

use crate::events::Recorder;
use crate::informer::{Change, Informer};
use crate::informers::Informers;
use crate::lister::Lister;
use crate::resource::{Object, ObjectKey, ResourceType};
use crate::rest::Rest;
use crate::runtime::apply::{self, Failure};
use crate::runtime::plan::Plan;
use crate::runtime::seen::{Seen, Tracker, Trackers};
use crate::work_queue::WorkQueue;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many reconciles of this process have panicked.
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// What a reconcile is told beside what it observes.
pub struct Attempt<'a> {
    pub now: Timestamp,
    /// Set when the plan just made for this key failed: the chance to put that into a status. Everything else in the plan
    /// returned now is up to the reconcile; the key is tried again in full after its back-off.
    pub failure: Option<&'a Failure>,
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<Plan, Box<Failure>>> + Send + 'a>>;

/// A controller under construction, then running.
pub struct Controller {
    name: &'static str,
    informers: Informers,
    rest: Rest,
    recorder: Recorder,
    queue: WorkQueue<ObjectKey>,
    trackers: Trackers,
    workers: usize,
}

impl Controller {
    /// `name` is the component its events come from. It reads through shared informers and writes as `client`, as
    /// upstream's controllers read as the controller manager and write with their own service account.
    pub fn new(name: &'static str, informers: &Informers, client: kube::Client) -> Self {
        let rest = Rest::new(client);
        let recorder = Recorder::start(name, rest.clone(), informers.env().clone(), informers.stopped().clone());
        let (queue, trackers) = (WorkQueue::default(), Trackers::default());
        Self { name, informers: informers.clone(), rest, recorder, queue, trackers, workers: 5 }
    }

    /// How many keys may be worked on at once.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub fn env(&self) -> &Env {
        self.informers.env()
    }

    /// The queue, for activations that no informer makes.
    pub fn queue(&self) -> &WorkQueue<ObjectKey> {
        &self.queue
    }

    /// Watches the objects that are themselves the keys.
    pub fn own<K: Object + k8s_openapi::Resource>(&mut self) -> Lister<K> {
        self.watch(|change: &Change<K>| vec![change.key()])
    }

    /// Watches objects whose changes concern other keys.
    pub fn watch<K: Object + k8s_openapi::Resource>(
        &mut self,
        keys: impl Fn(&Change<K>) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Lister<K> {
        let informer = self.informers.of::<K>();
        self.watch_informer(ResourceType::of::<K>(), informer, keys)
    }

    /// Keeps objects at hand whose changes wake nobody.
    pub fn read<K: Object + k8s_openapi::Resource>(&mut self) -> Lister<K> {
        self.watch(|_: &Change<K>| Vec::new())
    }

    /// Watches through a given informer (a selection, or metadata only).
    pub fn watch_informer<K: Object>(
        &mut self,
        resource: ResourceType,
        informer: Informer<K>,
        keys: impl Fn(&Change<K>) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Lister<K> {
        let queue = self.queue.clone();
        informer.on_change(move |change| keys(change).into_iter().for_each(|key| queue.add(key)));
        let lister = informer.lister();
        let tracker: Arc<dyn Tracker> = Arc::new(informer);
        self.trackers.0.insert(resource, tracker);
        lister
    }

    /// Runs a pure reconcile until the component stops.
    pub async fn run(self, reconcile: impl Fn(&ObjectKey, &Attempt<'_>) -> Plan + Send + Sync) {
        self.run_async(move |key, attempt| {
            let plan = reconcile(key, &attempt);
            Box::pin(std::future::ready(Ok(plan)))
        })
        .await;
    }

    /// Runs a reconcile that must ask the server while it observes.
    pub async fn run_async<F>(self, reconcile: F)
    where
        F: for<'a> Fn(&'a ObjectKey, Attempt<'a>) -> Step<'a> + Send + Sync,
    {
        let stopped = self.informers.stopped().clone();
        stopped.run_until_cancelled(self.work(&reconcile)).await;
    }

    async fn work<F>(&self, reconcile: &F)
    where
        F: for<'a> Fn(&'a ObjectKey, Attempt<'a>) -> Step<'a> + Send + Sync,
    {
        self.trackers.synced().await;
        tracing::debug!(controller = self.name, "caches are synced");
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                key = self.queue.get(), if running.len() < self.workers => running.push(self.process(key, reconcile)),
                Some(()) = running.next() => {}
            }
        }
    }

    async fn process<F>(&self, key: ObjectKey, reconcile: &F)
    where
        F: for<'a> Fn(&'a ObjectKey, Attempt<'a>) -> Step<'a> + Send + Sync,
    {
        let mut seen = Vec::new();
        match self.attempt(&key, None, reconcile, &mut seen).await {
            Ok(requeue_after) => self.settle(&key, requeue_after),
            Err(failure) => {
                self.log(&key, &failure);
                if !failure.is_stale() {
                    self.trackers.hold(self.name, &self.rest, &std::mem::take(&mut seen)).await;
                    if let Err(second) = self.attempt(&key, Some(&failure), reconcile, &mut seen).await {
                        self.log(&key, &second);
                    }
                }
                self.queue.add_rate_limited(key.clone());
            }
        }
        self.trackers.hold(self.name, &self.rest, &seen).await;
        self.queue.done(&key);
    }

    fn settle(&self, key: &ObjectKey, requeue_after: Option<Duration>) {
        self.queue.forget(key);
        if let Some(delay) = requeue_after {
            self.queue.add_after(key.clone(), delay);
        }
    }

    /// One reconcile and its plan; a panic in it is a failure like any other.
    async fn attempt<F>(
        &self,
        key: &ObjectKey,
        failure: Option<&Failure>,
        reconcile: &F,
        seen: &mut Vec<Seen>,
    ) -> Result<Option<Duration>, Box<Failure>>
    where
        F: for<'a> Fn(&'a ObjectKey, Attempt<'a>) -> Step<'a> + Send + Sync,
    {
        let work = async {
            let attempt = Attempt { now: self.env().now(), failure };
            let plan = reconcile(key, attempt).await?;
            for action in &plan.actions {
                tracing::debug!(controller = self.name, %key, "{action}");
            }
            apply::apply(&plan, &self.rest, &self.recorder, seen).await?;
            Ok(plan.requeue_after)
        };
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => {
                PANICS.fetch_add(1, Ordering::Relaxed);
                Err(Box::new(panicked(&panic)))
            }
        }
    }

    fn log(&self, key: &ObjectKey, failure: &Failure) {
        let Failure { action, error, .. } = failure;
        let controller = self.name;
        if failure.is_stale() {
            tracing::debug!(controller, %key, %error, "out of date, trying again: {action}");
        } else {
            tracing::warn!(controller, %key, %error, "failed, trying again: {action}");
        }
    }
}

fn panicked(panic: &Box<dyn std::any::Any + Send>) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned());
    let answer = crate::error::Answer { message: format!("panic: {text}"), ..Default::default() };
    Failure {
        action: "reconcile".to_owned(),
        resource: ResourceType { group: "".into(), version: "".into(), plural: "".into(), kind: "".into() },
        verb: "reconcile",
        error: crate::error::Error::Api(Box::new(answer)),
    }
}
