//! A whole kubelet between the two fakes, in a folder of its own and a mount namespace of its own.

use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::api::FakeApi;
use super::cri::FakeRuntime;
use crate::{Config, Kubelet};

pub const PODS: &str = "/api/v1/namespaces/default/pods";

/// How long a condition is waited for.
const DEADLINE: Duration = Duration::from_secs(20);

pub struct TestNode {
    pub api: FakeApi,
    pub runtime: FakeRuntime,
    pub kubelet: Kubelet,
    pub folder: Arc<tempfile::TempDir>,
    stop: CancellationToken,
}

pub fn env() -> Env {
    Env::new(Timestamp::now, |bytes| bytes.fill(7), |_, task| drop(tokio::spawn(task)))
}

pub fn config(folder: &tempfile::TempDir, socket: &std::path::Path) -> Config {
    let mut config = Config::new("n1", vec!["192.168.1.2".parse().unwrap()], socket);
    config.root = folder.path().join("kubelet");
    config.pod_logs = folder.path().join("pod-logs");
    config.container_logs = folder.path().join("container-logs");
    config.resolv_conf = folder.path().join("resolv.conf");
    config.cgroup_root = None;
    config.crash_loop_max = Duration::from_secs(1);
    config
}

impl TestNode {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let runtime = FakeRuntime::start(folder.path().join("cri.sock"));
        runtime.add_image("web:1");
        Self::start_on(FakeApi::default(), runtime, folder, change).await
    }

    pub async fn start_on(
        api: FakeApi,
        runtime: FakeRuntime,
        folder: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(&folder, &runtime.socket);
        change(&mut config);
        let stop = config.stop.clone();
        let kubelet = Kubelet::start(config, api.client(), env()).await.unwrap();
        Self { api, runtime, kubelet, folder, stop }
    }

    /// Ends this kubelet and starts another over the same runtime and API.
    pub async fn restart(self) -> Self {
        self.stop.cancel();
        Self::start_on(self.api.clone(), self.runtime.clone(), self.folder.clone(), |_| {}).await
    }

    pub fn create(&self, name: &str, mut spec: Value) {
        spec["nodeName"] = json!("n1");
        self.api.put(PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}));
    }

    pub fn delete(&self, name: &str, grace_seconds: i64) {
        self.api.change(&format!("{PODS}/{name}"), |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(Timestamp::now().to_string());
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace_seconds);
        });
    }

    pub fn pod(&self, name: &str) -> Value {
        self.api.get(&format!("{PODS}/{name}")).unwrap_or(Value::Null)
    }

    /// Waits until `holds`, and says what was waited for when it never does.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !holds(self) {
            assert!(
                tokio::time::Instant::now() < deadline,
                "never: {what}\ncalls: {:#?}\nevents: {:#?}\npods: {:#?}",
                self.runtime.calls(),
                self.api.events(),
                self.kubelet
                    .workers()
                    .pods()
                    .iter()
                    .map(|pod| self.pod(pod.metadata.name.as_deref().unwrap())["status"].to_string())
                    .collect::<Vec<_>>()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Events are written beside what they tell of, at their own time.
    pub async fn until_event(&self, start: &str) {
        let is_there = |node: &Self| node.api.events().iter().any(|event| event.starts_with(start));
        self.until(&format!("event {start:?}"), is_there).await;
    }

    pub async fn until_phase(&self, name: &str, phase: &str) {
        self.until(&format!("{name} is {phase}"), |node| node.pod(name)["status"]["phase"] == phase).await;
    }

    pub async fn until_ready(&self, name: &str, ready: bool) {
        let wanted = if ready { "True" } else { "False" };
        self.until(&format!("{name} ready={ready}"), |node| {
            let status = &node.pod(name)["status"];
            status["conditions"].as_array().is_some_and(|conditions| {
                conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == wanted)
            })
        })
        .await;
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
