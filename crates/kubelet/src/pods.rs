//! The Pods of this node: a worker for each, fed by the watch and by the runtime's events; what is left of Pods nobody
//! knows is cleaned up at the start.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use client::{Change, Informer};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::context::Context;
use crate::status::Forced;
use crate::worker::{Desired, PodWorker};

struct Handle {
    desired: watch::Sender<Desired>,
    wake: Arc<Notify>,
}

/// The workers by Pod uid. Shared by everything that wakes them.
#[derive(Default)]
pub struct Workers {
    handles: Mutex<HashMap<String, Handle>>,
    events: Arc<Notify>,
}

impl Workers {
    /// Wakes a Pod's worker, if it has one.
    pub fn wake(&self, uid: &str) {
        if let Some(handle) = self.handles.lock().get(uid) {
            handle.wake.notify_one();
        }
    }

    pub fn wake_all(&self) {
        self.handles.lock().values().for_each(|handle| handle.wake.notify_one());
    }

    /// Told (to all who wait) whenever the runtime reports something.
    pub fn events(&self) -> Arc<Notify> {
        self.events.clone()
    }

    pub fn has(&self, uid: &str) -> bool {
        self.handles.lock().contains_key(uid)
    }

    /// Ends a Pod from this side (eviction): its phase becomes Failed with this reason.
    pub fn end(&self, uid: &str, forced: Forced) {
        if let Some(handle) = self.handles.lock().get(uid) {
            handle.desired.send_modify(|desired| desired.forced = Some(forced));
        }
    }

    /// The Pods that have workers.
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        let mut pods: Vec<_> = self.handles.lock().values().map(|handle| handle.desired.borrow().pod.clone()).collect();
        pods.sort_by(|a, b| (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name)));
        pods
    }

    pub fn pod(&self, uid: &str) -> Option<Arc<Pod>> {
        self.handles.lock().get(uid).map(|handle| handle.desired.borrow().pod.clone())
    }

    /// The newest Pod of this name.
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let named = |pod: &Arc<Pod>| {
            pod.metadata.namespace.as_deref() == Some(namespace) && pod.metadata.name.as_deref() == Some(name)
        };
        self.pods().into_iter().filter(named).max_by_key(|pod| pod.metadata.creation_timestamp.clone())
    }

    fn update(self: &Arc<Self>, context: &Arc<Context>, pod: Arc<Pod>, is_removed: bool) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        let mut handles = self.handles.lock();
        if let Some(handle) = handles.get(&uid) {
            handle.desired.send_modify(|desired| {
                desired.pod = pod;
                desired.is_removed |= is_removed;
            });
            return;
        }
        if is_removed {
            return;
        }
        let (desired, receiver) = watch::channel(Desired { pod, is_removed, forced: None });
        let wake = Arc::new(Notify::new());
        let worker = PodWorker::new(context.clone(), receiver, wake.clone());
        handles.insert(uid.clone(), Handle { desired, wake });
        let workers: Weak<Self> = Arc::downgrade(self);
        let stop = context.config.stop.clone();
        context.env.spawn("pod", async move {
            if stop.run_until_cancelled(worker.run()).await.is_some()
                && let Some(workers) = workers.upgrade()
            {
                workers.handles.lock().remove(&uid);
            }
        });
    }
}

/// Feeds the workers from the watch of this node's Pods.
pub fn follow(workers: &Arc<Workers>, context: &Arc<Context>, pods: &Informer<Pod>) {
    let (workers, context) = (workers.clone(), context.clone());
    pods.on_change(move |change: &Change<Pod>| {
        // The same name with another uid is another Pod: the old one was removed.
        if let (Some(old), Some(new)) = (&change.old, &change.new)
            && old.metadata.uid != new.metadata.uid
        {
            workers.update(&context, old.clone(), true);
        }
        workers.update(&context, change.object().clone(), change.is_delete());
    });
}

/// The uids that have something on this node and no worker: Pods removed while no kubelet ran.
pub fn orphans(workers: &Workers, known: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    known.into_iter().filter(|uid| !workers.has(uid)).collect()
}
