//! ConfigMaps and Secrets that Pods of this node use: one watch per object, shared by its Pods, ended with the last of them.
//! A change wakes the Pods that use it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::{Informer, Informers, Object, ObjectKey, Selection};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Wakes the worker of a Pod by uid.
pub type Wake = Arc<dyn Fn(&str) + Send + Sync>;

/// The longest wait for an object's first state (upstream's cache timeout is of this order).
const SYNC_TIMEOUT: Duration = Duration::from_secs(10);

struct Entry<K> {
    informer: Informer<K>,
    users: Arc<Mutex<BTreeSet<String>>>,
    stop: CancellationToken,
}

/// The watched objects of one kind.
pub struct Objects<K> {
    client: kube::Client,
    env: Env,
    stop: CancellationToken,
    wake: Wake,
    entries: Mutex<BTreeMap<ObjectKey, Entry<K>>>,
}

/// The API server did not answer in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to sync {kind} cache: timed out waiting for the condition")]
pub struct NotSynced {
    pub kind: &'static str,
}

impl<K: Object + k8s_openapi::Resource> Objects<K> {
    pub fn new(client: kube::Client, env: Env, stop: CancellationToken, wake: Wake) -> Self {
        Self { client, env, stop, wake, entries: Mutex::default() }
    }

    /// The object's present state for the Pod `user`, which from now on is woken when it changes.
    pub async fn get(&self, user: &str, namespace: &str, name: &str) -> Result<Option<Arc<K>>, NotSynced> {
        let key = ObjectKey::new(namespace, name);
        let informer = self.watch(user, &key);
        let synced = tokio::time::timeout(SYNC_TIMEOUT, informer.wait_synced()).await;
        synced.map_err(|_| NotSynced { kind: if K::KIND == "ConfigMap" { "configmap" } else { "secret" } })?;
        Ok(informer.lister().get(&key))
    }

    fn watch(&self, user: &str, key: &ObjectKey) -> Informer<K> {
        let mut entries = self.entries.lock();
        let entry = entries.entry(key.clone()).or_insert_with(|| self.start(key));
        entry.users.lock().insert(user.to_owned());
        entry.informer.clone()
    }

    fn start(&self, key: &ObjectKey) -> Entry<K> {
        let stop = self.stop.child_token();
        let informers = Informers::new(self.client.clone(), self.env.clone(), stop.clone());
        let selection = Selection {
            namespace: key.namespace.clone(),
            fields: format!("metadata.name={}", key.name),
            ..Selection::default()
        };
        let informer = informers.select::<K>(selection);
        let users: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let (woken, wake) = (users.clone(), self.wake.clone());
        informer.on_change(move |_| woken.lock().iter().for_each(|uid| wake(uid)));
        Entry { informer, users, stop }
    }

    /// The Pod `user` is gone.
    pub fn release(&self, user: &str) {
        self.entries.lock().retain(|_, entry| {
            let mut users = entry.users.lock();
            users.remove(user);
            let is_used = !users.is_empty();
            if !is_used {
                entry.stop.cancel();
            }
            is_used
        });
    }
}
