//! A hollow node: registers, renews its lease, and brings its Pods through their lives by word only. It outlives every crash of
//! the control plane.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::env::Env;
use client::{
    Change, DeleteOptions, Informers, Lister, Object, ObjectKey, PatchKind, ResourceType, Rest, Selection, WorkQueue,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::seams::Chance;

/// One node.
pub(crate) struct Hollow {
    name: String,
    index: u64,
    rest: Rest,
    env: Env,
    pods: Lister<Pod>,
    queue: WorkQueue<ObjectKey>,
    addresses: AtomicU64,
    chance: Chance,
}

impl Hollow {
    /// Starts node `index`; it is gone, without a word, when `life` ends.
    pub(crate) fn start(cluster: &Cluster, index: u64, life: &CancellationToken) {
        let name = format!("node-{index}");
        let env = cluster.seams.env(life);
        let client = cluster.client(&format!("system:node:{name}"), &["system:nodes", "system:authenticated"]);
        let informers = Informers::new(client.clone(), env.clone(), life.clone());
        let pods = informers.select::<Pod>(Selection::fields(format!("spec.nodeName={name}")));
        let queue = WorkQueue::default();
        let woken = queue.clone();
        pods.on_change(move |change: &Change<Pod>| woken.add(change.key()));
        let chance = cluster.seams.stream(&name);
        let addresses = AtomicU64::new(2);
        let hollow = Self {
            name,
            index,
            rest: Rest::new(client),
            env: env.clone(),
            pods: pods.lister(),
            queue,
            addresses,
            chance,
        };
        env.spawn("hollow node", async move {
            tokio::join!(hollow.stay(), hollow.work());
        });
    }

    /// Registration, then a heartbeat every ten seconds.
    async fn stay(&self) {
        while self.register().await.is_err() {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        loop {
            // A lost heartbeat is made good by the next.
            if let Err(error) = self.renew().await {
                tracing::debug!(node = self.name, %error, "heartbeat");
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }

    async fn register(&self) -> client::Result<()> {
        let labels = json!({"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}});
        match self.rest.create(&ResourceType::of::<Node>(), "", &node).await {
            Err(error) if !error.is_already_exists() => return Err(error),
            _ => {}
        }
        let now = self.env.now();
        let room = json!({"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "20Gi"});
        let address = format!("192.168.0.{}", self.index + 10);
        let status = json!({"status": {
            "capacity": room, "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": self.name}],
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
                "lastHeartbeatTime": time(now), "lastTransitionTime": time(now),
            }],
        }});
        let key = ObjectKey::cluster(&self.name);
        let patch = (PatchKind::Strategic, &status);
        self.rest.patch(&ResourceType::of::<Node>(), &key, Some("status"), patch).await.map(drop)
    }

    async fn renew(&self) -> client::Result<()> {
        let resource = ResourceType::of::<Lease>();
        let key = ObjectKey::new("kube-node-lease", &self.name);
        let now = self.env.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let spec = json!({"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now});
        if let Some(mut lease) = self.rest.find(&resource, &key).await? {
            lease["spec"] = spec;
            return self.rest.update(&resource, &key, None, &lease).await.map(drop);
        }
        let metadata = json!({"name": self.name, "namespace": "kube-node-lease"});
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
        self.rest.create(&resource, "kube-node-lease", &lease).await.map(drop)
    }

    async fn work(&self) {
        loop {
            let key = self.queue.get().await;
            match self.sync(&key).await {
                Ok(Some(again)) => self.queue.add_after(key.clone(), again),
                Ok(None) => self.queue.forget(&key),
                Err(_) => self.queue.add_rate_limited(key.clone()),
            }
            self.queue.done(&key);
        }
    }

    /// Brings one Pod a step on; says when to look again.
    async fn sync(&self, key: &ObjectKey) -> client::Result<Option<Duration>> {
        let Some(pod) = self.pods.get(key) else { return Ok(None) };
        if pod.is_deleting() {
            let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::uid(pod.uid()) };
            return match self.rest.delete(&ResourceType::of::<Pod>(), key, &options).await {
                Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
                other => other.map(|_| None),
            };
        }
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let lasts = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) != Some("Always");
        let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
        match (phase, started) {
            ("Running", Some(started)) if lasts => {
                let left = started.as_second() + 3 - self.env.now().as_second();
                if left > 0 {
                    return Ok(Some(Duration::from_secs(left.unsigned_abs())));
                }
                let failed = self.chance.one_in(6);
                self.tell(&pod, if failed { "Failed" } else { "Succeeded" }).await
            }
            ("Pending" | "", _) => self.tell(&pod, "Running").await,
            _ => Ok(None),
        }
    }

    async fn tell(&self, pod: &Pod, phase: &str) -> client::Result<Option<Duration>> {
        let status = json!({"metadata": {"uid": pod.uid()}, "status": self.status(pod, phase)});
        let answer = self
            .rest
            .patch(&ResourceType::of::<Pod>(), &pod.key(), Some("status"), (PatchKind::Strategic, &status))
            .await;
        match answer {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
            other => other.map(|_| None),
        }
    }

    fn status(&self, pod: &Pod, phase: &str) -> Value {
        let now = time(self.env.now());
        let is_running = phase == "Running";
        let ready = if is_running { "True" } else { "False" };
        let condition = |kind: &str| json!({"type": kind, "status": ready, "lastTransitionTime": now});
        let state = match phase {
            "Running" => json!({"running": {"startedAt": now}}),
            _ => json!({"running": null, "terminated": {"exitCode": i32::from(phase == "Failed"), "finishedAt": now}}),
        };
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "sha256:0", "restartCount": 0,
                "ready": is_running, "started": is_running, "state": state,
            })
        });
        let containers: Vec<Value> = containers.collect();
        let mut status = json!({
            "phase": phase,
            "conditions": [condition("Ready"), condition("ContainersReady")],
            "containerStatuses": containers,
        });
        if is_running {
            let address = format!("10.42.{}.{}", self.index, self.addresses.fetch_add(1, Ordering::Relaxed));
            status["startTime"] = json!(now);
            status["podIP"] = json!(address);
            status["podIPs"] = json!([{"ip": address}]);
        }
        status
    }
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
