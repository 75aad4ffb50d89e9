//! Keeps the APIServices of this server's own groups: of the built-in ones at the start, of custom resources for as long as a definition
//! serves their version (upstream's autoregister and crdregistration controllers). Whoever takes the label away has it for himself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use store::Item;
use tokio_util::sync::CancellationToken;

use super::Aggregator;
use super::check::drained;
use super::condition::Availability;
use super::keep::WATCH_AGAIN;
use super::local::{self, Step};
use crate::follow::View;
use crate::kinds::Kinds;
use crate::meta::Meta;
use crate::objects::{self, timestamp};
use crate::options::DeleteOptions;
use crate::registry::graceful::{self, Verdict};
use crate::rows::row;
use crate::status::Status;

/// After a write that failed.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Groups and versions that definitions serve, by the definition's name.
#[derive(Default)]
pub(super) struct Declared(BTreeMap<String, Vec<(String, String)>>);

impl View for Declared {
    const SOURCES: &'static [&'static str] = &["apiextensions.k8s.io/customresourcedefinitions"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        let definition = objects::parse(item);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
        let served = versions.filter(|version| version["served"] == true);
        let declared = served.map(|version| (text(&definition["spec"]["group"]), text(&version["name"])));
        self.0.insert(item.meta.name.clone(), declared.collect());
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.0.remove(&item.meta.name);
    }
}

/// By name.
type Services = BTreeMap<String, Value>;

/// What was done since the server started.
struct Progress {
    built_in: Services,
    at_start: BTreeSet<String>,
    synced: BTreeSet<String>,
}

fn name(service: &Value) -> String {
    service["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

impl Aggregator {
    /// Runs until the server ends.
    pub(super) async fn register(&self, kinds: &Kinds, shutdown: &CancellationToken) {
        let built_in = local::built_in(kinds, self.objects.env().now());
        let built_in = built_in.into_iter().map(|service| (name(&service), service)).collect();
        let at_start = self.objects.items(self.kind, "").iter().map(|item| item.meta.name.clone()).collect();
        let mut progress = Progress { built_in, at_start, synced: BTreeSet::new() };
        let watched = [self.kind, row("apiextensions.k8s.io", "v1", "customresourcedefinitions")];
        while !shutdown.is_cancelled() {
            let revision = self.objects.snapshot().revision();
            let cursors = watched.map(|kind| self.objects.watch(&objects::prefix(kind, ""), revision));
            let [Ok(mut services), Ok(mut definitions)] = cursors else {
                tokio::time::sleep(WATCH_AGAIN).await;
                continue;
            };
            // A cursor that was left behind begins anew.
            loop {
                let is_done = self.reconcile(&mut progress).await;
                let event = tokio::select! {
                    event = services.next() => event,
                    event = definitions.next() => event,
                    () = tokio::time::sleep(WRITE_AGAIN), if !is_done => continue,
                    () = shutdown.cancelled() => return,
                };
                if event.is_err() || drained(&mut services).is_err() || drained(&mut definitions).is_err() {
                    break;
                }
            }
        }
    }

    /// Takes the next step for each APIService; whether all could be written.
    async fn reconcile(&self, progress: &mut Progress) -> bool {
        let mut is_done = true;
        let wanted = self.wanted(&progress.built_in);
        let current: Services = self.objects.list(self.kind, "").into_iter().map(|one| (name(&one), one)).collect();
        let names: BTreeSet<&String> = wanted.keys().chain(current.keys()).collect();
        for name in names {
            let (at_start, synced) = (progress.at_start.contains(name), progress.synced.contains(name));
            let (wanted, current) = (wanted.get(name), current.get(name));
            let step = local::step(wanted, current, at_start, synced);
            match self.take(step, wanted, current).await {
                Ok(()) => {
                    progress.synced.insert(name.clone());
                }
                // Somebody else wrote it: that state comes by as well.
                Err(status) if matches!(&*status.reason, "Conflict" | "AlreadyExists" | "NotFound") => {}
                Err(status) => {
                    is_done = false;
                    tracing::warn!(name, %status, "an APIService could not be written");
                }
            }
        }
        is_done
    }

    /// The built-in groups' and those of all definitions that are none of them.
    fn wanted(&self, built_in: &Services) -> Services {
        let now = self.objects.env().now();
        let mut wanted = built_in.clone();
        for (group, version) in self.declared.read().0.values().flatten() {
            wanted.entry(format!("{version}.{group}")).or_insert_with(|| local::custom(group, version, now));
        }
        wanted
    }

    async fn take(&self, step: Option<Step>, wanted: Option<&Value>, current: Option<&Value>) -> Result<(), Status> {
        let spec = wanted.map(|wanted| wanted["spec"].clone());
        match (step, wanted, current) {
            (Some(Step::Create), Some(wanted), _) => self.objects.create(self.kind, wanted.clone()).await.map(drop),
            (Some(Step::Delete), _, Some(current)) => self.delete(current).await,
            (step, _, Some(current)) => {
                let mut next = current.clone();
                if let (Some(Step::Update), Some(spec)) = (step, spec) {
                    next["spec"] = spec;
                }
                self.settle(current, next).await
            }
            _ => Ok(()),
        }
    }

    /// Deletes it as it was seen. Finalizers keep it, as they do when anybody else deletes it.
    async fn delete(&self, current: &Value) -> Result<(), Status> {
        let now = self.objects.env().now();
        match graceful::decide(self.kind, current, &DeleteOptions::default(), now) {
            Verdict::Mark(marked) => self.objects.update(self.kind, *marked).await.map(drop),
            Verdict::Remove | Verdict::Last(_) => self.objects.remove_seen(self.kind, current).await.map(drop),
            Verdict::Pending => Ok(()),
        }
    }

    /// Writes what differs. What this server serves is available (upstream's local availability controller).
    async fn settle(&self, current: &Value, mut next: Value) -> Result<(), Status> {
        if next["spec"]["service"].is_null() {
            let now = timestamp(self.objects.env().now());
            next = Availability::local().noted(&next, &now).unwrap_or(next);
        }
        if next == *current { Ok(()) } else { self.objects.update(self.kind, next).await.map(drop) }
    }
}
