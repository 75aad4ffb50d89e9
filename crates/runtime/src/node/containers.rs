//! Containers: recorded with their specification, started, removed, their limits changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;

use crate::cgroups::limits::Limits;
use crate::cri::v1::{
    ContainerConfig, ContainerEventType, LinuxContainerResources, NamespaceMode, PodSandboxConfig, Signal,
    SupplementalGroupsPolicy,
};
use crate::error::RuntimeError;
use crate::images::records::Record as Image;
use crate::ledger::Kind;
use crate::spec::{self, Inputs, user};
use crate::supervisor::clock::now_ns;
use crate::supervisor::protocol::{LogTarget, Request, Rootfs, Start};

use super::records::{Container, ContainerFacts, ContainerState, Sandbox};
use super::{Node, host, id, sandboxes};

/// The kubelet gives a runtime two minutes for a request.
const START_DEADLINE_MS: u64 = 110_000;
/// Exit code and reason of a container whose program never ran, as the kubelet knows them.
const START_FAILED_CODE: i32 = 128;
const START_FAILED_REASON: &str = "StartError";
/// Annotations of a sandbox that ask for rotation at write; else the kubelet rotates and calls ReopenContainerLog.
const ROTATE_AT_ANNOTATION: &str = "oxkube.io/log-max-size-bytes";
const ROTATE_FILES_ANNOTATION: &str = "oxkube.io/log-max-files";
const ROTATE_FILES_DEFAULT: u32 = 5;

