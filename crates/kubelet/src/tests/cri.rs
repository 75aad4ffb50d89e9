//! A container runtime in memory: sandboxes and containers are rows, a test ends containers and lets images be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use prost::Message;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tonic::Status;

use super::grpc::{Handler, Reply, frame, serve};
use crate::cri::v1 as cri;
use crate::labels;

#[derive(Default)]
struct State {
    sandboxes: BTreeMap<String, cri::PodSandboxStatus>,
    containers: BTreeMap<String, Row>,
    images: BTreeSet<String>,
    /// Containers by name that ignore SIGTERM.
    stubborn: BTreeSet<String>,
    /// Exit codes of commands run by exec.
    execs: BTreeMap<String, i32>,
    /// Where the runtime serves streams.
    streaming: String,
    calls: Vec<String>,
    listeners: Vec<mpsc::UnboundedSender<Bytes>>,
    next: u64,
}

struct Row {
    sandbox: String,
    config: cri::ContainerConfig,
    status: cri::ContainerStatus,
}

/// A handle on the fake; its server ends with the test's runtime.
#[derive(Clone)]
pub struct FakeRuntime {
    state: Arc<Mutex<State>>,
    pub socket: PathBuf,
}

/// What every container uses.
const MEMORY_USED_BYTES: u64 = 20 << 20;

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

fn decode<T: Message + Default>(bytes: Bytes) -> T {
    T::decode(bytes).unwrap()
}

