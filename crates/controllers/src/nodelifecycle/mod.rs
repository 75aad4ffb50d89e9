//! Node health: a node that has been silent for too long is Unknown, taints follow its conditions, and taints that evict are
//! held back while much of a zone is down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client::events::Regarding;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Informers, Lister, Object, ObjectKey, ResourceType, Selection};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;

use crate::pods::{BY_NODE, by_node};
use crate::{Config, Context};

mod health;
mod reconcile;
mod taints;
#[cfg(test)]
mod tests;
mod zones;

use reconcile::{Observed, reconcile};
use zones::Zones;

/// Where kubelets keep their leases.
const LEASES: &str = "kube-node-lease";

pub async fn run(context: Context) {
    let mut controller = Controller::new("node-controller", &context.informers, context.client.clone());
    let heard = Heard::default();
    let (of_nodes, env) = (heard.clone(), context.env.clone());
    let nodes: Lister<Node> = controller.watch(move |change: &Change<Node>| {
        of_nodes.node(change, env.now());
        vec![change.key()]
    });
    let leases = leases(&mut controller, &context.informers, &heard, &nodes);
    let pods: Lister<Pod> = controller.watch(|change: &Change<Pod>| {
        // A Pod that turns up on a node already given up is not ready either.
        let node = change.new.as_ref().map(|pod| crate::pods::node_name(pod).to_owned());
        node.filter(|name| !name.is_empty() && change.old.is_none()).map(ObjectKey::cluster).into_iter().collect()
    });
    pods.add_index(BY_NODE, by_node);
    let state = State { config: context.config, heard, zones: Mutex::default(), known: Mutex::default(), nodes, pods };
    drop(leases);
    controller.run(move |key, attempt| state.plan(key, attempt)).await;
}

/// Renewals only move the clock; they wake nobody unless the node was given up.
fn leases(controller: &mut Controller, informers: &Informers, heard: &Heard, nodes: &Lister<Node>) -> Lister<Lease> {
    let informer = informers.select::<Lease>(Selection::namespace(LEASES));
    let (heard, nodes, env) = (heard.clone(), nodes.clone(), informers.env().clone());
    controller.watch_informer(ResourceType::of::<Lease>(), informer, move |change: &Change<Lease>| {
        let key = ObjectKey::cluster(change.object().name());
        if let Some(lease) = &change.new {
            heard.lease(lease, env.now());
        }
        let is_given_up = nodes.get(&key).is_some_and(|node| health::status(&node, "Ready") == Some("Unknown"));
        if is_given_up { vec![key] } else { Vec::new() }
    })
}

/// A sign of life, and when it was first seen here: nodes' clocks are not trusted.
#[derive(Clone, PartialEq)]
struct Sign {
    heartbeat: Option<Timestamp>,
    lease: Option<Timestamp>,
    at: Timestamp,
}

/// When each node was last heard of, by this process's clock.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeMap<String, Sign>>>);

impl Heard {
    fn node(&self, change: &Change<Node>, now: Timestamp) {
        let mut signs = self.0.lock();
        match &change.new {
            Some(node) => {
                let sign = sign(&mut signs, node.name(), now);
                let heartbeat = health::heartbeat(node);
                if sign.heartbeat != heartbeat {
                    *sign = Sign { heartbeat, at: now, ..sign.clone() };
                }
            }
            None => drop(signs.remove(change.object().name())),
        }
    }

    fn lease(&self, lease: &Lease, now: Timestamp) {
        let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0);
        let mut signs = self.0.lock();
        let sign = sign(&mut signs, lease.name(), now);
        if sign.lease != renewed {
            *sign = Sign { lease: renewed, at: now, ..sign.clone() };
        }
    }

    fn of(&self, name: &str, now: Timestamp) -> Timestamp {
        sign(&mut self.0.lock(), name, now).at
    }
}

fn sign<'a>(signs: &'a mut BTreeMap<String, Sign>, name: &str, now: Timestamp) -> &'a mut Sign {
    signs.entry(name.to_owned()).or_insert(Sign { heartbeat: None, lease: None, at: now })
}

struct State {
    config: Arc<Config>,
    heard: Heard,
    zones: Mutex<Zones>,
    known: Mutex<BTreeSet<String>>,
    nodes: Lister<Node>,
    pods: Lister<Pod>,
}

impl State {
    fn plan(&self, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
        let now = attempt.now;
        let Some(node) = self.nodes.get(key) else { return self.forget(key) };
        let mut plan = reconcile(&mut Observed {
            node: &node,
            pods: &self.pods.by_index(BY_NODE, node.name()),
            last_heard: self.heard.of(node.name(), now),
            may_evict: &mut |wait: &mut Option<Duration>| self.may_evict(&node, now, wait),
            config: &self.config,
            now,
        });
        if self.known.lock().insert(node.uid().to_owned()) {
            let name = node.name();
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            plan.normal(Regarding::of(&*node), "RegisteredNode", message);
        }
        plan
    }

    /// The Pods of a node that is gone are the Pod garbage collector's.
    fn forget(&self, key: &ObjectKey) -> Plan {
        let mut plan = Plan::new();
        let name = &key.name;
        let regarding =
            Regarding { api_version: "v1".into(), kind: "Node".into(), name: name.clone(), ..Regarding::default() };
        plan.normal(regarding, "RemovingNode", format!("Node {name} event: Removing Node {name} from Controller"));
        plan
    }

    /// Asks the node's zone for leave to evict; `wait` says when to ask again.
    fn may_evict(&self, node: &Node, now: Timestamp, wait: &mut Option<Duration>) -> bool {
        let nodes = self.nodes.list();
        self.zones.lock().take(&self.config, &nodes, node, now, wait)
    }
}
