//! All networking of a node in one call: table, Pods, proxy, routes. The edge is a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use api::env::Env;
use tokio_util::sync::CancellationToken;

use crate::error::NetworkError;
use crate::ledger::Ledger;
use crate::names::Names;
use crate::pods::{self, PodNet};
use crate::proxy;
use crate::routes::{self, Mode, Settings};
use crate::rtnl::Prefix;
use crate::table::{Cidrs, Table, skeleton};

/// What a node's networking is told at start.
pub struct Config {
    /// The Node's name.
    pub node_name: String,
    /// The node's (absolute) data dir.
    pub data_dir: PathBuf,
    /// Ranges of Pod addresses of the whole cluster.
    pub cluster_cidrs: Vec<Prefix>,
    /// Ranges of service addresses.
    pub service_cidrs: Vec<Prefix>,
    /// How to reach other nodes' Pods.
    pub mode: Mode,
    /// Largest packet of Pods; none = by the default route.
    pub mtu: Option<u32>,
    /// Where to record what is made on the host.
    pub ledger: Arc<dyn Ledger>,
    /// Ends the loops; what they made stays.
    pub stop: CancellationToken,
}

/// A node's networking. Cheap to clone.
#[derive(Clone)]
pub struct Network {
    /// Connects sandboxes.
    pub pods: PodNet,
    /// Says what the proxy has applied.
    pub proxy: proxy::Handle,
}

/// Starts it in the current network namespace. `client` is of system:kube-proxy, whose upstream role is enough; the API server need not
/// answer yet. What an earlier process left goes on serving until all is known.
pub fn start(config: Config, client: kube::Client, env: &Env) -> Result<Network, NetworkError> {
    let names = Names::of(&config.data_dir);
    let cidrs =
        Cidrs { cluster: config.cluster_cidrs.clone(), services: config.service_cidrs.clone(), node: Vec::new() };
    let comment = format!("oxkube {}", config.data_dir.display());
    let table = Arc::new(Table::open(comment, skeleton(&cidrs, names.link_prefix()), &*config.ledger)?);
    let pods = PodNet::start(pods::Config {
        data_dir: config.data_dir.clone(),
        ledger: config.ledger.clone(),
        table: table.clone(),
        mtu: config.mtu,
    })?;
    let proxying = proxy::Config {
        node_name: config.node_name.clone(),
        cluster_cidrs: config.cluster_cidrs.clone(),
        table: table.clone(),
        ledger: config.ledger.clone(),
        stop: config.stop.clone(),
    };
    let proxy = proxy::start(proxying, client.clone(), env)?;
    let settings = Settings { node_name: config.node_name, service_cidrs: config.service_cidrs, mode: config.mode };
    let routing = routes::Config {
        settings,
        cluster_cidrs: config.cluster_cidrs,
        data_dir: config.data_dir,
        table,
        pods: pods.clone(),
        ledger: config.ledger,
        stop: config.stop,
    };
    routes::start(routing, client, env)?;
    Ok(Network { pods, proxy })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::ledger::memory::MemoryLedger;
    use crate::pods::Sandbox;
    use crate::rtnl::{Address, Rtnl};
    use crate::tests::fake_api::FakeApi;
    use crate::tests::{Namespace, as_host, eventually};

    fn config(data_dir: &std::path::Path, ledger: &Arc<MemoryLedger>) -> Config {
        Config {
            node_name: "n1".into(),
            data_dir: data_dir.to_owned(),
            cluster_cidrs: vec!["10.42.0.0/16".parse().unwrap()],
            service_cidrs: vec!["10.43.0.0/16".parse().unwrap()],
            mode: Mode::Auto,
            mtu: None,
            ledger: ledger.clone(),
            stop: CancellationToken::new(),
        }
    }

    /// A node whose only own address is on loopback, without a default route: the host and a Pod reach the Service.
    async fn story() {
        let (data_dir, ledger) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLedger::default()));
        let env = Env::new(jiff::Timestamp::now, |bytes| bytes.fill(1), |_, task| drop(tokio::spawn(task)));
        let link = 1;
        let own = Address { link, address: "192.168.7.1".parse().unwrap(), prefix: 32, scope: 0 };
        Rtnl::open().unwrap().add_address(&own).unwrap();
        let before = (Rtnl::open().unwrap().links().unwrap(), crate::sysctl::read("net/ipv4/ip_forward").unwrap());
        let api = FakeApi::default();
        let network = start(config(data_dir.path(), &ledger), api.client(), &env).unwrap();
        assert!(network.pods.status().is_err());
        let node = json!({
            "metadata": {"name": "n1", "uid": "n1"},
            "spec": {"podCIDR": "10.42.5.0/24", "podCIDRs": ["10.42.5.0/24"]},
            "status": {"addresses": [{"type": "InternalIP", "address": "192.168.7.1"}]},
        });
        api.put("nodes", node);
        eventually("the node's range is known", || network.pods.status().is_ok()).await;
        let pod = Namespace::new();
        let sandbox = Sandbox { id: "p".into(), netns_path: pod.path(), ..Sandbox::default() };
        let address = network.pods.add(&sandbox).await.unwrap()[0];
        assert_eq!(address.to_string(), "10.42.5.2");
        let listener = pod.run(|| TcpListener::bind((address, 80)).unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                stream.unwrap().write_all(b"hello").unwrap();
            }
        });
        let spec = json!({"clusterIP": "10.43.0.9", "ports": [{"port": 80}]});
        api.put("services", json!({"metadata": {"name": "web", "namespace": "d", "uid": "s"}, "spec": spec}));
        let labels = json!({"kubernetes.io/service-name": "web"});
        api.put(
            "endpointslices",
            json!({
                "metadata": {"name": "web-1", "namespace": "d", "uid": "e", "labels": labels},
                "addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": [address]}],
            }),
        );
        let reach = || TcpStream::connect_timeout(&"10.43.0.9:80".parse().unwrap(), Duration::from_secs(1)).is_ok();
        eventually("the host reaches the Service", reach).await;
        assert!(pod.run(reach), "the Pod reaches itself through its Service");
        network.pods.remove("p").await.unwrap();
        for entry in ledger.0.lock().iter().rev() {
            let (kind, id) = entry.split_once(' ').unwrap();
            crate::ledger::undo(crate::ledger::Made::parse(kind).unwrap(), id).unwrap();
        }
        let after = (Rtnl::open().unwrap().links().unwrap(), crate::sysctl::read("net/ipv4/ip_forward").unwrap());
        assert_eq!(after, before, "the ledger undoes everything");
    }

    #[test]
    fn a_node_without_a_default_route_serves_and_leaves_nothing() {
        as_host(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(story());
        });
    }
}
