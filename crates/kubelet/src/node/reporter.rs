//! Registers the node and keeps its status true: looked at every 10 s, written when it changed or after 5 minutes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::events::Regarding;
use client::{ObjectKey, PatchKind, ResourceType};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerImage, DaemonEndpoint, Node, NodeDaemonEndpoints, NodeStatus};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::capacity::{Capacity, capacity};
use super::conditions::{Health, conditions, event};
use super::info::{figures, memory_bytes, system_info};
use super::object::{addresses, new_node, own_labels, with_capacity};
use crate::context::Context;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};

const PERIOD: Duration = Duration::from_secs(10);
/// A node that starts is looked at this often until it is Ready, for at most so long (upstream's nodeReadyGracePeriod).
const STARTING_PERIOD: Duration = Duration::from_millis(100);
const STARTING_MAX: Duration = Duration::from_secs(120);
const REPORT_AT_LEAST: SignedDuration = SignedDuration::from_secs(300);
/// Upstream's limits of the images list.
const IMAGES_MAX: usize = 50;
const IMAGE_NAMES_MAX: usize = 5;
/// Hard eviction's thresholds.
const MEMORY_AVAILABLE_MIN: i64 = 100 << 20;
const DISK_AVAILABLE_MIN_PERCENT: u64 = 10;
const INODES_FREE_MIN_PERCENT: u64 = 5;

pub struct Reporter {
    context: Arc<Context>,
    capacity: Capacity,
    runtime_version: String,
    reported: NodeStatus,
    reported_at: Timestamp,
}

impl Reporter {
    /// Reads the machine; `runtime_version` is `oxkube://0.1.0`.
    pub fn new(context: Arc<Context>, runtime_version: String) -> Result<Self> {
        let capacity = capacity(&figures(&context.config.root), &context.config.node).map_err(Error::Config)?;
        *context.allocatable.write() = Arc::new(capacity.allocatable.clone());
        Ok(Self {
            context,
            capacity,
            runtime_version,
            reported: NodeStatus::default(),
            reported_at: Timestamp::UNIX_EPOCH,
        })
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::cluster(&self.context.config.node.name)
    }

    /// Creates the Node, or takes over the one that is there; answers the object.
    pub async fn register(&mut self) -> Result<Node> {
        let status = self.status(&[]).await;
        let node = new_node(&self.context.config.node, status.clone());
        let resource = ResourceType::of::<Node>();
        let object = serde_json::to_value(&node).unwrap_or_default();
        let registered = match self.context.rest.create(&resource, "", &object).await {
            Ok(created) => created,
            Err(error) if error.is_already_exists() => self.take_over().await?,
            Err(error) => return Err(error.into()),
        };
        let decode = |source| client::Error::Decode { what: "node".to_owned(), source };
        let registered: Node = serde_json::from_value(registered).map_err(decode)?;
        self.reported = registered.status.clone().unwrap_or_default();
        self.context.recorder.normal(self.regarding(), "Starting", "Starting kubelet.");
        self.report().await?;
        Ok(registered)
    }

    /// Labels that are the kubelet's to keep are brought up to date; all others stay.
    async fn take_over(&self) -> Result<Value> {
        let resource = ResourceType::of::<Node>();
        let node = self.context.rest.get(&resource, &self.key()).await?;
        let wanted = own_labels(&self.context.config.node);
        let differs = |(name, value): (&String, &String)| node["metadata"]["labels"][name] != **value;
        let changed: BTreeMap<_, _> = wanted.iter().filter(|pair| differs(*pair)).collect();
        if changed.is_empty() {
            return Ok(node);
        }
        let patch = json!({"metadata": {"labels": changed}});
        Ok(self.context.rest.patch(&resource, &self.key(), None, (PatchKind::Strategic, &patch)).await?)
    }

    fn regarding(&self) -> Regarding {
        let name = self.context.config.node.name.clone();
        // Upstream's kubelet puts the node's name where a uid belongs; `kubectl describe node` looks for that.
        Regarding {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            uid: name.clone(),
            name,
            ..Regarding::default()
        }
    }

