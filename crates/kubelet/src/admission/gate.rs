//! The door of the node: Pods are looked at one after another, beside those that were taken and have not ended. A Pod that was taken stays,
//! also when the kubelet starts again: its status has a start time. What a Pod was granted is what counts, not what it asks for since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use client::{Informer, ObjectKey, ResourceType, Rest};
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::{Mutex, RwLock};

use super::{Rejection, rejection};
use crate::objects::Wake;
use crate::resize::{Answer, answer, reported, with};

/// Who was taken, and who has ended.
pub struct Gate {
    pods: OnceLock<Informer<Pod>>,
    node: RwLock<Arc<Node>>,
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    wake: Wake,
}

#[derive(Default)]
struct State {
    /// With what they were granted.
    taken: BTreeMap<String, Arc<Pod>>,
    over: BTreeSet<String>,
    /// Those that wait for room to grow.
    waiting: BTreeSet<String>,
}

impl Gate {
    /// `wake` is told whose resize may fit now.
    pub fn new(wake: Wake) -> Self {
        let (pods, node, turn, state) = Default::default();
        Self { pods, node, turn, state, wake }
    }

    /// Where this node's Pods are read.
    pub fn open(&self, pods: Informer<Pod>) {
        if self.pods.set(pods).is_err() {
            tracing::debug!("the node's door is open already");
        }
    }

    pub fn set_node(&self, node: Arc<Node>) {
        let allocatable = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
        let before = std::mem::replace(&mut *self.node.write(), node.clone());
        if allocatable(&before) != allocatable(&node) {
            self.wake_waiting();
        }
    }

    /// Takes the Pod in, or says why not.
    pub async fn admit(&self, pod: &Arc<Pod>, rest: &Rest) -> Result<(), Rejection> {
        let Some(pods) = self.pods.get() else { return Ok(()) };
        if was_taken(pod) || is_finished(pod) || pod.metadata.deletion_timestamp.is_some() {
            self.take(pod);
            return Ok(());
        }
        // Those that ran before this kubelet started have to be known first.
        pods.wait_synced().await;
        let _turn = self.turn.lock().await;
        let node = self.node.read().clone();
        if rejection(pod, &self.others(pod), &node).is_none() {
            self.take(pod);
            return Ok(());
        }
        // Labels, taints and resources may have changed in the moment before the Pod was bound.
        let node = newest(&node, rest).await;
        match rejection(pod, &self.others(pod), &node) {
            None => {
                self.take(pod);
                Ok(())
            }
            Some(rejection) => {
                self.state.lock().over.extend(pod.metadata.uid.clone());
                Err(rejection)
            }
        }
    }

    /// Counts the Pod with what it was granted.
    fn take(&self, pod: &Arc<Pod>) {
        if let Some(uid) = pod.metadata.uid.clone() {
            self.state.lock().taken.insert(uid, with(pod, &reported(pod)));
        }
    }

    /// Grants the Pod what its spec asks for now, if there is room. One that has to wait is woken when there may be: all alike, where
    /// upstream asks them by priority.
    pub async fn resize(&self, pod: &Arc<Pod>) -> Answer {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let _turn = self.turn.lock().await;
        let node = self.node.read().clone();
        let answer = answer(pod, &self.others(pod), &node);
        let mut state = self.state.lock();
        match &answer {
            Answer::Deferred(_) | Answer::Infeasible(_) => {
                state.waiting.insert(uid);
            }
            Answer::Fits => {
                state.waiting.remove(&uid);
                state.taken.insert(uid, pod.clone());
                drop(state);
                self.wake_waiting();
            }
        }
        answer
    }

    fn wake_waiting(&self) {
        let waiting = self.state.lock().waiting.clone();
        waiting.iter().for_each(|uid| (self.wake)(uid));
    }

    /// Nothing of the Pod runs any more.
    pub fn ended(&self, uid: &str) {
        let mut state = self.state.lock();
        if state.taken.remove(uid).is_some() {
            state.over.insert(uid.to_owned());
        }
        state.waiting.remove(uid);
        drop(state);
        self.wake_waiting();
    }

    /// The Pod is gone.
    pub fn forget(&self, uid: &str) {
        let mut state = self.state.lock();
        state.taken.remove(uid);
        state.over.remove(uid);
        state.waiting.remove(uid);
        drop(state);
        self.wake_waiting();
    }

    /// The Pods beside which this one has to fit.
    fn others(&self, pod: &Pod) -> Vec<Arc<Pod>> {
        let Some(pods) = self.pods.get() else { return Vec::new() };
        let state = self.state.lock();
        let counted = |other: Arc<Pod>| {
            let uid = other.metadata.uid.as_ref()?;
            if other.metadata.uid == pod.metadata.uid || state.over.contains(uid) || is_finished(&other) {
                return None;
            }
            state.taken.get(uid).cloned().or_else(|| was_taken(&other).then(|| with(&other, &reported(&other))))
        };
        pods.lister().list().into_iter().filter_map(counted).collect()
    }
}

fn was_taken(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.start_time.is_some())
}

/// Its phase is final and nobody is ending it any more.
fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed")) && pod.metadata.deletion_timestamp.is_none()
}

/// The node as the server has it now, or what is known of it.
async fn newest(known: &Arc<Node>, rest: &Rest) -> Arc<Node> {
    let key = ObjectKey::of(&known.metadata);
    let read = rest.get(&ResourceType::of::<Node>(), &key).await;
    match read.map(serde_json::from_value) {
        Ok(Ok(node)) => Arc::new(node),
        Ok(Err(error)) => {
            tracing::warn!(%error, "this node's object cannot be read");
            known.clone()
        }
        Err(error) => {
            tracing::warn!(%error, "this node's object was not answered");
            known.clone()
        }
    }
}
