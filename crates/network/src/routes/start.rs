//! Watches Nodes and this host's links, addresses and routes, and keeps what `desired` says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::{Informer, Informers};
use k8s_openapi::api::core::v1::Node;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::apply::apply;
use super::desired::{Desired, Local, Settings, desired};
use crate::error::{NetworkError, blocking};
use crate::ledger::Ledger;
use crate::names::Names;
use crate::netlink::{Events, Socket};
use crate::pods::PodNet;
use crate::rtnl::{Prefix, Rtnl};
use crate::table::{Cidrs, Table, skeleton};

const RETRY: Duration = Duration::from_secs(1);
/// A Pod that starts is a burst of events: one look at the host serves them all.
const SETTLE: Duration = Duration::from_millis(50);
/// Links, IPv4 and IPv6 addresses, IPv4 and IPv6 routes.
pub(super) const GROUPS: [u32; 5] = [1, 5, 9, 7, 11];

/// What route keeping is told at start.
pub struct Config {
    /// Name, service ranges, mode.
    pub settings: Settings,
    /// Ranges of Pod addresses of the whole cluster.
    pub cluster_cidrs: Vec<Prefix>,
    /// The node's data dir, for names.
    pub data_dir: PathBuf,
    /// The node's table; it learns the node's own ranges.
    pub table: Arc<Table>,
    /// Pod networking; it learns the node's own ranges.
    pub pods: PodNet,
    /// Where to record what is made on the host.
    pub ledger: Arc<dyn Ledger>,
    /// Ends it; routes stay.
    pub stop: CancellationToken,
}

/// Starts it.
pub fn start(config: Config, client: kube::Client, env: &Env) -> Result<(), NetworkError> {
    let informers = Informers::new(client, env.clone(), config.stop.clone());
    let nodes = informers.of::<Node>();
    let events = Events::open(Socket::route()?, &GROUPS)?;
    let names = Names::of(&config.data_dir);
    let stop = config.stop.clone();
    let keeper = Keeper { config: Arc::new(config), names, nodes, wake: Arc::new(Notify::new()) };
    env.spawn("routes", async move {
        stop.run_until_cancelled(keeper.run(events)).await;
    });
    Ok(())
}

struct Keeper {
    config: Arc<Config>,
    names: Names,
    nodes: Informer<Node>,
    wake: Arc<Notify>,
}

impl Keeper {
    async fn run(self, mut events: Events) {
        let wake = self.wake.clone();
        // Heartbeats change a Node's status all the time; only what routes are made of counts.
        self.nodes.on_change(move |change| {
            if change.old.as_deref().map(relevant) != change.new.as_deref().map(relevant) {
                wake.notify_one();
            }
        });
        self.nodes.wait_synced().await;
        let mut last = None;
        loop {
            if let Err(error) = self.keep(&mut last).await {
                tracing::error!(%error, "cannot keep node routes, trying again");
                last = None;
                tokio::time::sleep(RETRY).await;
                continue;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                event = events.next() => match event {
                    Ok(_) => {
                        tokio::time::sleep(SETTLE).await;
                        events.skip();
                    }
                    Err(error) => {
                        tracing::error!(%error, "kernel events are lost; routes are checked when Nodes change");
                        self.wake.notified().await;
                    }
                },
            }
        }
    }

    /// Brings the host to what is desired, unless neither that nor the host changed.
    async fn keep(&self, last: &mut Option<(Desired, Local)>) -> Result<(), NetworkError> {
        let local = blocking(|| Ok(Local { addresses: Rtnl::open()?.addresses()? })).await?;
        let nodes = self.nodes.lister().list();
        let wanted = desired(&self.config.settings, nodes.iter().map(Arc::as_ref), &local);
        let (config, names, desired_) = (self.config.clone(), self.names.clone(), wanted.clone());
        let first = last.as_ref().is_none_or(|(desired, _)| desired.ranges != wanted.ranges);
        blocking(move || {
            if first {
                tell_ranges(&config, &names, &desired_)?;
            }
            apply(&desired_, &names, &*config.ledger)
        })
        .await?;
        *last = Some((wanted, local));
        Ok(())
    }
}

fn tell_ranges(config: &Config, names: &Names, desired: &Desired) -> Result<(), NetworkError> {
    let cidrs = Cidrs {
        cluster: config.cluster_cidrs.clone(),
        services: config.settings.service_cidrs.clone(),
        node: desired.ranges.clone(),
    };
    config.table.apply(skeleton(&cidrs, names.link_prefix()))?;
    config.pods.set_ranges(desired.ranges.clone())
}

/// Ranges and addresses of a Node.
fn relevant(node: &Node) -> (Option<Vec<String>>, Vec<(String, String)>) {
    let addresses = node.status.as_ref().and_then(|status| status.addresses.clone()).unwrap_or_default();
    let ranges = node.spec.as_ref().and_then(|spec| spec.pod_cidrs.clone());
    (ranges, addresses.into_iter().map(|address| (address.type_, address.address)).collect())
}
