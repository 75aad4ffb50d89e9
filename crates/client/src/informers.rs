//! The informers of one component: one per (kind, selection), started at first use, stopped together.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use api::env::Env;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::informer::{Informer, LocalCopy, Reflector};
use crate::intern::{self, Decode};
use crate::partial::PartialObject;
use crate::resource::{Object, ResourceType};
use crate::watch::Target;

/// Which objects of a resource: empty texts select all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    pub namespace: String,
    pub labels: String,
    pub fields: String,
}

impl Selection {
    pub fn fields(fields: impl Into<String>) -> Self {
        Self { fields: fields.into(), ..Self::default() }
    }

    pub fn labels(labels: impl Into<String>) -> Self {
        Self { labels: labels.into(), ..Self::default() }
    }

    pub fn namespace(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..Self::default() }
    }
}

/// By type and place, so that a copy holds the objects of one type.
type Running = HashMap<(TypeId, Target), (Arc<LocalCopy>, CancellationToken)>;

/// Makes and shares informers. Cheap to clone; all of them stop when `stop` is cancelled.
#[derive(Clone)]
pub struct Informers {
    client: kube::Client,
    env: Env,
    stop: CancellationToken,
    running: Arc<Mutex<Running>>,
}

impl Informers {
    pub fn new(client: kube::Client, env: Env, stop: CancellationToken) -> Self {
        Self { client, env, stop, running: Arc::default() }
    }

    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Cancelled when this component ends.
    pub fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The informer of all objects of a kind.
    pub fn of<K: Object + k8s_openapi::Resource>(&self) -> Informer<K> {
        self.select::<K>(Selection::default())
    }

    /// The informer of some objects of a kind.
    pub fn select<K: Object + k8s_openapi::Resource>(&self, selection: Selection) -> Informer<K> {
        self.get(ResourceType::of::<K>(), selection, false)
    }

    /// The metadata of all objects of a resource that is known by name only.
    pub fn metadata(&self, resource: &ResourceType) -> Informer<PartialObject> {
        self.get(resource.clone(), Selection::default(), true)
    }

    /// Ends a metadata informer (its resource went away).
    pub fn stop_metadata(&self, resource: &ResourceType) {
        let key = (TypeId::of::<PartialObject>(), target(resource.clone(), Selection::default(), true));
        if let Some((_, stop)) = self.running.lock().remove(&key) {
            stop.cancel();
        }
    }

    fn get<K: Object>(&self, resource: ResourceType, selection: Selection, metadata_only: bool) -> Informer<K> {
        Informer::of(self.copy_of(TypeId::of::<K>(), target(resource, selection, metadata_only), intern::decode::<K>))
    }

    fn copy_of(&self, kind: TypeId, target: Target, decode: Decode) -> Arc<LocalCopy> {
        let mut running = self.running.lock();
        let (copy, _) = running.entry((kind, target.clone())).or_insert_with(|| self.start(target, decode));
        copy.clone()
    }

    fn start(&self, target: Target, decode: Decode) -> (Arc<LocalCopy>, CancellationToken) {
        let copy = Arc::<LocalCopy>::default();
        let (client, env) = (self.client.clone(), self.env.clone());
        let reflector = Reflector { copy: copy.clone(), decode, client, env, target };
        let stop = self.stop.child_token();
        let stopped = stop.clone();
        self.env.spawn("informer", async move {
            stopped.run_until_cancelled(reflector.run()).await;
        });
        (copy, stop)
    }
}

fn target(resource: ResourceType, selection: Selection, metadata_only: bool) -> Target {
    let Selection { namespace, labels, fields } = selection;
    Target { resource, namespace, labels, fields, metadata_only }
}
