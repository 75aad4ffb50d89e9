//! Sandboxes: made (namespaces, files, network), stopped, removed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::cri::v1::{ContainerEventType, DnsConfig, NamespaceMode, PodSandboxConfig, Protocol};
use crate::error::RuntimeError;
use crate::ledger::{Entry, Kind};
use crate::network::{Bandwidth, PortMapping, SandboxNetwork};
use crate::spec::mounts::SandboxFiles;
use crate::supervisor::clock::now_ns;
use crate::supervisor::protocol::{Request, SandboxNamespaces};
use crate::supervisor::sandbox;

use super::records::{Sandbox, SandboxFacts, SandboxState, namespaces};
use super::{Node, id};

/// As every runtime has it.
const SHM_BYTES: u64 = 64 << 20;
/// A Pod may bind low ports and ping without privileges, as containerd allows since 2.0.
const DEFAULT_SYSCTLS: [(&str, &str); 2] =
    [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")];
pub const RESOLV_CONF: &str = "resolv.conf";
pub const HOSTNAME: &str = "hostname";
pub const HOSTS: &str = "hosts";

impl Node {
    pub async fn run_sandbox(&self, config: PodSandboxConfig, runtime_handler: &str) -> Result<String, RuntimeError> {
        if !runtime_handler.is_empty() {
            return Err(RuntimeError::Invalid(format!("no runtime handler {runtime_handler:?} is configured")));
        }
        if config.metadata.is_none() {
            return Err(RuntimeError::Invalid("sandbox config must include metadata".to_owned()));
        }
        let modes = namespaces(&config);
        if modes.userns_options.as_ref().is_some_and(|options| options.mode() == NamespaceMode::Pod) {
            return Err(RuntimeError::Unimplemented(
                "user namespaces are not supported by this runtime yet".to_owned(),
            ));
        }
        let id = id::random().map_err(RuntimeError::io("make an id"))?;
        let network = (modes.network() != NamespaceMode::Node).then(|| self.network_of(&id, &config));
        let boot =
            fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(RuntimeError::io("read the boot id"))?;
        let facts = SandboxFacts {
            created_at_ns: now_ns(),
            runtime_handler: runtime_handler.to_owned(),
            network,
            boot: boot.trim().to_owned(),
        };
        write_files(&self.sandbox_dir(&id), &config, modes.network() == NamespaceMode::Node)
            .map_err(RuntimeError::io("sandbox files"))?;
        let record = Sandbox {
            id: id.clone(),
            config,
            facts,
            state: parking_lot::Mutex::default(),
            busy: tokio::sync::Mutex::default(),
        };
        let record = self.records.add_sandbox(record).map_err(RuntimeError::io("record the sandbox"))?;
        if let Err(error) = self.bring_up(&record).await {
            if let Err(cleanup) = self.discard(&record).await {
                tracing::warn!(sandbox = record.id, error = cleanup.text(), "failed sandbox not cleaned up");
            }
            return Err(error);
        }
        self.sandbox_event(&record, ContainerEventType::ContainerCreatedEvent);
        self.sandbox_event(&record, ContainerEventType::ContainerStartedEvent);
        Ok(id)
    }

    async fn bring_up(&self, record: &Sandbox) -> Result<(), RuntimeError> {
        self.ledger.record_all(self.entries(record)).map_err(RuntimeError::io("write the ledger"))?;
        self.supervisor.ask(Request::CreateSandbox(self.sandbox_namespaces(record)), &[]).await?;
        let ips = match &record.facts.network {
            Some(network) => {
                let added = self.config.network.add(network).await;
                added.map_err(|source| RuntimeError::Network { id: record.id.clone(), source })?
            }
            None => Vec::new(),
        };
        let ready = |state: &mut SandboxState| *state = SandboxState { ready: true, ips };
        self.records.change_sandbox(record, ready).map_err(RuntimeError::io("record the sandbox"))
    }

    async fn discard(&self, record: &Sandbox) -> Result<(), RuntimeError> {
        self.take_down(record).await?;
        self.records.remove_sandbox(&record.id).map_err(RuntimeError::io("remove the sandbox"))
    }

    /// Ends its containers, leaves its network, removes its namespaces. Done already is success.
    pub async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        let record = match self.records.sandbox(id) {
            Ok(record) => record,
            Err(RuntimeError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let _busy = record.busy.lock().await;
        let was_ready = record.state.lock().ready;
        for container in self.records.containers_of(&record.id) {
            self.stop_container_record(&container, 0).await?;
        }
        self.take_down(&record).await?;
        if was_ready {
            self.records
                .change_sandbox(&record, |state| state.ready = false)
                .map_err(RuntimeError::io("record the sandbox"))?;
            self.sandbox_event(&record, ContainerEventType::ContainerStoppedEvent);
        }
        Ok(())
    }

    async fn take_down(&self, record: &Sandbox) -> Result<(), RuntimeError> {
        if let Some(network) = &record.facts.network {
            let removed = self.config.network.remove(network).await;
            removed.map_err(|source| RuntimeError::Network { id: record.id.clone(), source })?;
        }
        self.supervisor.ask(Request::RemoveSandbox { id: record.id.clone() }, &[]).await?;
        self.ledger.forget_all(self.entries(record)).map_err(RuntimeError::io("write the ledger"))
    }

    pub async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        let record = match self.records.sandbox(id) {
            Ok(record) => record,
            Err(RuntimeError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.stop_sandbox(&record.id).await?;
        for container in self.records.containers_of(&record.id) {
            self.remove_container_record(&container).await?;
        }
        self.records.remove_sandbox(&record.id).map_err(RuntimeError::io("remove the sandbox"))?;
        self.rates.forget(&record.id);
        self.sandbox_event(&record, ContainerEventType::ContainerDeletedEvent);
        Ok(())
    }

    /// After a reboot, or a start that was cut off, a sandbox has no namespaces: it is not ready, and the kubelet makes another.
    pub(super) fn find_lost_sandboxes(&self) {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        for record in self.records.sandboxes() {
            let is_lost = record.facts.boot != boot.trim()
                || record.facts.network.as_ref().is_some_and(|network| !network.netns_path.exists());
            if is_lost
                && record.state.lock().ready
                && let Err(error) = self.records.change_sandbox(&record, |state| state.ready = false)
            {
                tracing::error!(sandbox = record.id, %error, "lost sandbox not recorded");
            }
        }
    }

    fn sandbox_namespaces(&self, record: &Sandbox) -> SandboxNamespaces {
        let modes = record.namespaces();
        let network = modes.network() != NamespaceMode::Node;
        let ipc = modes.ipc() != NamespaceMode::Node;
        let given = record.config.linux.as_ref().map(|linux| linux.sysctls.clone()).unwrap_or_default();
        let mut sysctls: BTreeMap<String, String> = BTreeMap::new();
        if network {
            sysctls.extend(DEFAULT_SYSCTLS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        sysctls.extend(given);
        SandboxNamespaces {
            id: record.id.clone(),
            network,
            ipc,
            uts: network,
            pid: (modes.pid() == NamespaceMode::Pod).then(|| self.cgroup_of(record, &record.id)),
            hostname: hostname(&record.config, !network),
            sysctls,
            shm_bytes: ipc.then_some(SHM_BYTES),
        }
    }

    /// The group of a container, or of the sandbox's own process, below the parent that the kubelet gives.
    pub(super) fn cgroup_of(&self, record: &Sandbox, id: &str) -> std::path::PathBuf {
        let parent = record.config.linux.as_ref().map_or("", |linux| linux.cgroup_parent.as_str());
        match parent.trim_start_matches('/') {
            "" => Path::new("/").join(self.paths.cgroup()).join(id),
            parent => Path::new("/").join(parent).join(id),
        }
    }

    fn entries(&self, record: &Sandbox) -> Vec<Entry> {
        let directory = self.paths.sandbox(&record.id);
        let text = |name: &str| directory.join(name).to_string_lossy().into_owned();
        let mut entries: Vec<Entry> = [sandbox::NETWORK, sandbox::IPC, sandbox::UTS, sandbox::PID]
            .map(|name| Entry { kind: Kind::Namespace, id: text(name) })
            .into();
        entries.push(Entry { kind: Kind::Mount, id: text(sandbox::SHM) });
        entries
    }

    fn network_of(&self, id: &str, config: &PodSandboxConfig) -> SandboxNetwork {
        let metadata = config.metadata.clone().unwrap_or_default();
        let port = |mapping: &crate::cri::v1::PortMapping| PortMapping {
            protocol: match mapping.protocol() {
                Protocol::Tcp => "TCP",
                Protocol::Udp => "UDP",
                Protocol::Sctp => "SCTP",
            }
            .to_owned(),
            container_port: mapping.container_port as u16,
            host_port: mapping.host_port as u16,
            host_ip: mapping.host_ip.parse().ok(),
        };
        let bandwidth = |direction: &str| {
            config
                .annotations
                .get(&format!("kubernetes.io/{direction}-bandwidth"))
                .and_then(|text| bits_per_second(text))
        };
        SandboxNetwork {
            id: id.to_owned(),
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            netns_path: self.paths.sandbox(id).join(sandbox::NETWORK),
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            port_mappings: config.port_mappings.iter().filter(|mapping| mapping.host_port > 0).map(port).collect(),
            bandwidth: Bandwidth { ingress: bandwidth("ingress"), egress: bandwidth("egress") },
        }
    }

    /// What its containers find of it where the kubelet mounts nothing else.
    pub(super) fn files_of(&self, record: &Arc<Sandbox>) -> SandboxFiles {
        let directory = self.sandbox_dir(&record.id);
        let host_ipc = record.namespaces().ipc() == NamespaceMode::Node;
        SandboxFiles {
            hosts: Some(directory.join(HOSTS)),
            resolv_conf: Some(directory.join(RESOLV_CONF)),
            hostname: Some(directory.join(HOSTNAME)),
            shm: if host_ipc { "/dev/shm".into() } else { self.paths.sandbox(&record.id).join(sandbox::SHM) },
        }
    }
}

/// A Pod on the host's network has the host's name.
pub fn hostname(config: &PodSandboxConfig, host_network: bool) -> String {
    if host_network || config.hostname.is_empty() {
        return rustix::system::uname().nodename().to_string_lossy().into_owned();
    }
    config.hostname.clone()
}

fn write_files(directory: &Path, config: &PodSandboxConfig, host_network: bool) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(HOSTNAME), format!("{}\n", hostname(config, host_network)))?;
    fs::write(directory.join(HOSTS), fs::read("/etc/hosts").unwrap_or_else(|_| b"127.0.0.1 localhost\n".to_vec()))?;
    let resolv_conf = match &config.dns_config {
        Some(dns) => resolv_conf(dns).into_bytes(),
        None => fs::read("/etc/resolv.conf").unwrap_or_default(),
    };
    fs::write(directory.join(RESOLV_CONF), resolv_conf)
}

fn resolv_conf(dns: &DnsConfig) -> String {
    let mut text = String::new();
    if !dns.searches.is_empty() {
        text.push_str(&format!("search {}\n", dns.searches.join(" ")));
    }
    for server in &dns.servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !dns.options.is_empty() {
        text.push_str(&format!("options {}\n", dns.options.join(" ")));
    }
    text
}

/// A quantity of bits with a decimal or binary suffix.
fn bits_per_second(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let factor = match suffix {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_has_what_cri_says() {
        let dns = DnsConfig {
            servers: vec!["10.43.0.10".into()],
            searches: vec!["default.svc.cluster.local".into(), "cluster.local".into()],
            options: vec!["ndots:5".into()],
        };
        assert_eq!(
            resolv_conf(&dns),
            "search default.svc.cluster.local cluster.local\nnameserver 10.43.0.10\noptions ndots:5\n"
        );
        assert_eq!(resolv_conf(&DnsConfig::default()), "");
    }

    #[test]
    fn bandwidths_are_quantities() {
        for (text, expected) in
            [("10M", Some(10_000_000)), ("1Gi", Some(1 << 30)), ("500", Some(500)), ("x", None), ("1x", None)]
        {
            assert_eq!(bits_per_second(text), expected, "{text}");
        }
    }
}