impl Node {
    pub async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox_config: Option<PodSandboxConfig>,
    ) -> Result<String, RuntimeError> {
        let sandbox = self.records.sandbox(sandbox_id)?;
        if !sandbox.state.lock().ready {
            return Err(RuntimeError::Precondition(format!("sandbox {sandbox_id} is not ready")));
        }
        if config.metadata.is_none() {
            return Err(RuntimeError::Invalid("container config must include metadata".to_owned()));
        }
        if !config.cdi_devices.is_empty() {
            return Err(RuntimeError::Unimplemented("CDI devices are not supported by this runtime yet".to_owned()));
        }
        let _held = self.images.hold().await;
        let name = config.image.as_ref().map_or("", |image| image.image.as_str());
        let image =
            self.images.find(name).ok_or_else(|| RuntimeError::NotFound { kind: "image", id: name.to_owned() })?;
        let id = id::random().map_err(RuntimeError::io("make an id"))?;
        let log_directory = sandbox_config.as_ref().unwrap_or(&sandbox.config).log_directory.clone();
        let prepared = self.clone();
        let made =
            crate::images::blocking(move || prepared.prepare(id, &sandbox, config, &image, &log_directory)).await?;
        self.container_event(&made, ContainerEventType::ContainerCreatedEvent);
        Ok(made.id.clone())
    }

    /// Blocks.
    fn prepare(
        &self,
        id: String,
        sandbox: &Arc<Sandbox>,
        mut config: ContainerConfig,
        image: &Image,
        log_directory: &str,
    ) -> Result<Arc<Container>, RuntimeError> {
        config.mounts = host::prepare_mounts(&config.mounts)?;
        let security = spec::security(&config);
        let layers = self.layers(image)?;
        let user = resolve_user(&config, image, &layers)?;
        let modes = sandbox.namespaces();
        let cgroup = self.cgroup_of(sandbox, &id);
        let rootfs = self.paths.container(&id).join("rootfs");
        let devices = host::devices(&config.devices, security.privileged)?;
        let volumes = writable_volumes(&config, image, &rootfs);
        let host_network = modes.network() == NamespaceMode::Node;
        let hostname = sandboxes::hostname(&sandbox.config, host_network);
        let spec = spec::build(&Inputs {
            config: &config,
            image: &image.config,
            user: &user,
            rootfs: &rootfs,
            cgroup: &cgroup,
            sandbox: spec::Sandbox {
                directory: &self.paths.sandbox(&sandbox.id),
                hostname: &hostname,
                namespaces: &modes,
                files: &self.files_of(sandbox),
            },
            abilities: self.abilities(),
            devices: &devices,
            volumes: &volumes,
            target_pid: self.target_pid(&config),
            apparmor: host::apparmor(),
        })?;
        let bundle = self.container_dir(&id);
        fs::create_dir_all(&bundle).map_err(RuntimeError::io("make the container's directory"))?;
        fs::write(bundle.join("config.json"), spec.to_string())
            .map_err(RuntimeError::io("write the container's specification"))?;
        let log_path = (!log_directory.is_empty() && !config.log_path.is_empty())
            .then(|| Path::new(log_directory).join(&config.log_path));
        let facts = ContainerFacts {
            sandbox_id: sandbox.id.clone(),
            created_at_ns: now_ns(),
            image_id: image.id.to_string(),
            image_ref: image.digests.iter().next().cloned().unwrap_or_else(|| image.id.to_string()),
            top: image.top(),
            stop_signal: stop_signal(&config, image),
            uid: user.uid,
            gid: user.gid,
            additional_gids: user.additional_gids,
            cgroup,
            log_path,
        };
        let container = Container::new(id, config, facts, ContainerState::default());
        self.records.add_container(container).map_err(RuntimeError::io("record the container"))
    }

    fn layers(&self, image: &Image) -> Result<Vec<PathBuf>, RuntimeError> {
        let Some(top) = image.top() else { return Ok(Vec::new()) };
        let snapshots = self.images.snapshots();
        let stack = snapshots.stack(&top).ok_or(crate::images::ImageError::MissingLayer(top))?;
        Ok(stack.iter().map(|layer| snapshots.root().join(layer)).collect())
    }

    fn target_pid(&self, config: &ContainerConfig) -> Option<i32> {
        let options = spec::security(config).namespace_options?;
        if options.pid() != NamespaceMode::Target {
            return None;
        }
        let target = self.records.container(&options.target_id).ok()?;
        let state = target.state.lock();
        state.is_running().then_some(state.pid)
    }

    pub async fn start_container(&self, id: &str) -> Result<(), RuntimeError> {
        let container = self.records.container(id)?;
        let _busy = container.busy.lock().await;
        let state = container.state.lock().clone();
        if state.started_at_ns != 0 || state.has_ended() {
            return Err(RuntimeError::Precondition(format!("container {id} is not in the created state")));
        }
        let sandbox = self.records.sandbox(&container.sandbox_id)?;
        if !sandbox.state.lock().ready {
            return Err(RuntimeError::Precondition(format!("sandbox {} is not ready", sandbox.id)));
        }
        let start = self.start_of(&container, &sandbox)?;
        let cgroup = container.facts.cgroup.to_string_lossy().into_owned();
        self.ledger.record(Kind::Cgroup, cgroup).map_err(RuntimeError::io("write the ledger"))?;
        match self.supervisor.start(start).await {
            Ok((pid, at_ns)) => {
                // A short-lived one may have ended already; its end stands.
                let began = |state: &mut ContainerState| (state.pid, state.started_at_ns) = (pid, at_ns);
                self.records.change_container(&container, began).map_err(RuntimeError::io("record the container"))?;
                self.container_event(&container, ContainerEventType::ContainerStartedEvent);
                Ok(())
            }
            Err(error) => {
                let error = RuntimeError::from(error);
                self.start_failed(&container, &error)?;
                Err(error)
            }
        }
    }

    fn start_failed(&self, container: &Container, error: &RuntimeError) -> Result<(), RuntimeError> {
        let message = error.text();
        let failed = |state: &mut ContainerState| {
            state.finished_at_ns = now_ns();
            state.exit_code = START_FAILED_CODE;
            START_FAILED_REASON.clone_into(&mut state.reason);
            state.message = message;
        };
        self.records.change_container(container, failed).map_err(RuntimeError::io("record the container"))?;
        self.container_event(container, ContainerEventType::ContainerStoppedEvent);
        Ok(())
    }

    fn start_of(&self, container: &Container, sandbox: &Sandbox) -> Result<Start, RuntimeError> {
        let directory = self.container_dir(&container.id);
        let snapshots = self.images.snapshots();
        let lower = match &container.facts.top {
            Some(top) => snapshots.stack(top).ok_or_else(|| crate::images::ImageError::MissingLayer(top.clone()))?,
            None => Vec::new(),
        };
        let rotation = sandbox.config.annotations.get(ROTATE_AT_ANNOTATION).and_then(|text| text.parse().ok());
        let files = sandbox.config.annotations.get(ROTATE_FILES_ANNOTATION).and_then(|text| text.parse().ok());
        let log = container.facts.log_path.clone().map(|path| LogTarget {
            path,
            rotate_at_bytes: rotation,
            files_max: files.unwrap_or(ROTATE_FILES_DEFAULT),
        });
        Ok(Start {
            id: container.id.clone(),
            bundle: directory.clone(),
            rootfs: Rootfs {
                layers: snapshots.root().to_owned(),
                lower,
                upper: directory.join("upper"),
                work: directory.join("work"),
            },
            log,
            terminal: container.config.tty,
            stdin: container.config.stdin,
            stdin_once: container.config.stdin && container.config.stdin_once,
            uid: container.facts.uid,
            cgroup: container.facts.cgroup.clone(),
            own_pid_namespace: spec::has_own_pid_namespace(&container.config, &sandbox.namespaces()),
            seccomp: spec::seccomp(&spec::security(&container.config)),
            deadline_ms: START_DEADLINE_MS,
            oci_runtime: self.config.oci_runtime.clone(),
        })
    }

    pub async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        match self.records.container(id) {
            Ok(container) => self.remove_container_record(&container).await,
            Err(RuntimeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove_container_record(&self, container: &Arc<Container>) -> Result<(), RuntimeError> {
        self.stop_container_record(container, 0).await?;
        let _busy = container.busy.lock().await;
        self.supervisor.ask(Request::Forget { id: container.id.clone() }, &[]).await?;
        let (node, id) = (self.clone(), container.id.clone());
        let removed = crate::images::blocking(move || node.records.remove_container(&id)).await;
        removed.map_err(RuntimeError::io("remove the container"))?;
        self.rates.forget(&container.id);
        self.container_event(container, ContainerEventType::ContainerDeletedEvent);
        Ok(())
    }

    pub fn update_container(&self, id: &str, resources: &LinuxContainerResources) -> Result<(), RuntimeError> {
        let container = self.records.container(id)?;
        let state = container.state.lock().clone();
        if state.has_ended() {
            return Err(RuntimeError::Precondition(format!("container {id} has ended")));
        }
        let abilities = self.abilities();
        if state.is_running() {
            let group = &container.facts.cgroup;
            self.cgroups
                .update(group, &limits(resources, abilities.swap))
                .map_err(RuntimeError::io(format!("update container {id}")))?;
        } else {
            let path = self.container_dir(&container.id).join("config.json");
            let rewritten =
                fs::read(&path).map_err(RuntimeError::io("read the container's specification")).and_then(|bytes| {
                    let mut spec: serde_json::Value =
                        serde_json::from_slice(&bytes).map_err(|error| RuntimeError::Invalid(error.to_string()))?;
                    let new = spec::resources::resources(Some(resources), abilities, false, &[]);
                    for key in ["cpu", "memory", "unified"] {
                        if let Some(value) = new.get(key) {
                            spec["linux"]["resources"][key] = value.clone();
                        }
                    }
                    Ok(spec.to_string())
                })?;
            fs::write(&path, rewritten).map_err(RuntimeError::io("write the container's specification"))?;
        }
        let bytes = merged(&container, &state, resources).encode_to_vec();
        let changed = |state: &mut ContainerState| state.resources = Some(bytes);
        self.records.change_container(&container, changed).map_err(RuntimeError::io("record the container"))
    }
}

/// The limits as they are after a change: zero keeps what was.
fn merged(container: &Container, state: &ContainerState, change: &LinuxContainerResources) -> LinuxContainerResources {
    let mut merged = super::views::resources(container, state).unwrap_or_default();
    for (field, value) in [
        (&mut merged.cpu_period, change.cpu_period),
        (&mut merged.cpu_quota, change.cpu_quota),
        (&mut merged.cpu_shares, change.cpu_shares),
        (&mut merged.memory_limit_in_bytes, change.memory_limit_in_bytes),
        (&mut merged.memory_swap_limit_in_bytes, change.memory_swap_limit_in_bytes),
    ] {
        if value != 0 {
            *field = value;
        }
    }
    for (field, value) in
        [(&mut merged.cpuset_cpus, &change.cpuset_cpus), (&mut merged.cpuset_mems, &change.cpuset_mems)]
    {
        if !value.is_empty() {
            field.clone_from(value);
        }
    }
    merged.unified.extend(change.unified.clone());
    merged
}

fn limits(resources: &LinuxContainerResources, swap: bool) -> Limits {
    Limits {
        cpu_shares: resources.cpu_shares,
        cpu_quota: resources.cpu_quota,
        cpu_period: resources.cpu_period,
        memory_bytes: resources.memory_limit_in_bytes,
        memory_swap_bytes: if swap { resources.memory_swap_limit_in_bytes } else { 0 },
        cpuset_cpus: resources.cpuset_cpus.clone(),
        cpuset_mems: resources.cpuset_mems.clone(),
        unified: resources.unified.clone().into_iter().collect(),
    }
}

fn resolve_user(config: &ContainerConfig, image: &Image, layers: &[PathBuf]) -> Result<user::User, RuntimeError> {
    let security = spec::security(config);
    let wanted = user::Wanted {
        run_as_user: security.run_as_user.map(|value| value.value),
        run_as_group: security.run_as_group.map(|value| value.value),
        run_as_username: &security.run_as_username,
        image_user: &image.config.user,
        supplemental_groups: &security.supplemental_groups,
        strict_groups: security.supplemental_groups_policy() == SupplementalGroupsPolicy::Strict,
    };
    let passwd = host::image_file(layers, "etc/passwd")?;
    let group = host::image_file(layers, "etc/group")?;
    Ok(user::resolve(&wanted, &passwd, &group)?)
}

/// The volumes of the image, unless something is mounted there, are mounts of their own places in the container's layer: they have the
/// image's content, are writable when the root is not, and go with the container.
fn writable_volumes(config: &ContainerConfig, image: &Image, rootfs: &Path) -> Vec<(String, PathBuf)> {
    let is_given =
        |volume: &String| config.mounts.iter().any(|mount| Path::new(&mount.container_path) == Path::new(volume));
    let volumes = image.config.volumes.keys().filter(|volume| !is_given(volume));
    volumes.map(|volume| (volume.clone(), rootfs.join(volume.trim_start_matches('/')))).collect()
}

fn stop_signal(config: &ContainerConfig, image: &Image) -> i32 {
    match config.stop_signal() {
        Signal::RuntimeDefault => spec::process::stop_signal(&image.config.stop_signal),
        given => spec::process::stop_signal(given.as_str_name()),
    }
}
