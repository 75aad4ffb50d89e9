//! Watches Services and EndpointSlices and keeps the table as they want it: one transaction for all that is known at start, small ones
//! after. Says what is applied, so that the kubelet can wait for it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::{Informer, Informers, Object, ObjectKey, Selection};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::desired::desired;
use super::endpoints::NodeView;
use super::frontend::ServiceKey;
use super::proxier::{Change, Proxier};
use super::{foreign, stale};
use crate::error::{NetworkError, blocking};
use crate::ledger::Ledger;
use crate::nft::{Change as NftChange, Monitor};
use crate::rtnl::Prefix;
use crate::table::Table;

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
const BY_SERVICE: &str = "service";
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// A change that the kernel refused is tried again after this, whole.
const RETRY: Duration = Duration::from_secs(1);

/// What the proxy is told at start.
pub struct Config {
    /// Name of this node.
    pub node_name: String,
    /// Ranges of Pod addresses of the whole cluster.
    pub cluster_cidrs: Vec<Prefix>,
    /// The node's table.
    pub table: Arc<Table>,
    /// Where to record what is made in other people's chains.
    pub ledger: Arc<dyn Ledger>,
    /// Ends the proxy; the rules stay.
    pub stop: CancellationToken,
}

/// What other parts of the node may ask the proxy.
#[derive(Clone)]
pub struct Handle {
    applied: watch::Receiver<u64>,
    proxier: Arc<Mutex<Proxier>>,
}

impl Handle {
    /// The newest revision of EndpointSlices that is in the kernel; 0 before the first.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Waits until no Service of this node sends new connections to these addresses, at most `limit`; says whether that is so.
    pub async fn wait_without(&self, addresses: &[IpAddr], limit: Duration) -> bool {
        let mut applied = self.applied.clone();
        let unused = |_: &u64| {
            let proxier = self.proxier.lock();
            !addresses.iter().any(|address| proxier.sends_to(address))
        };
        matches!(tokio::time::timeout(limit, applied.wait_for(unused)).await, Ok(Ok(_)))
    }
}

/// Starts the proxy: informers, the loop that applies, and the guard against other people's flushes.
pub fn start(config: Config, client: kube::Client, env: &Env) -> Result<Handle, NetworkError> {
    let informers = Informers::new(client, env.clone(), config.stop.clone());
    let (applied_sender, applied) = watch::channel(0);
    let proxier = Arc::new(Mutex::new(Proxier::new(config.cluster_cidrs.clone())));
    let services = informers.select::<Service>(Selection::labels("!service.kubernetes.io/service-proxy-name"));
    let slices = informers.select::<EndpointSlice>(Selection::labels(
        "!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless",
    ));
    slices.lister().add_index(BY_SERVICE, |slice| service_of(slice).map(|key| key.to_string()).into_iter().collect());
    let node = informers.select::<Node>(Selection::fields(format!("metadata.name={}", config.node_name)));
    let dirty = Arc::new(Dirty::default());
    let worker = Worker {
        config: Arc::new(config),
        services,
        slices,
        node,
        dirty,
        proxier: proxier.clone(),
        applied: applied_sender,
    };
    guard(&worker.config, env)?;
    worker.subscribe();
    let stop = worker.config.stop.clone();
    env.spawn("proxy", async move {
        stop.run_until_cancelled(worker.run()).await;
    });
    Ok(Handle { applied, proxier })
}

/// Services to look at again; `all` after changes that concern every one.
#[derive(Default)]
struct Dirty {
    keys: Mutex<BTreeSet<ServiceKey>>,
    wake: Notify,
}

impl Dirty {
    fn add(&self, key: ServiceKey) {
        self.keys.lock().insert(key);
        self.wake.notify_one();
    }
}

struct Worker {
    config: Arc<Config>,
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    node: Informer<Node>,
    dirty: Arc<Dirty>,
    proxier: Arc<Mutex<Proxier>>,
    applied: watch::Sender<u64>,
}

