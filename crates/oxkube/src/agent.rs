//! `oxkube agent`: joins a cluster and runs a node of it. No edge runs here: DNS is the server's, reached through the proxy.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use api::env::Env;
use api::ip::{in_range, parse_range_sloppy};
use apiserver::pki::ServerToken;
use client::Rest;
use client::tunnel::Tunnel;
use kubelet::ServingCertificate;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::certificate::{Asked, Certificate};
use crate::cluster_settings::ClusterSettings;
use crate::flags::{AgentFlags, NodeFlags};
use crate::join::{Joined, Joining};
use crate::preflight::{self, DataDir};
use crate::renewal::Renewal;
use crate::server_address::Address;
use crate::{Failure, env, logging, node};

/// What preflight has made sure of.
struct Prepared {
    flags: NodeFlags,
    data_dir: DataDir,
    ip: IpAddr,
    joining: Joining,
}

/// Runs until SIGTERM or SIGINT.
pub fn run(flags: AgentFlags) -> Result<ExitCode, Failure> {
    let prepared = prepare(flags)?;
    logging::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the async runtime")?;
    runtime.block_on(serve(prepared))?;
    Ok(ExitCode::SUCCESS)
}

fn prepare(flags: AgentFlags) -> Result<Prepared, Failure> {
    let server = Address::parse(&flags.server)?;
    ServerToken::parse(&flags.token).map_err(|error| Failure::Use(format!("--token: {error}")))?;
    preflight::root("agent")?;
    preflight::data_dir_is_free(&flags.node.data_dir)?;
    preflight::built_in_runtime(&flags.node)?;
    preflight::kubelet_port()?;
    let ip = match flags.node.node_ip {
        Some(address) => address,
        None => preflight::node_address()?,
    };
    let data_dir = preflight::data_dir(&flags.node.data_dir)?;
    data_dir.note_process()?;
    let node = flags.node.node_name.clone().unwrap_or_else(|| preflight::host_name().to_lowercase());
    let joining = Joining { server, token: flags.token, node, folder: data_dir.path.join("agent") };
    Ok(Prepared { flags: flags.node, data_dir, ip, joining })
}

async fn serve(prepared: Prepared) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let env = env::real();
    let stop = CancellationToken::new();
    // Kept until the end: dropping it would stop the node's tasks before they can finish their writes.
    let mut node = None;
    let running = async {
        node = Some(start_node(&prepared, &env, &stop).await?);
        std::future::pending::<Result<(), Failure>>().await
    };
    tokio::select! {
        failed = running => return failed,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending; containers go on");
    stop.cancel();
    drop(node);
    Ok(())
}

async fn start_node(prepared: &Prepared, env: &Env, stop: &CancellationToken) -> Result<node::Node, Failure> {
    let joining = &prepared.joining;
    let joined = joining.join(env).await?;
    tracing::info!(server = joining.server.url(), node = joining.node, "joined");
    let ClusterSettings { cluster_cidr, service_cidr, cluster_dns, client_ca } = &joined.settings;
    let routes = preflight::HostRoutes::read(&prepared.data_dir.path);
    preflight::no_overlap("--service-cidr", service_cidr, &routes)?;
    preflight::no_overlap("--cluster-cidr", cluster_cidr, &routes)?;
    let serving = ServingCertificate::default();
    let node = node::start(node::Settings {
        flags: &prepared.flags,
        data_dir: &prepared.data_dir.path,
        name: joining.node.clone(),
        ip: prepared.ip,
        cluster_cidr,
        service_cidr,
        cluster_dns: *cluster_dns,
        kubelet_client: joined.client.client("kubelet"),
        proxy_client: joined.client.client("kube-proxy"),
        serving: serving.clone(),
        client_ca,
        env,
        stop,
    })
    .await?;
    open_tunnel(prepared, env, &joined, stop);
    keep_certificates(prepared, env, &joined, serving, stop);
    Ok(node)
}

/// The server reaches the node's kubelet and its Pods through it, wherever the node is.
fn open_tunnel(prepared: &Prepared, env: &Env, joined: &Joined, stop: &CancellationToken) {
    let may = reachable(prepared.ip, &joined.settings.cluster_cidr);
    let client = joined.client.clone();
    let tunnel = Tunnel { connect: move || client.upgrading(), may: Arc::new(may), env: env.clone() };
    env.spawn("tunnel", tunnel.keep(stop.clone()));
}

/// What the server may reach through this node: Pods, and what listens on the node's own address, as Pods in the host's network and the
/// kubelet do. What listens on loopback is for this machine alone.
fn reachable(ip: IpAddr, cluster_cidr: &str) -> impl Fn(SocketAddr) -> bool + use<> {
    let pods: Vec<_> = cluster_cidr.split(',').filter_map(parse_range_sloppy).collect();
    move |address| {
        let of_node = address.ip() == ip && (!ip.is_loopback() || address.port() == node::KUBELET_PORT);
        of_node || pods.iter().any(|range| in_range(*range, address.ip()))
    }
}

/// The cluster signs what the kubelet serves with once it knows the node's addresses, that is after registration.
fn keep_certificates(
    prepared: &Prepared,
    env: &Env,
    joined: &Joined,
    serving: ServingCertificate,
    stop: &CancellationToken,
) {
    let Joining { node, folder, .. } = &prepared.joining;
    let rest = Rest::new(joined.client.client("kubelet"));
    // By name and address: another address needs another certificate.
    let path = folder.join(format!("serving-{node}-{}.pem", prepared.ip));
    let names = vec![node.clone(), prepared.ip.to_string()];
    let asked = Asked { node: node.clone(), signer: "kubernetes.io/kubelet-serving", usage: "server auth", names };
    let show =
        move |certificate: &Certificate| Ok(serving.set(certificate.chain.as_bytes(), certificate.key.as_bytes())?);
    let serving = Renewal { asked, path, rest: rest.clone(), show: Box::new(show), env: env.clone() };
    env.spawn("serving certificate", serving.keep(stop.clone()));
    let (asked, path, client) = (prepared.joining.asked(), prepared.joining.client_path(), joined.client.clone());
    let show = move |certificate: &Certificate| client.show(certificate);
    let client = Renewal { asked, path, rest, show: Box::new(show), env: env.clone() };
    env.spawn("client certificate", client.keep(stop.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_reaches_pods_and_what_listens_on_the_nodes_address() {
        let may = |ip: &str, asked: &str| {
            let may = reachable(ip.parse().expect("an address"), "10.42.0.0/16,fd42::/48");
            may(asked.parse().expect("an address and a port"))
        };
        for good in ["172.30.0.2:10250", "172.30.0.2:8443", "10.42.3.4:80", "[fd42::5]:80"] {
            assert!(may("172.30.0.2", good), "{good}");
        }
        for bad in
            ["127.0.0.1:10250", "[::1]:80", "[::ffff:127.0.0.1]:80", "0.0.0.0:80", "172.30.0.3:10250", "10.43.0.1:443"]
        {
            assert!(!may("172.30.0.2", bad), "{bad}");
        }
        assert!(may("127.0.0.1", "127.0.0.1:10250") && !may("127.0.0.1", "127.0.0.1:6443"));
    }
}
