//! The scheduler's loop: informers feed cache and queue, a cycle decides, binding goes on beside the next cycle.

use std::sync::Arc;

use api::env::Env;
use client::{Change, Informers, Lister, Selection};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bind::Binder;
use crate::cache::Cache;
use crate::cycle::{Diagnosis, Placement, schedule};
use crate::framework::{ClusterEvent, Plugin};
use crate::node_info::NodeInfo;
use crate::nominated::Nominated;
use crate::plugins;
use crate::preempt::{Cluster, Preemption, preempt};
use crate::queue::{Queue, QueuedPod};

/// How the scheduler is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pods whose spec.schedulerName is this one are ours.
    pub scheduler_name: String,
    /// Pack nodes instead of spreading over them.
    pub most_allocated: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { scheduler_name: "default-scheduler".to_owned(), most_allocated: false }
    }
}

#[derive(Default)]
struct State {
    cache: Cache,
    queue: Queue,
    nominated: Nominated,
}

/// What handlers, cycles and binding share.
pub(crate) struct Scheduler {
    config: Config,
    plugins: &'static [&'static Plugin],
    state: Mutex<State>,
    budgets: Lister<PodDisruptionBudget>,
    work: Notify,
    env: Env,
    binder: Binder,
}

/// Runs until `stop` is cancelled.
pub async fn run(config: Config, client: kube::Client, env: Env, stop: CancellationToken) {
    let informers = Informers::new(client.clone(), env.clone(), stop.clone());
    let budgets = informers.of::<PodDisruptionBudget>();
    let scheduler = Arc::new(Scheduler {
        budgets: budgets.lister(),
        plugins: if config.most_allocated { plugins::MOST_ALLOCATED } else { plugins::ALL },
        binder: Binder::new(client, env.clone(), config.scheduler_name.clone()),
        config,
        state: Mutex::default(),
        work: Notify::new(),
        env,
    });
    let nodes = informers.of::<Node>();
    let pods = informers.select::<Pod>(Selection::fields("status.phase!=Succeeded,status.phase!=Failed"));
    let (of_nodes, of_pods) = (scheduler.clone(), scheduler.clone());
    nodes.on_change(move |change| of_nodes.node_changed(change));
    pods.on_change(move |change| of_pods.pod_changed(change));
    nodes.wait_synced().await;
    pods.wait_synced().await;
    budgets.wait_synced().await;
    tokio::select! {
        () = scheduler.cycles() => {}
        () = stop.cancelled() => {}
    }
}

impl Scheduler {
    async fn cycles(self: &Arc<Self>) {
        loop {
            let wake = self.work.notified();
            let (next, wakeup) = {
                let mut state = self.state.lock();
                (state.queue.pop(self.env.now()), state.queue.next_wakeup())
            };
            match next {
                Some(queued) => self.cycle(queued).await,
                None => self.sleep(wake, wakeup).await,
            }
        }
    }

    async fn sleep(&self, wake: impl Future<Output = ()>, until: Option<jiff::Timestamp>) {
        let Some(until) = until else { return wake.await };
        let left = until.duration_since(self.env.now()).unsigned_abs();
        tokio::select! {
            () = wake => {}
            () = tokio::time::sleep(left) => {}
        }
    }

    async fn cycle(self: &Arc<Self>, queued: QueuedPod) {
        let pod = queued.pod;
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        // Copies of pointers: events are not held up while all nodes are looked at.
        let (nodes, nominated) = {
            let state = self.state.lock();
            (state.cache.snapshot(), state.nominated.clone())
        };
        match schedule(&pod, &nodes, self.plugins, &nominated, self.env.random_u64()) {
            Placement::Node(node) => {
                let mut state = self.state.lock();
                if !state.queue.is_in_flight(&uid) {
                    return;
                }
                state.cache.assume(pod.clone(), node.clone());
                state.nominated.remove(&uid);
                drop(state);
                let this = self.clone();
                self.env.spawn("bind", async move { this.bind(&pod, &node, &uid).await });
            }
            Placement::Unschedulable(diagnosis) => self.unschedulable(&pod, &uid, (&diagnosis, &nodes)).await,
        }
    }

    async fn bind(&self, pod: &Pod, node: &str, uid: &str) {
        if let Err(error) = self.binder.bind(pod, node).await {
            tracing::warn!(pod = %client::ObjectKey::of(&pod.metadata), node, %error, "binding failed");
            let mut state = self.state.lock();
            state.cache.forget(uid);
            state.queue.failed(uid, Vec::new(), self.env.now());
            // The room it had assumed is free again.
            state.queue.happened(ClusterEvent::PodDeleted, self.env.now());
            drop(state);
            self.work.notify_one();
            return;
        }
        self.state.lock().queue.remove(uid);
    }

