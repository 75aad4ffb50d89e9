//! The containers of a Pod's spec by kind: init, sidecar (an init container that restarts always), regular, ephemeral.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};

/// Where a container stands in the Pod's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    Init,
    Sidecar,
    Regular,
    Ephemeral,
}

impl ContainerKind {
    /// Init containers and sidecars stand in `spec.initContainers`.
    pub fn is_init_list(self) -> bool {
        matches!(self, Self::Init | Self::Sidecar)
    }
}

/// A container and its kind. Ephemeral containers are another type in the API and are converted.
#[derive(Debug, Clone)]
pub struct SpecContainer<'a> {
    pub kind: ContainerKind,
    pub container: Cow<'a, Container>,
}

impl SpecContainer<'_> {
    /// The path events about this container name, such as `spec.containers{web}`.
    pub fn field_path(&self) -> String {
        let list = match self.kind {
            ContainerKind::Init | ContainerKind::Sidecar => "spec.initContainers",
            ContainerKind::Regular => "spec.containers",
            ContainerKind::Ephemeral => "spec.ephemeralContainers",
        };
        format!("{list}{{{}}}", self.container.name)
    }
}

static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);

/// The Pod's spec; the API server lets none through without one.
pub fn spec(pod: &Pod) -> &PodSpec {
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

pub fn init_containers(pod: &Pod) -> &[Container] {
    spec(pod).init_containers.as_deref().unwrap_or_default()
}

pub fn containers(pod: &Pod) -> &[Container] {
    &spec(pod).containers
}

pub fn ephemeral_containers(pod: &Pod) -> &[EphemeralContainer] {
    spec(pod).ephemeral_containers.as_deref().unwrap_or_default()
}

/// Whether this entry of `spec.initContainers` is a sidecar.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

pub fn init_kind(container: &Container) -> ContainerKind {
    if is_sidecar(container) { ContainerKind::Sidecar } else { ContainerKind::Init }
}

/// Every container of the spec: init, regular, ephemeral.
pub fn all(pod: &Pod) -> Vec<SpecContainer<'_>> {
    let init = init_containers(pod)
        .iter()
        .map(|container| SpecContainer { kind: init_kind(container), container: Cow::Borrowed(container) });
    let regular = containers(pod)
        .iter()
        .map(|container| SpecContainer { kind: ContainerKind::Regular, container: Cow::Borrowed(container) });
    let ephemeral = ephemeral_containers(pod).iter().map(|container| SpecContainer {
        kind: ContainerKind::Ephemeral,
        container: Cow::Owned(from_ephemeral(container)),
    });
    init.chain(regular).chain(ephemeral).collect()
}

/// The container with this name, in whichever list.
pub fn find<'a>(pod: &'a Pod, name: &str) -> Option<SpecContainer<'a>> {
    all(pod).into_iter().find(|found| found.container.name == name)
}

/// The common part of an ephemeral container as a container.
pub fn from_ephemeral(from: &EphemeralContainer) -> Container {
    let from = from.clone();
    Container {
        args: from.args,
        command: from.command,
        env: from.env,
        env_from: from.env_from,
        image: from.image,
        image_pull_policy: from.image_pull_policy,
        lifecycle: from.lifecycle,
        liveness_probe: from.liveness_probe,
        name: from.name,
        ports: from.ports,
        readiness_probe: from.readiness_probe,
        resize_policy: from.resize_policy,
        resources: from.resources,
        restart_policy: from.restart_policy,
        restart_policy_rules: from.restart_policy_rules,
        security_context: from.security_context,
        startup_probe: from.startup_probe,
        stdin: from.stdin,
        stdin_once: from.stdin_once,
        termination_message_path: from.termination_message_path,
        termination_message_policy: from.termination_message_policy,
        tty: from.tty,
        volume_devices: from.volume_devices,
        volume_mounts: from.volume_mounts,
        working_dir: from.working_dir,
    }
}

pub fn restart_policy(pod: &Pod) -> &str {
    spec(pod).restart_policy.as_deref().unwrap_or("Always")
}

/// Whether a container that ended with `exit_code` is started again (KEP-5307: the container's own rules come first,
/// then its policy, then the Pod's).
pub fn restarts_after_exit(pod: &Pod, container: &Container, exit_code: i32) -> bool {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    for rule in rules {
        let Some(codes) = &rule.exit_codes else { continue };
        let named = codes.values.as_deref().unwrap_or_default().contains(&exit_code);
        let matches = match codes.operator.as_str() {
            "In" => named,
            "NotIn" => !named,
            _ => false,
        };
        if matches && rule.action == "Restart" {
            return true;
        }
    }
    match container.restart_policy.as_deref().unwrap_or(restart_policy(pod)) {
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

/// `NAME_NAMESPACE(UID)`, as upstream's messages name a Pod.
pub fn format_pod(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}
