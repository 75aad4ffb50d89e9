//! Keeps the records true to the API: Services, EndpointSlices, Namespaces.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use client::{Informer, Informers, Object, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::state::State;
use crate::dns::service_record;

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
const BY_SERVICE: &str = "service";

/// Keeps the addresses of all Pods, for answering their searches, for ever.
pub async fn watch_clients(informers: Informers, state: Arc<State>) {
    let pods: Informer<Pod> = informers.of();
    let wake = Arc::new(Notify::new());
    let changed = wake.clone();
    pods.on_change(move |change| {
        if change.old.as_deref().map(addresses) != change.new.as_deref().map(addresses) {
            changed.notify_one();
        }
    });
    pods.wait_synced().await;
    loop {
        let all = pods.lister().list();
        let clients =
            all.iter().flat_map(|pod| addresses(pod).into_iter().map(|address| (address, pod.namespace().to_owned())));
        let clients = clients.collect();
        state.change(|records| records.set_clients(clients));
        wake.notified().await;
    }
}

/// Addresses of its own; a Pod on the host's network has none.
fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let on_host = pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false);
    let addresses = pod.status.as_ref().and_then(|status| status.pod_ips.as_ref()).filter(|_| !on_host);
    addresses.into_iter().flatten().filter_map(|address| address.ip.parse().ok()).collect()
}

/// Watches for ever.
pub async fn watch(informers: Informers, state: Arc<State>) {
    let watcher = Watcher {
        services: informers.of(),
        slices: informers.of(),
        namespaces: informers.of(),
        dirty: Arc::default(),
        wake: Arc::default(),
        state,
    };
    watcher.run().await;
}

struct Watcher {
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    namespaces: Informer<Namespace>,
    dirty: Arc<Mutex<BTreeSet<ObjectKey>>>,
    wake: Arc<Notify>,
    state: Arc<State>,
}

impl Watcher {
    async fn run(self) {
        self.slices
            .lister()
            .add_index(BY_SERVICE, |slice| service_of(slice).map(|key| key.to_string()).into_iter().collect());
        let mark = |keys: Arc<Mutex<BTreeSet<ObjectKey>>>, wake: Arc<Notify>| {
            move |key: ObjectKey| {
                keys.lock().insert(key);
                wake.notify_one();
            }
        };
        let dirty = mark(self.dirty.clone(), self.wake.clone());
        self.services.on_change(move |change| dirty(change.key()));
        let dirty = mark(self.dirty.clone(), self.wake.clone());
        self.slices.on_change(move |change| {
            change.old.iter().chain(&change.new).filter_map(|slice| service_of(slice)).for_each(&dirty);
        });
        let wake = self.wake.clone();
        self.namespaces.on_change(move |_| wake.notify_one());
        self.services.wait_synced().await;
        self.slices.wait_synced().await;
        self.namespaces.wait_synced().await;
        self.forget_gone();
        loop {
            self.update();
            self.state.mark_known();
            self.wake.notified().await;
        }
    }

    /// Services of the last known state that went while nobody looked.
    fn forget_gone(&self) {
        let known = self.state.records().keys().into_iter().map(|(namespace, name)| ObjectKey::new(namespace, name));
        self.dirty.lock().extend(known);
    }

    fn update(&self) {
        let keys = std::mem::take(&mut *self.dirty.lock());
        let namespaces = self.namespaces.lister().list().iter().map(|namespace| namespace.name().to_owned()).collect();
        let (services, slices) = (self.services.lister(), self.slices.lister());
        self.state.change(|records| {
            records.set_namespaces(namespaces);
            for key in keys {
                let record = services.get(&key).and_then(|service| {
                    let slices = slices.by_index(BY_SERVICE, &key.to_string());
                    service_record(&service, &slices.iter().map(Arc::as_ref).collect::<Vec<_>>())
                });
                records.set_service(&key.namespace, &key.name, record);
            }
        });
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    Some(ObjectKey::new(slice.namespace(), slice.label(SERVICE_NAME_LABEL)?))
}