impl FakeRuntime {
    pub fn start(socket: PathBuf) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let fake = Self { state: Arc::default(), socket };
        let served = fake.clone();
        let handler: Handler = Arc::new(move |path, body| {
            let fake = served.clone();
            Box::pin(async move { fake.call(&path, body).await })
        });
        tokio::spawn(serve(listener, handler));
        fake
    }

    pub fn add_image(&self, image: &str) {
        self.state.lock().images.insert(image.to_owned());
    }

    pub fn ignore_sigterm(&self, container: &str) {
        self.state.lock().stubborn.insert(container.to_owned());
    }

    pub fn answer_exec(&self, command: &str, exit_code: i32) {
        self.state.lock().execs.insert(command.to_owned(), exit_code);
    }

    pub fn stream_at(&self, address: &str) {
        self.state.lock().streaming = address.to_owned();
    }

    /// Where a container's log is.
    pub fn log_path(&self, container: &str) -> PathBuf {
        let state = self.state.lock();
        let row = state.containers.values().find(|row| name(&row.config) == container).unwrap();
        row.status.log_path.clone().into()
    }

    /// Every call that changes something, as `RunPodSandbox web-0`.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().calls.clone()
    }

    pub fn config(&self, container: &str) -> Option<cri::ContainerConfig> {
        let state = self.state.lock();
        let named = state.containers.values().filter(|row| name(&row.config) == container);
        named.max_by_key(|row| row.status.created_at).map(|row| row.config.clone())
    }

    /// Ends a container by name, as if its process had exited.
    pub fn exit(&self, container: &str, exit_code: i32) {
        let mut state = self.state.lock();
        let running = cri::ContainerState::ContainerRunning as i32;
        let ids: Vec<String> = state
            .containers
            .iter()
            .filter(|(_, row)| name(&row.config) == container && row.status.state == running)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            state.end(&id, exit_code);
        }
    }

    pub fn running(&self) -> Vec<String> {
        let running = cri::ContainerState::ContainerRunning as i32;
        let state = self.state.lock();
        state.containers.values().filter(|row| row.status.state == running).map(|row| name(&row.config)).collect()
    }

    pub fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.sandboxes.is_empty() && state.containers.is_empty()
    }

    async fn call(&self, path: &str, body: Bytes) -> Result<Reply, Status> {
        match path {
            "Version" => Reply::of(cri::VersionResponse {
                version: "0.1.0".into(),
                runtime_name: "fake".into(),
                runtime_version: "1".into(),
                runtime_api_version: "v1".into(),
            }),
            "Status" => Reply::of(status()),
            "ListImages" => Reply::of(cri::ListImagesResponse::default()),
            "UpdateRuntimeConfig" => Reply::of(cri::UpdateRuntimeConfigResponse {}),
            "GetContainerEvents" => {
                let (sender, receiver) = mpsc::unbounded_channel();
                self.state.lock().listeners.push(sender);
                Ok(Reply::Stream(receiver))
            }
            "ImageStatus" | "PullImage" => self.image(path, body),
            "ListPodSandboxStats" => self.state.lock().stats(),
            "Exec" => {
                let request: cri::ExecRequest = decode(body);
                let mut state = self.state.lock();
                state.calls.push(format!("Exec {} tty={} stdin={}", request.cmd.join(" "), request.tty, request.stdin));
                Reply::of(cri::ExecResponse { url: state.streaming.clone() })
            }
            "PortForward" => {
                let request: cri::PortForwardRequest = decode(body);
                let mut state = self.state.lock();
                state.calls.push(format!("PortForward {:?}", request.port));
                Reply::of(cri::PortForwardResponse { url: state.streaming.clone() })
            }
            "ExecSync" => self.exec(decode(body)),
            "StopContainer" => self.stop(decode(body)).await,
            "ListPodSandbox" | "PodSandboxStatus" | "RunPodSandbox" | "StopPodSandbox" | "RemovePodSandbox" => {
                self.state.lock().sandbox(path, body)
            }
            _ => self.state.lock().container(path, body),
        }
    }

    fn image(&self, path: &str, body: Bytes) -> Result<Reply, Status> {
        let mut state = self.state.lock();
        if path == "PullImage" {
            let request: cri::PullImageRequest = decode(body);
            let image = request.image.unwrap_or_default().image;
            state.calls.push(format!("PullImage {image}"));
            if image.contains("missing") {
                return Err(Status::not_found(format!("{image}: not found")));
            }
            state.images.insert(image.clone());
            return Reply::of(cri::PullImageResponse { image_ref: image });
        }
        let request: cri::ImageStatusRequest = decode(body);
        let image = request.image.unwrap_or_default().image;
        let found = state.images.contains(&image);
        let image = found.then(|| cri::Image { id: image, size: 42, ..cri::Image::default() });
        Reply::of(cri::ImageStatusResponse { image, ..cri::ImageStatusResponse::default() })
    }

    fn exec(&self, request: cri::ExecSyncRequest) -> Result<Reply, Status> {
        let mut state = self.state.lock();
        let command = request.cmd.join(" ");
        state.calls.push(format!("Exec {command}"));
        let exit_code = state.execs.get(&command).copied().unwrap_or(0);
        Reply::of(cri::ExecSyncResponse { exit_code, ..cri::ExecSyncResponse::default() })
    }

    async fn stop(&self, request: cri::StopContainerRequest) -> Result<Reply, Status> {
        let id = request.container_id;
        let is_stubborn = {
            let mut state = self.state.lock();
            let Some(name) = state.containers.get(&id).map(|row| name(&row.config)) else {
                return Err(Status::not_found("no such container"));
            };
            state.calls.push(format!("StopContainer {name} {}", request.timeout));
            state.stubborn.contains(&name)
        };
        if is_stubborn {
            tokio::time::sleep(Duration::from_secs(request.timeout.unsigned_abs())).await;
        }
        self.state.lock().end(&id, if is_stubborn { 137 } else { 0 });
        Reply::of(cri::StopContainerResponse {})
    }
}

fn name(config: &cri::ContainerConfig) -> String {
    config.metadata.clone().unwrap_or_default().name
}

