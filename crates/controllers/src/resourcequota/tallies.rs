//! How many objects there are of the resources that quotas count by number only: from metadata, watched once a quota asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::discovery::Discovery;
use client::{Change, Informers, Lister, Object, ObjectKey, PartialObject, ResourceType, Rest, WorkQueue};
use k8s_openapi::api::core::v1::ResourceQuota;
use parking_lot::Mutex;

use super::counted::{Counted, counted};

#[derive(Clone)]
pub struct Tallies {
    informers: Informers,
    rest: Rest,
    queue: WorkQueue<ObjectKey>,
    quotas: Lister<ResourceQuota>,
    /// Where to find what a quota names, as far as one has asked.
    resources: Arc<Mutex<BTreeMap<String, ResourceType>>>,
    watched: Arc<Mutex<BTreeSet<ResourceType>>>,
}

impl Tallies {
    pub fn new(
        informers: &Informers,
        rest: &Rest,
        queue: &WorkQueue<ObjectKey>,
        quotas: &Lister<ResourceQuota>,
    ) -> Self {
        Self {
            informers: informers.clone(),
            rest: rest.clone(),
            queue: queue.clone(),
            quotas: quotas.clone(),
            resources: Arc::default(),
            watched: Arc::default(),
        }
    }

    /// The numbers a quota asks for, by `plural.group`. A resource the server does not have has none.
    pub async fn count(&self, quota: &ResourceQuota) -> BTreeMap<String, usize> {
        let hard = quota.spec.as_ref().and_then(|spec| spec.hard.as_ref());
        let names = hard.into_iter().flat_map(|hard| hard.keys()).filter_map(|name| match counted(name) {
            Some(Counted::Objects(objects)) => Some(objects.to_owned()),
            _ => None,
        });
        let names: BTreeSet<String> = names.collect();
        self.discover(&names).await;
        let mut counts = BTreeMap::new();
        for name in names {
            let Some(resource) = self.resources.lock().get(&name).cloned() else { continue };
            let number = self.watch(&resource).await.list_namespace(quota.namespace()).len();
            counts.insert(name, number);
        }
        counts
    }

    /// Asks the server what the names mean, unless all of them are known.
    async fn discover(&self, names: &BTreeSet<String>) {
        let is_known = |name: &String| self.resources.lock().contains_key(name);
        if names.iter().all(is_known) {
            return;
        }
        match Discovery::read(&self.rest).await {
            Ok(discovery) => {
                let countable =
                    discovery.preferred().into_iter().filter(|one| one.namespaced && one.has_verbs(&["list", "watch"]));
                *self.resources.lock() = countable.map(|one| (dotted(&one.resource), one.resource.clone())).collect();
            }
            // The names stay unknown until the next count.
            Err(error) => tracing::warn!(%error, "discovering what quotas count"),
        }
    }

    /// The resource's objects; from the first look on, each one that goes brings its namespace's quotas back.
    async fn watch(&self, resource: &ResourceType) -> Lister<PartialObject> {
        let informer = self.informers.metadata(resource);
        if self.watched.lock().insert(resource.clone()) {
            let (queue, quotas) = (self.queue.clone(), self.quotas.clone());
            informer.on_change(move |change: &Change<PartialObject>| {
                if change.is_delete() {
                    let concerned = quotas.list_namespace(change.object().namespace());
                    concerned.iter().for_each(|quota| queue.add(quota.key()));
                }
            });
        }
        informer.wait_synced().await;
        informer.lister()
    }
}

/// `deployments.apps`, `secrets`.
fn dotted(resource: &ResourceType) -> String {
    if resource.group.is_empty() {
        resource.plural.to_string()
    } else {
        format!("{}.{}", resource.plural, resource.group)
    }
}
