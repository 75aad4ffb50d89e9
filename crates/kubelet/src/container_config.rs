//! The CRI configuration of a container. Pure.

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::cri::v1 as cri;
use crate::env::command_line;
use crate::labels::{container_annotations, container_labels};
use crate::logs::paths::container_log;
use crate::resources::linux::{Machine, container_resources};
use crate::security::{ImageUser, container_context};

/// What a container takes from what was prepared for it.
pub struct Given<'a> {
    pub restart_count: i32,
    /// What the runtime calls the pulled image.
    pub image_ref: String,
    pub environment: Vec<(String, Vec<u8>)>,
    pub mounts: Vec<cri::Mount>,
    pub image_user: ImageUser,
    pub machine: Machine,
    /// The id of the container whose processes an ephemeral container sees.
    pub target: Option<&'a str>,
    pub kubelet_root: &'a str,
}

pub fn container_config(pod: &Pod, container: &Container, given: Given) -> cri::ContainerConfig {
    let (command, args) = command_line(container, &given.environment);
    let context = container_context(pod, container, &given.image_user, (given.target, given.kubelet_root));
    cri::ContainerConfig {
        metadata: Some(cri::ContainerMetadata {
            name: container.name.clone(),
            attempt: given.restart_count.unsigned_abs(),
        }),
        image: Some(cri::ImageSpec {
            image: given.image_ref,
            user_specified_image: container.image.clone().unwrap_or_default(),
            ..cri::ImageSpec::default()
        }),
        command,
        args,
        working_dir: container.working_dir.clone().unwrap_or_default(),
        envs: given.environment.into_iter().map(|(key, value)| cri::KeyValue { key, value }).collect(),
        mounts: given.mounts,
        labels: container_labels(pod, container),
        annotations: container_annotations(pod, container, given.restart_count),
        log_path: container_log(&container.name, given.restart_count),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        linux: Some(cri::LinuxContainerConfig {
            resources: Some(container_resources(pod, container, given.machine)),
            security_context: Some(context),
        }),
        stop_signal: stop_signal(container),
        ..cri::ContainerConfig::default()
    }
}

/// The signal the spec names, as CRI has it; 0 leaves the image's.
fn stop_signal(container: &Container) -> i32 {
    let named = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.as_deref());
    let signal = named.and_then(|name| cri::Signal::from_str_name(&format!("SIGNAL_{name}")));
    signal.unwrap_or(cri::Signal::RuntimeDefault) as i32
}
