//! The node of a server or an agent: network, runtime and kubelet, in this order, each handed what it needs of the others.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use api::env::Env;
use k8s_openapi::api::core::v1::{Pod, Taint};
use runtime::images::registries::{Mirror, Registries};
use tokio_util::sync::CancellationToken;

use crate::flags::NodeFlags;
use crate::ledger::NodeLedger;
use crate::pod_network::PodNetwork;
use crate::uninstall;

/// How long a Pod's SIGTERM waits for this node's proxy to let go of it.
const PROXY_PATIENCE: Duration = Duration::from_millis(500);
const DEFAULT_DATA_DIR: &str = "/var/lib/oxkube";
pub const KUBELET_PORT: u16 = 10250;

/// What a node is started from.
pub struct Settings<'a> {
    pub flags: &'a NodeFlags,
    pub data_dir: &'a Path,
    pub name: String,
    pub ip: IpAddr,
    pub cluster_cidr: &'a str,
    pub service_cidr: &'a str,
    pub cluster_dns: IpAddr,
    pub kubelet_client: kube::Client,
    pub proxy_client: kube::Client,
    /// What the kubelet's port shows, and whose clients it lets in (PEM).
    pub serving: kubelet::ServingCertificate,
    pub client_ca: &'a str,
    pub env: &'a Env,
    pub stop: &'a CancellationToken,
}

/// A running node; containers outlive it.
pub struct Node {
    _runtime: runtime::Runtime,
    _kubelet: kubelet::Kubelet,
}

/// Where sockets and mounts lie: /run/oxkube, or within a data dir that is not the default.
pub fn run_dir(data_dir: &Path) -> PathBuf {
    if data_dir == Path::new(DEFAULT_DATA_DIR) { "/run/oxkube".into() } else { data_dir.join("run") }
}

/// Starts all of it. Returns once the node is registered.
pub async fn start(settings: Settings<'_>) -> anyhow::Result<Node> {
    let ledger = Arc::new(NodeLedger::open(settings.data_dir).context("open the node's ledger")?);
    for folder in ["/var/lib/kubelet", "/var/log/pods", "/var/log/containers"] {
        uninstall::note_folder(&ledger, Path::new(folder)).context("write the node's ledger")?;
    }
    let network =
        network::node::start(network_config(&settings, ledger.clone())?, settings.proxy_client.clone(), settings.env)
            .context("start the Pod network")?;
    let run_dir = run_dir(settings.data_dir);
    let runtime = runtime::Runtime::start(runtime::Config {
        data_dir: settings.data_dir.join("node"),
        run_dir: run_dir.clone(),
        registries: registries(&settings.flags.registry_mirror)?,
        network: Arc::new(PodNetwork(network.pods.clone())),
        oci_runtime: None,
        supervisor: runtime::Program::own(),
    })
    .await
    .context("start the container runtime")?;
    let socket = runtime::Runtime::socket(&run_dir);
    let mut config = kubelet_config(&settings, socket)?;
    let above_pods = match config.cgroup_root.as_deref() {
        None | Some("") => "/kubepods",
        Some(own) => own,
    };
    ledger.add("cgroup", above_pods).context("write the node's ledger")?;
    config.ledger = ledger;
    config.before_terminate = before_terminate(network.proxy);
    let kubelet = kubelet::Kubelet::start(config, settings.kubelet_client.clone(), settings.env.clone())
        .await
        .context("start the kubelet")?;
    Ok(Node { _runtime: runtime, _kubelet: kubelet })
}

fn network_config(settings: &Settings<'_>, ledger: Arc<NodeLedger>) -> anyhow::Result<network::node::Config> {
    Ok(network::node::Config {
        node_name: settings.name.clone(),
        data_dir: settings.data_dir.join("network"),
        cluster_cidrs: prefixes(settings.cluster_cidr)?,
        service_cidrs: prefixes(settings.service_cidr)?,
        mode: network::routes::Mode::Auto,
        mtu: None,
        ledger,
        stop: settings.stop.clone(),
    })
}

fn prefixes(text: &str) -> anyhow::Result<Vec<network::rtnl::Prefix>> {
    text.split(',').map(|cidr| cidr.parse().map_err(|_| anyhow::anyhow!("{cidr:?} is no address range"))).collect()
}