    /// Looks and reports for ever.
    pub async fn run(mut self) {
        let starting = tokio::time::Instant::now();
        while !self.is_ready() && starting.elapsed() < STARTING_MAX {
            self.report_or_warn().await;
            tokio::time::sleep(STARTING_PERIOD).await;
        }
        let mut timer = interval(PERIOD);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            self.report_or_warn().await;
        }
    }

    async fn report_or_warn(&mut self) {
        if let Err(error) = self.report().await {
            tracing::warn!(%error, "node status not written");
        }
    }

    fn is_ready(&self) -> bool {
        let conditions = self.reported.conditions.iter().flatten();
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }

    /// Writes the status if it differs from the last, or is old.
    async fn report(&mut self) -> Result<()> {
        let before = self.reported.conditions.clone().unwrap_or_default();
        let status = self.status(&before).await;
        let now = self.context.env.now();
        let is_old = now.duration_since(self.reported_at) >= REPORT_AT_LEAST;
        if !is_old && without_heartbeats(&status) == without_heartbeats(&self.reported) {
            return Ok(());
        }
        let patch = json!({"status": status});
        let patch = (PatchKind::Strategic, &patch);
        self.context.rest.patch(&ResourceType::of::<Node>(), &self.key(), Some("status"), patch).await?;
        for condition in status.conditions.iter().flatten() {
            if let Some(reason) = event(&before, condition) {
                let message = format!("Node {} status is now: {reason}", self.context.config.node.name);
                self.context.recorder.normal(self.regarding(), reason, message);
            }
        }
        self.reported = status;
        self.reported_at = now;
        Ok(())
    }

    async fn status(&self, before: &[k8s_openapi::api::core::v1::NodeCondition]) -> NodeStatus {
        let config = &self.context.config;
        let port = config.serving.as_ref().map(|serving| serving.address.port());
        let kubelet_endpoint = port.map(|port| DaemonEndpoint { port: port.into() });
        let status = NodeStatus {
            addresses: Some(addresses(&config.node)),
            conditions: Some(conditions(&self.health().await, before, self.context.env.now())),
            daemon_endpoints: Some(NodeDaemonEndpoints { kubelet_endpoint }),
            images: Some(self.images().await),
            node_info: Some(system_info(&config.version, &self.runtime_version)),
            ..NodeStatus::default()
        };
        with_capacity(status, &self.capacity)
    }

    async fn health(&self) -> Health {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let disk = rustix::fs::statvfs(&self.context.config.root);
        let disk_pressure = disk.is_ok_and(|disk| {
            let few_blocks =
                disk.f_bavail.saturating_mul(100) < disk.f_blocks.saturating_mul(DISK_AVAILABLE_MIN_PERCENT);
            let few_inodes = disk.f_files > 0
                && disk.f_ffree.saturating_mul(100) < disk.f_files.saturating_mul(INODES_FREE_MIN_PERCENT);
            few_blocks || few_inodes
        });
        let available = memory_bytes(&meminfo, "MemAvailable");
        Health {
            memory_pressure: !meminfo.is_empty() && available < MEMORY_AVAILABLE_MIN,
            disk_pressure,
            pid_pressure: false,
            not_ready: self.not_ready().await,
        }
    }

    /// What the runtime says of itself and of its network.
    async fn not_ready(&self) -> Vec<String> {
        let status = match self.context.cri.runtime().status(cri::StatusRequest { verbose: false }).await {
            Ok(answer) => answer.into_inner().status.unwrap_or_default(),
            Err(status) => return vec![format!("container runtime is down: {}", status.message())],
        };
        let mut reasons = Vec::new();
        for (kind, what) in
            [("RuntimeReady", "container runtime not ready"), ("NetworkReady", "container runtime network not ready")]
        {
            match status.conditions.iter().find(|condition| condition.r#type == kind) {
                Some(condition) if condition.status => {}
                Some(condition) => reasons
                    .push(format!("{what}: {kind}=false reason:{} message:{}", condition.reason, condition.message)),
                None => reasons.push(format!("{what}: {kind} is not reported")),
            }
        }
        reasons
    }

    async fn images(&self) -> Vec<ContainerImage> {
        let listed = match self.context.cri.images().list_images(cri::ListImagesRequest { filter: None }).await {
            Ok(answer) => answer.into_inner().images,
            Err(status) => {
                tracing::debug!(message = status.message(), "images not listed");
                return self.reported.images.clone().unwrap_or_default();
            }
        };
        let mut images: Vec<ContainerImage> = listed
            .into_iter()
            .map(|image| {
                let names = image.repo_digests.into_iter().chain(image.repo_tags).take(IMAGE_NAMES_MAX).collect();
                ContainerImage { names: Some(names), size_bytes: i64::try_from(image.size).ok() }
            })
            .collect();
        images.sort_by(|a, b| b.size_bytes.cmp(&a.size_bytes).then_with(|| a.names.cmp(&b.names)));
        images.truncate(IMAGES_MAX);
        images
    }
}

/// A status as it counts for "has it changed".
fn without_heartbeats(status: &NodeStatus) -> NodeStatus {
    let mut status = status.clone();
    for condition in status.conditions.iter_mut().flatten() {
        condition.last_heartbeat_time = None;
    }
    // What others write into the status is not compared.
    NodeStatus {
        addresses: status.addresses,
        allocatable: status.allocatable,
        capacity: status.capacity,
        conditions: status.conditions,
        daemon_endpoints: status.daemon_endpoints,
        images: status.images,
        node_info: status.node_info,
        ..NodeStatus::default()
    }
}
