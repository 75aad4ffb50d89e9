//! What a Pod's containers need on the node before they start: directories, files, environments, pull secrets.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use client::events::Regarding;
use client::{ObjectKey, ResourceType};
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Secret};
use k8s_openapi::api::node::v1::RuntimeClass;
use serde::de::DeserializeOwned;

use super::PodWorker;
use crate::containers::spec;
use crate::cri::v1 as cri;
use crate::dns::{ClusterDns, parse_resolv_conf, pod_dns};
use crate::env::{self, Referenced};
use crate::error::{Error, Result};
use crate::hostname::hosts_file;
use crate::images::StartError;
use crate::observed::PodStatus;
use crate::sandbox_config;
use crate::volumes::SetUp;
use crate::volumes::mounts::{file_mount, termination_file, volume_mounts};

const CONFIG_ERROR: &str = "CreateContainerConfigError";

impl PodWorker {
    pub(super) fn make_directories(&self, pod: &Pod) -> Result<()> {
        let root = self.context.config.pod_directory(&self.uid);
        for directory in [root.clone(), root.join("volumes"), root.join("plugins")] {
            std::fs::create_dir_all(&directory).map_err(Error::file("create pod directory", &directory))?;
        }
        for found in crate::containers::all(pod) {
            let directory = root.join("containers").join(&found.container.name);
            std::fs::create_dir_all(&directory).map_err(Error::file("create container directory", &directory))?;
        }
        Ok(())
    }

