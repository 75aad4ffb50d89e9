//! One metadata informer per resource the server has, kept in step with discovery; all feed the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client::discovery::{Discovered, Discovery};
use client::{Change, Informer, Informers, Object, ObjectKey, PartialObject, ResourceType, Rest, WorkQueue};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::graph::Graph;

/// Where an owner of some kind is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub resource: ResourceType,
    pub namespaced: bool,
}

pub struct Monitors {
    informers: Informers,
    queue: WorkQueue<ObjectKey>,
    graph: Arc<Mutex<Graph>>,
    /// By group and kind.
    places: Mutex<BTreeMap<(String, String), Place>>,
    watched: Mutex<BTreeSet<ResourceType>>,
    /// Something that adds or takes away resources has changed.
    changed: Arc<Notify>,
}

/// Events own nothing, are owned by nothing, and are many.
fn is_ignored(resource: &ResourceType) -> bool {
    resource.plural == "events" && (resource.group.is_empty() || resource.group == "events.k8s.io")
}

/// Their objects define resources.
fn defines_resources(resource: &ResourceType) -> bool {
    matches!(&*resource.plural, "customresourcedefinitions" | "apiservices")
}

/// How long to gather changes of definitions before asking the server again.
const SETTLE: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(5);

impl Monitors {
    pub fn new(informers: &Informers, queue: WorkQueue<ObjectKey>) -> Self {
        let (places, watched) = (Mutex::default(), Mutex::default());
        Self { informers: informers.clone(), queue, graph: Arc::default(), places, watched, changed: Arc::default() }
    }

    pub fn graph(&self) -> &Mutex<Graph> {
        &self.graph
    }

    pub fn place(&self, api_version: &str, kind: &str) -> Option<Place> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.places.lock().get(&(group.to_owned(), kind.to_owned())).cloned()
    }

    /// Asks for a look at the object with this uid.
    pub fn look_at(&self, uid: String) {
        self.queue.add(ObjectKey::cluster(uid));
    }

    /// Watches everything there is, and waits until all of it has arrived: before, every owner would look absent.
    pub async fn start(&self, rest: &Rest) {
        let informers = loop {
            match self.refresh(rest).await {
                Ok(informers) => break informers,
                Err(error) => tracing::warn!(%error, "discovering what to collect"),
            }
            tokio::time::sleep(RETRY).await;
        };
        for informer in informers {
            informer.wait_synced().await;
        }
    }

    /// Keeps in step with resources that come and go.
    pub async fn follow(&self, rest: &Rest) {
        loop {
            self.changed.notified().await;
            tokio::time::sleep(SETTLE).await;
            if let Err(error) = self.refresh(rest).await {
                tracing::warn!(%error, "discovering what to collect");
                tokio::time::sleep(RETRY).await;
                self.changed.notify_one();
            }
        }
    }

    /// Starts and stops informers as discovery says; returns the new ones. Groups whose server is away keep theirs.
    async fn refresh(&self, rest: &Rest) -> client::Result<Vec<Informer<PartialObject>>> {
        let discovery = Discovery::read(rest).await?;
        *self.places.lock() = places(&discovery);
        let wanted: BTreeSet<ResourceType> =
            discovery.preferred().into_iter().filter(|one| is_collected(one)).map(|one| one.resource.clone()).collect();
        let (new, gone): (Vec<ResourceType>, Vec<ResourceType>) = {
            let watched = self.watched.lock();
            let is_away = |resource: &ResourceType| discovery.failed.contains(&resource.api_version());
            let gone = watched.difference(&wanted).filter(|resource| !is_away(resource)).cloned().collect();
            (wanted.difference(&watched).cloned().collect(), gone)
        };
        for resource in gone {
            self.watched.lock().remove(&resource);
            self.informers.stop_metadata(&resource);
            let look = self.graph.lock().remove_resource(&resource);
            look.into_iter().for_each(|uid| self.look_at(uid));
        }
        Ok(new.into_iter().map(|resource| self.watch(resource)).collect())
    }

    fn watch(&self, resource: ResourceType) -> Informer<PartialObject> {
        let informer = self.informers.metadata(&resource);
        let (graph, queue) = (self.graph.clone(), self.queue.clone());
        let changed = defines_resources(&resource).then(|| self.changed.clone());
        self.watched.lock().insert(resource.clone());
        let resource = Arc::new(resource);
        informer.on_change(move |change: &Change<PartialObject>| {
            let look = match &change.new {
                Some(object) => {
                    let replaced = change.old.as_ref().filter(|old| old.uid() != object.uid());
                    let mut graph = graph.lock();
                    let mut look = replaced.map(|old| graph.remove(old.uid())).unwrap_or_default();
                    look.extend(graph.observe(&resource, object));
                    look
                }
                None => graph.lock().remove(change.object().uid()),
            };
            look.into_iter().for_each(|uid| queue.add(ObjectKey::cluster(uid)));
            if let Some(changed) = &changed {
                changed.notify_one();
            }
        });
        informer
    }
}

fn is_collected(one: &Discovered) -> bool {
    one.has_verbs(&["delete", "list", "watch"]) && !is_ignored(&one.resource)
}

fn places(discovery: &Discovery) -> BTreeMap<(String, String), Place> {
    let all = discovery.preferred().into_iter().filter(|one| one.has_verbs(&["get"]));
    let place = |one: &Discovered| Place { resource: one.resource.clone(), namespaced: one.namespaced };
    all.map(|one| ((one.resource.group.to_string(), one.resource.kind.to_string()), place(one))).collect()
}