    /// Makes room where that is allowed, and says why the Pod waits.
    async fn unschedulable(&self, pod: &Arc<Pod>, uid: &str, (diagnosis, nodes): (&Diagnosis, &[Arc<NodeInfo>])) {
        let before = self.state.lock().nominated.node_of(pod).map(str::to_owned);
        let Some(decided) = self.decide(pod, diagnosis, nodes) else { return };
        let (message, nominated, refused_by) = match decided {
            Preemption::Victims { node, victims } => match self.make_room(pod, &node, &victims).await {
                Ok(()) => (diagnosis.message(), Some(node), diagnosis.plugins()),
                Err(error) => {
                    tracing::warn!(pod = %client::ObjectKey::of(&pod.metadata), %error, "preemption failed");
                    self.state.lock().nominated.remove(uid);
                    // Nobody in particular: it is tried again after its back-off.
                    (diagnosis.message_with(&error.to_string()), None, Vec::new())
                }
            },
            Preemption::None { why, is_void } => {
                let nominated = before.filter(|_| !is_void);
                (diagnosis.message_with(&why), nominated, diagnosis.plugins())
            }
        };
        self.state.lock().queue.failed(uid, refused_by, self.env.now());
        if let Err(error) = self.binder.report_unschedulable(pod, &message, nominated.as_deref()).await {
            tracing::warn!(pod = %client::ObjectKey::of(&pod.metadata), %error, "reporting why it cannot be scheduled failed");
        }
    }

    /// Whose end would help; from then on the room is the Pod's. `None`: nobody waits for it any longer.
    fn decide(&self, pod: &Arc<Pod>, diagnosis: &Diagnosis, nodes: &[Arc<NodeInfo>]) -> Option<Preemption> {
        let (budgets, nominated) = (self.budgets.list(), self.state.lock().nominated.clone());
        let cluster = Cluster { nodes, plugins: self.plugins, budgets: &budgets, nominated: &nominated };
        let decided = preempt(pod, &cluster, diagnosis);
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let mut state = self.state.lock();
        if !state.queue.is_in_flight(uid) {
            return None;
        }
        match &decided {
            Preemption::Victims { node, .. } => state.nominated.set(pod.clone(), node),
            Preemption::None { is_void: true, .. } => state.nominated.remove(uid),
            Preemption::None { .. } => {}
        }
        Some(decided)
    }

    /// Ends the victims. Those of less priority that waited for the same node look for another.
    async fn make_room(&self, pod: &Arc<Pod>, node: &str, victims: &[Arc<Pod>]) -> client::Result<()> {
        for victim in victims {
            self.binder.end(victim, pod, node).await?;
        }
        let below = self.state.lock().nominated.below(node, pod);
        for other in below {
            self.state.lock().nominated.remove(other.metadata.uid.as_deref().unwrap_or_default());
            self.binder.nominate(&other, None).await?;
        }
        Ok(())
    }

    fn node_changed(&self, change: &Change<Node>) {
        let now = self.env.now();
        let mut state = self.state.lock();
        match &change.new {
            Some(node) => {
                for event in state.cache.set_node(node.clone()) {
                    state.queue.happened(event, now);
                }
            }
            None => state.cache.remove_node(&change.key().name),
        }
        drop(state);
        self.work.notify_one();
    }

    fn pod_changed(&self, change: &Change<Pod>) {
        let now = self.env.now();
        let pod = change.object();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let mut state = self.state.lock();
        if change.is_delete() {
            state.queue.remove(&uid);
            state.nominated.remove(&uid);
            if state.cache.remove_pod(&uid) {
                state.queue.happened(ClusterEvent::PodDeleted, now);
            }
        } else if is_bound(pod) {
            state.queue.remove(&uid);
            state.nominated.remove(&uid);
            let known = state.cache.has_pod(&uid);
            state.cache.set_pod(pod.clone());
            state.queue.happened(if known { ClusterEvent::PodChanged } else { ClusterEvent::PodAdded }, now);
        } else if pod.metadata.deletion_timestamp.is_some() {
            state.queue.remove(&uid);
            state.nominated.remove(&uid);
        } else if self.is_ours(pod) && !state.cache.has_pod(&uid) {
            // After a restart the status is all that is known of it.
            if let Some(node) = nominated(pod).filter(|_| change.old.is_none()) {
                state.nominated.set(pod.clone(), node);
            }
            state.queue.update(pod.clone(), now);
        }
        drop(state);
        self.work.notify_one();
    }

    fn is_ours(&self, pod: &Pod) -> bool {
        let name = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or("default-scheduler");
        name == self.config.scheduler_name
    }
}

fn is_bound(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|node| !node.is_empty())
}

fn nominated(pod: &Pod) -> Option<&str> {
    pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref()).filter(|node| !node.is_empty())
}