    pub(super) fn sandbox_given(&self, pod: &Pod) -> sandbox_config::Given<'_> {
        let config = &self.context.config;
        let cluster = ClusterDns {
            servers: config.cluster_dns.iter().map(ToString::to_string).collect(),
            domain: config.cluster_domain.clone(),
        };
        let host = match std::fs::read_to_string(&config.resolv_conf) {
            Ok(text) => parse_resolv_conf(&text),
            Err(error) => {
                tracing::debug!(path = %config.resolv_conf.display(), %error, "the node has no resolver of its own");
                cri::DnsConfig::default()
            }
        };
        sandbox_config::Given {
            pod_logs: &config.pod_logs,
            cluster_domain: &config.cluster_domain,
            dns: pod_dns(pod, &cluster, &host),
            cgroup_parent: self.context.cgroup_parent(pod),
            log_max_size: config.log_max_size,
            log_max_files: config.log_max_files,
            machine: self.context.machine,
        }
    }

    /// The handler of the Pod's RuntimeClass; empty is the runtime's default.
    pub(super) async fn runtime_handler(&self, pod: &Pod) -> Result<String> {
        let Some(name) = spec(pod).runtime_class_name.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(String::new());
        };
        let found = self.context.rest.find(&ResourceType::of::<RuntimeClass>(), &ObjectKey::cluster(name)).await?;
        match found.as_ref().and_then(|class| class["handler"].as_str()) {
            Some(handler) => Ok(handler.to_owned()),
            None => Err(Error::Config(format!("failed to get sandbox runtime: RuntimeClass {name:?} not found"))),
        }
    }

    /// The container's environment; upstream's texts where something is missing.
    pub(super) async fn environment(
        &self,
        pod: &Pod,
        container: &Container,
        pod_ips: &[String],
    ) -> Result<Vec<(String, Vec<u8>)>, StartError> {
        let failed = |message: String| StartError::new(CONFIG_ERROR, message);
        if !self.context.services.is_synced() {
            let wait = self.context.services.wait_synced();
            if tokio::time::timeout(std::time::Duration::from_secs(5), wait).await.is_err() {
                return Err(failed(
                    "services have not yet been read at least once, cannot construct envvars".to_owned(),
                ));
            }
        }
        let referenced = self.referenced(pod, container).await.map_err(|error| failed(error.to_string()))?;
        let (services, allocatable) = (self.context.services.lister().list(), self.context.allocatable());
        let host_ips = self.context.config.node_ips();
        let given = env::Given {
            pod,
            referenced: &referenced,
            services: &services,
            pod_ips,
            host_ips: &host_ips,
            allocatable: &allocatable,
        };
        env::environment(&given, container).map_err(|error| failed(error.to_string()))
    }

    async fn referenced(&self, pod: &Pod, container: &Container) -> Result<Referenced, client::Error> {
        let (config_maps, secrets) = env::references(container);
        let mut referenced = Referenced::default();
        for name in config_maps {
            let found = self.fetch::<ConfigMap>(pod, &name).await?;
            referenced.config_maps.insert(name, found);
        }
        for name in secrets {
            let found = self.fetch::<Secret>(pod, &name).await?;
            referenced.secrets.insert(name, found);
        }
        Ok(referenced)
    }

    async fn fetch<K: k8s_openapi::Resource + DeserializeOwned>(
        &self,
        pod: &Pod,
        name: &str,
    ) -> Result<Option<Arc<K>>, client::Error> {
        let key = ObjectKey::new(pod.metadata.namespace.clone().unwrap_or_default(), name);
        let found = self.context.rest.find(&ResourceType::of::<K>(), &key).await?;
        let decode = |value| {
            serde_json::from_value(value)
                .map_err(|source| client::Error::Decode { what: format!("{} {key}", K::KIND), source })
        };
        found.map(decode).transpose().map(|found| found.map(Arc::new))
    }

    /// The Pod's imagePullSecrets; those that cannot be had are named in an event, and the pull is tried without them.
    pub(super) async fn pull_secrets(&self, pod: &Pod, regarding: &Regarding) -> Vec<Secret> {
        let (mut secrets, mut missing) = (Vec::new(), Vec::new());
        for reference in spec(pod).image_pull_secrets.iter().flatten().filter(|reference| !reference.name.is_empty()) {
            match self.fetch::<Secret>(pod, &reference.name).await {
                Ok(Some(secret)) => secrets.push((*secret).clone()),
                Ok(None) => missing.push(reference.name.clone()),
                Err(error) => {
                    tracing::warn!(secret = reference.name, %error, "pull secret not read");
                    missing.push(reference.name.clone());
                }
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
                missing.join(", ")
            );
            self.context.recorder.warning(regarding.clone(), "FailedToRetrieveImagePullSecret", message);
        }
        secrets
    }

    /// Volumes, /etc/hosts and the termination message file as mounts.
    pub(super) fn mounts(
        &self,
        pod: &Pod,
        container: &Container,
        (set_up, environment): (&SetUp, &[(String, Vec<u8>)]),
        (observed, restart_count): (&PodStatus, i32),
    ) -> Result<Vec<cri::Mount>, StartError> {
        let failed = |message: String| StartError::new(CONFIG_ERROR, message);
        let mut mounts = volume_mounts(&self.context.volumes, pod, container, (set_up, environment))
            .map_err(|error| failed(error.to_string()))?;
        let root = self.context.config.pod_directory(&self.uid);
        if !mounts.iter().any(|mount| mount.container_path.trim_end_matches('/') == "/etc/hosts") {
            let hosts = root.join("etc-hosts");
            self.write_hosts(pod, observed, &hosts)
                .map_err(|error| failed(format!("write {}: {error}", hosts.display())))?;
            mounts.push(file_mount(&hosts, "/etc/hosts", false));
        }
        if let Some(path) = container.termination_message_path.as_deref().filter(|path| !path.is_empty()) {
            let file = termination_file(&root, &container.name, restart_count);
            make_writable_file(&file).map_err(|error| failed(format!("create {}: {error}", file.display())))?;
            mounts.push(file_mount(&file, path, false));
        }
        Ok(mounts)
    }

    fn write_hosts(&self, pod: &Pod, observed: &PodStatus, path: &Path) -> std::io::Result<()> {
        let on_host_network = spec(pod).host_network == Some(true);
        let host =
            if on_host_network { Some(std::fs::read_to_string("/etc/hosts").or_else(none_if_missing)?) } else { None };
        let ips = self.pod_ips(pod, observed);
        let text = hosts_file(pod, &ips, &self.context.config.cluster_domain, host.as_deref());
        // Written in place: containers have the file itself mounted.
        if std::fs::read_to_string(path).or_else(none_if_missing)? != text {
            std::fs::write(path, text)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
        }
        Ok(())
    }
}

fn none_if_missing(error: std::io::Error) -> std::io::Result<String> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(String::new()) } else { Err(error) }
}

/// An empty file that a container of any user may write.
fn make_writable_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, b"")?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
}