/// `docker.io=http://127.0.0.1:5000`
fn registries(mirrors: &[String]) -> anyhow::Result<Registries> {
    let mut registries = Registries::default();
    for mirror in mirrors {
        let Some((host, url)) = mirror.split_once('=') else {
            bail!("--registry-mirror {mirror:?}: it looks like HOST=URL")
        };
        let known: &mut Mirror = registries.mirrors.entry(host.to_owned()).or_default();
        known.endpoints.push(url.to_owned());
    }
    Ok(registries)
}

fn kubelet_config(settings: &Settings<'_>, socket: PathBuf) -> anyhow::Result<kubelet::Config> {
    let mut config = kubelet::Config::new(settings.name.clone(), vec![settings.ip], socket);
    config.node.labels = pairs("node-label", &settings.flags.node_label)?;
    config.node.capacity = pairs("capacity", &settings.flags.capacity)?;
    config.node.taints = settings.flags.node_taint.iter().map(|text| taint(text)).collect::<anyhow::Result<_>>()?;
    config.node.pods_max = settings.flags.max_pods;
    config.cgroup_root = Some(cgroup_root(settings.data_dir));
    config.cluster_dns = vec![settings.cluster_dns];
    config.stop = settings.stop.clone();
    config.serving = Some(kubelet::Serving {
        address: SocketAddr::new(IpAddr::from([0, 0, 0, 0]), KUBELET_PORT),
        certificate: settings.serving.clone(),
        client_ca: settings.client_ca.as_bytes().to_vec(),
    });
    Ok(config)
}

/// Above /kubepods: nothing, or a group by the data dir's name where several nodes may share a machine.
fn cgroup_root(data_dir: &Path) -> String {
    if data_dir == Path::new(DEFAULT_DATA_DIR) {
        return String::new();
    }
    format!("/oxkube-{}.pods", runtime::supervisor::node_tag(data_dir))
}

fn pairs(flag: &str, texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => bail!("--{flag} {text:?}: it looks like KEY=VALUE"),
    };
    texts.iter().map(pair).collect()
}

/// `key=value:Effect` or `key:Effect`.
fn taint(text: &str) -> anyhow::Result<Taint> {
    let Some((pair, effect)) = text.rsplit_once(':') else {
        bail!("--node-taint {text:?}: it looks like KEY=VALUE:EFFECT")
    };
    let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value.to_owned())));
    Ok(Taint { key: key.to_owned(), value, effect: effect.to_owned(), time_added: None })
}

/// The kubelet asks before the first SIGTERM; the proxy says when it no longer sends to the Pod.
fn before_terminate(proxy: network::proxy::Handle) -> kubelet::BeforeTerminate {
    Arc::new(move |pod: Arc<Pod>| {
        let proxy = proxy.clone();
        Box::pin(async move {
            let ips = pod.status.as_ref().and_then(|status| status.pod_ips.as_ref());
            let addresses: Vec<IpAddr> = ips.into_iter().flatten().filter_map(|ip| ip.ip.parse().ok()).collect();
            if !proxy.wait_without(&addresses, PROXY_PATIENCE).await {
                tracing::debug!(pod = ?pod.metadata.name, "the proxy still sends to the Pod; it ends all the same");
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_and_pairs_are_read_as_kubelets_flags_are() {
        let read = taint("gpu=true:NoSchedule").expect("good");
        assert_eq!(
            (read.key.as_str(), read.value.as_deref(), read.effect.as_str()),
            ("gpu", Some("true"), "NoSchedule")
        );
        assert_eq!(taint("gpu:NoExecute").expect("good").value, None);
        assert!(taint("gpu").is_err() && pairs("capacity", &["x".to_owned()]).is_err());
    }

    #[test]
    fn mirrors_are_read_by_host() {
        let read = registries(&["docker.io=http://127.0.0.1:5000".to_owned()]).expect("good");
        assert_eq!(read.mirrors["docker.io"].endpoints, ["http://127.0.0.1:5000"]);
        assert!(registries(&["docker.io".to_owned()]).is_err());
    }
}