fn status() -> cri::StatusResponse {
    let condition = |kind: &str| cri::RuntimeCondition { r#type: kind.into(), status: true, ..Default::default() };
    let conditions = vec![condition("RuntimeReady"), condition("NetworkReady")];
    cri::StatusResponse { status: Some(cri::RuntimeStatus { conditions }), ..cri::StatusResponse::default() }
}

fn matches(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

impl State {
    fn emit(&mut self, container: &str) {
        let row = self.containers.get(container);
        let sandbox = row.and_then(|row| self.sandboxes.get(&row.sandbox)).cloned();
        let event = cri::ContainerEventResponse {
            container_id: container.to_owned(),
            pod_sandbox_status: sandbox,
            ..cri::ContainerEventResponse::default()
        };
        let bytes = frame(&event);
        self.listeners.retain(|listener| listener.send(bytes.clone()).is_ok());
    }

    fn end(&mut self, id: &str, exit_code: i32) {
        let Some(row) = self.containers.get_mut(id) else { return };
        if row.status.state == cri::ContainerState::ContainerExited as i32 {
            return;
        }
        row.status.state = cri::ContainerState::ContainerExited as i32;
        row.status.finished_at = now();
        row.status.exit_code = exit_code;
        row.status.reason = if exit_code == 0 { "Completed".into() } else { "Error".into() };
        self.emit(id);
    }

    fn sandbox(&mut self, path: &str, body: Bytes) -> Result<Reply, Status> {
        match path {
            "RunPodSandbox" => {
                let request: cri::RunPodSandboxRequest = decode(body);
                Reply::of(cri::RunPodSandboxResponse { pod_sandbox_id: self.run_sandbox(request) })
            }
            "ListPodSandbox" => {
                let request: cri::ListPodSandboxRequest = decode(body);
                let selector = request.filter.unwrap_or_default().label_selector;
                let items = self.sandboxes.values().filter(|sandbox| matches(&selector, &sandbox.labels));
                let items = items.map(|sandbox| cri::PodSandbox {
                    id: sandbox.id.clone(),
                    labels: sandbox.labels.clone(),
                    state: sandbox.state,
                    ..cri::PodSandbox::default()
                });
                Reply::of(cri::ListPodSandboxResponse { items: items.collect() })
            }
            "PodSandboxStatus" => {
                let request: cri::PodSandboxStatusRequest = decode(body);
                let status = self.sandboxes.get(&request.pod_sandbox_id).cloned();
                let status = status.ok_or_else(|| Status::not_found("no such sandbox"))?;
                Reply::of(cri::PodSandboxStatusResponse { status: Some(status), ..Default::default() })
            }
            "StopPodSandbox" => {
                let request: cri::StopPodSandboxRequest = decode(body);
                self.calls.push("StopPodSandbox".to_owned());
                if let Some(sandbox) = self.sandboxes.get_mut(&request.pod_sandbox_id) {
                    sandbox.state = cri::PodSandboxState::SandboxNotready as i32;
                }
                Reply::of(cri::StopPodSandboxResponse {})
            }
            _ => {
                let request: cri::RemovePodSandboxRequest = decode(body);
                self.calls.push("RemovePodSandbox".to_owned());
                self.sandboxes.remove(&request.pod_sandbox_id);
                self.containers.retain(|_, row| row.sandbox != request.pod_sandbox_id);
                Reply::of(cri::RemovePodSandboxResponse {})
            }
        }
    }

    fn run_sandbox(&mut self, request: cri::RunPodSandboxRequest) -> String {
        let config = request.config.unwrap_or_default();
        let metadata = config.metadata.unwrap_or_default();
        self.next += 1;
        self.calls.push(format!("RunPodSandbox {}", metadata.name));
        let id = format!("sandbox-{}", self.next);
        let ip = format!("10.42.0.{}", self.next);
        let status = cri::PodSandboxStatus {
            id: id.clone(),
            metadata: Some(metadata),
            state: cri::PodSandboxState::SandboxReady as i32,
            created_at: now(),
            network: Some(cri::PodSandboxNetworkStatus { ip, ..Default::default() }),
            labels: config.labels,
            ..cri::PodSandboxStatus::default()
        };
        self.sandboxes.insert(id.clone(), status);
        id
    }

    fn container(&mut self, path: &str, body: Bytes) -> Result<Reply, Status> {
        let gone = || Status::not_found("no such container");
        match path {
            "CreateContainer" => Reply::of(cri::CreateContainerResponse { container_id: self.create(decode(body)) }),
            "StartContainer" => {
                let request: cri::StartContainerRequest = decode(body);
                let row = self.containers.get_mut(&request.container_id).ok_or_else(gone)?;
                row.status.state = cri::ContainerState::ContainerRunning as i32;
                row.status.started_at = now();
                let call = format!("StartContainer {}", name(&row.config));
                self.calls.push(call);
                self.emit(&request.container_id);
                Reply::of(cri::StartContainerResponse {})
            }
            "ListContainers" => {
                let request: cri::ListContainersRequest = decode(body);
                let selector = request.filter.unwrap_or_default().label_selector;
                let rows = self.containers.iter().filter(|(_, row)| matches(&selector, &row.config.labels));
                let containers = rows.map(|(id, row)| cri::Container {
                    id: id.clone(),
                    pod_sandbox_id: row.sandbox.clone(),
                    labels: row.config.labels.clone(),
                    annotations: row.config.annotations.clone(),
                    ..cri::Container::default()
                });
                Reply::of(cri::ListContainersResponse { containers: containers.collect() })
            }
            "ContainerStatus" => {
                let request: cri::ContainerStatusRequest = decode(body);
                let row = self.containers.get(&request.container_id).ok_or_else(gone)?;
                let status = Some(row.status.clone());
                Reply::of(cri::ContainerStatusResponse { status, ..Default::default() })
            }
            "UpdateContainerResources" => {
                let request: cri::UpdateContainerResourcesRequest = decode(body);
                let row = self.containers.get(&request.container_id).ok_or_else(gone)?;
                let linux = request.linux.unwrap_or_default();
                let (quota, bytes) = (linux.cpu_quota, linux.memory_limit_in_bytes);
                let call = format!("UpdateContainer {} quota {quota} memory {}Mi", name(&row.config), bytes >> 20);
                self.calls.push(call);
                Reply::of(cri::UpdateContainerResourcesResponse {})
            }
            "ContainerStats" => {
                let usage_bytes = Some(cri::UInt64Value { value: MEMORY_USED_BYTES });
                let memory = Some(cri::MemoryUsage { usage_bytes, ..Default::default() });
                let stats = Some(cri::ContainerStats { memory, ..Default::default() });
                Reply::of(cri::ContainerStatsResponse { stats })
            }
            "RemoveContainer" => {
                let request: cri::RemoveContainerRequest = decode(body);
                self.containers.remove(&request.container_id);
                Reply::of(cri::RemoveContainerResponse {})
            }
            other => Err(Status::unimplemented(format!("the fake does not serve {other}"))),
        }
    }

    /// Every sandbox has used a second of processor.
    fn stats(&self) -> Result<Reply, Status> {
        let of = |sandbox: &cri::PodSandboxStatus| {
            let (id, labels) = (sandbox.id.clone(), sandbox.labels.clone());
            let attributes = cri::PodSandboxAttributes { id, labels, ..Default::default() };
            let used = Some(cri::UInt64Value { value: 1_000_000_000 });
            let cpu = cri::CpuUsage { timestamp: now(), usage_core_nano_seconds: used, ..Default::default() };
            let linux = cri::LinuxPodSandboxStats { cpu: Some(cpu), ..Default::default() };
            cri::PodSandboxStats { attributes: Some(attributes), linux: Some(linux), ..Default::default() }
        };
        Reply::of(cri::ListPodSandboxStatsResponse { stats: self.sandboxes.values().map(of).collect() })
    }

    fn create(&mut self, request: cri::CreateContainerRequest) -> String {
        let config = request.config.unwrap_or_default();
        self.next += 1;
        let id = format!("container-{}", self.next);
        self.calls.push(format!("CreateContainer {}", name(&config)));
        assert!(labels::pod_uid(&config.labels).is_some());
        let logs = PathBuf::from(request.sandbox_config.unwrap_or_default().log_directory);
        let status = cri::ContainerStatus {
            id: id.clone(),
            log_path: logs.join(&config.log_path).to_string_lossy().into_owned(),
            metadata: config.metadata.clone(),
            state: cri::ContainerState::ContainerCreated as i32,
            created_at: now(),
            image: config.image.clone(),
            image_ref: config.image.clone().unwrap_or_default().image,
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            mounts: config.mounts.clone(),
            ..cri::ContainerStatus::default()
        };
        self.containers.insert(id.clone(), Row { sandbox: request.pod_sandbox_id, config, status });
        id
    }
}