impl Worker {
    fn subscribe(&self) {
        let dirty = self.dirty.clone();
        self.services.on_change(move |change| dirty.add(change.key()));
        let dirty = self.dirty.clone();
        self.slices.on_change(move |change| {
            let sides = change.old.iter().chain(&change.new);
            sides.filter_map(|slice| service_of(slice)).for_each(|key| dirty.add(key));
        });
        let (dirty, services) = (self.dirty.clone(), self.services.lister());
        self.node.on_change(move |change| {
            let zone =
                |node: &Option<Arc<Node>>| node.as_ref().and_then(|node| node.label(ZONE_LABEL).map(str::to_owned));
            if zone(&change.old) != zone(&change.new) {
                services.list().iter().for_each(|service| dirty.add(service.key()));
            }
        });
    }

    async fn run(self) {
        self.services.wait_synced().await;
        self.slices.wait_synced().await;
        self.node.wait_synced().await;
        let mut whole = true;
        loop {
            let revision = self.slices.revision();
            let keys = std::mem::take(&mut *self.dirty.keys.lock());
            match self.apply(keys, whole).await {
                Ok(()) => {
                    whole = false;
                    self.applied.send_modify(|applied| *applied = revision);
                    self.dirty.wake.notified().await;
                }
                Err(error) => {
                    tracing::error!(%error, "cannot apply Services, trying again as a whole");
                    whole = true;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Applies what changed for these Services; `whole` puts the entire table in place.
    async fn apply(&self, keys: BTreeSet<ServiceKey>, whole: bool) -> Result<(), NetworkError> {
        let node = self.node_view();
        let mut change = Change::default();
        {
            let mut proxier = self.proxier.lock();
            for key in &keys {
                let frontends = self.services.lister().get(key).map(|service| {
                    let slices = self.slices.lister().by_index(BY_SERVICE, &key.to_string());
                    desired(&service, &slices.iter().map(Arc::as_ref).collect::<Vec<_>>(), &node)
                });
                change.extend(proxier.set_service(key, frontends.unwrap_or_default()));
            }
        }
        let config = self.config.clone();
        let work = move || {
            let delta = std::mem::take(&mut change.delta);
            if whole {
                config.table.settle(delta)?
            } else {
                config.table.apply(delta)?
            }
            stale::cut(&config.table, &change)?;
            if whole { foreign::let_pods_pass(config.table.id(), &*config.ledger) } else { Ok(()) }
        };
        blocking(work).await
    }

    fn node_view(&self) -> NodeView {
        let name = self.config.node_name.clone();
        let zone = self
            .node
            .lister()
            .get(&ObjectKey::cluster(&name))
            .and_then(|node| node.label(ZONE_LABEL).map(str::to_owned));
        NodeView { name, zone }
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ServiceKey> {
    Some(ObjectKey::new(slice.namespace(), slice.label(SERVICE_NAME_LABEL)?))
}

/// Watches nftables: our table flushed -> put back; somebody's firewall appeared -> our rule into it.
fn guard(config: &Arc<Config>, env: &Env) -> Result<(), NetworkError> {
    let monitor = Monitor::open()?;
    let (config, stop) = (config.clone(), config.stop.clone());
    env.spawn("nft-guard", async move {
        if let Some(Err(error)) = stop.run_until_cancelled(watch_rules(config, monitor)).await {
            tracing::error!(%error, "nftables is no longer watched: a flush by others is only noticed at the next change");
        }
    });
    Ok(())
}

async fn watch_rules(config: Arc<Config>, mut monitor: Monitor) -> Result<(), NetworkError> {
    loop {
        let changes = monitor.next().await?;
        let lost = changes.iter().any(|change| lost(change, &config.table));
        let others = changes.iter().any(|change| elsewhere(change, &config.table));
        let config = config.clone();
        blocking(move || {
            if lost {
                tracing::warn!("somebody flushed our nftables table, putting it back");
                config.table.assert()?;
            }
            if others { foreign::let_pods_pass(config.table.id(), &*config.ledger) } else { Ok(()) }
        })
        .await?;
    }
}

fn lost(change: &NftChange, table: &Table) -> bool {
    match change {
        NftChange::Deleted { family, table: name, by } => {
            *family == table.id().family && *name == table.id().name && *by != table.port()
        }
        NftChange::Added { .. } => false,
        NftChange::Overrun => true,
    }
}

fn elsewhere(change: &NftChange, table: &Table) -> bool {
    match change {
        NftChange::Deleted { family, table: name, .. } | NftChange::Added { family, table: name, .. } => {
            *family != table.id().family || *name != table.id().name
        }
        NftChange::Overrun => true,
    }
}
