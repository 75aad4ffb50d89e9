//! `oxkube server`: what is started, in order. The kubeconfig is there before the port answers; `/readyz` is ok when an apply would succeed.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use apiserver::pki::Pki;
use apiserver::{ApiServer, Identity, Kinds, Meta, Objects};
use store::{Options, SqliteEngine, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cluster_settings::ClusterSettings;
use crate::flags::ServerFlags;
use crate::ledger::NodeLedger;
use crate::preflight::{self, DataDir, Refusal};
use crate::{Failure, components, edge, env, logging, node, role, uninstall};

/// History kept for watchers, per resource.
const RING_BYTES: usize = 16 << 20;
const RETENTION_SECONDS: i64 = 300;

/// Upstream's names of what has to be written first.
const READY_AFTER: [&str; 2] =
    ["poststarthook/rbac/bootstrap-roles", "poststarthook/scheduling/bootstrap-system-priority-classes"];

/// What preflight has made sure of.
struct Prepared {
    flags: ServerFlags,
    data_dir: DataDir,
    listener: std::net::TcpListener,
    node_ip: IpAddr,
    host_name: String,
}

/// Runs until SIGTERM or SIGINT.
pub fn run(flags: ServerFlags) -> Result<ExitCode, Failure> {
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

fn prepare(flags: ServerFlags) -> Result<Prepared, Refusal> {
    preflight::cidr("service-cidr", &flags.service_cidr)?;
    preflight::cidr("cluster-cidr", &flags.cluster_cidr)?;
    preflight::root("server")?;
    preflight::data_dir_is_free(&flags.node.data_dir)?;
    preflight::built_in_runtime(&flags.node)?;
    let routes = preflight::HostRoutes::read(&flags.node.data_dir);
    preflight::no_overlap("--service-cidr", &flags.service_cidr, &routes)?;
    preflight::no_overlap("--cluster-cidr", &flags.cluster_cidr, &routes)?;
    let address = flags.bind_address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let listener = preflight::listen(address, flags.https_listen_port, "--https-listen-port")?;
    if !flags.disable_agent {
        preflight::kubelet_port()?;
    }
    let node_ip = match flags.node.node_ip {
        Some(address) => address,
        None => preflight::node_address()?,
    };
    let data_dir = preflight::data_dir(&flags.node.data_dir)?;
    data_dir.note_process()?;
    let host_name = preflight::host_name();
    Ok(Prepared { flags, data_dir, listener, node_ip, host_name })
}

async fn serve(prepared: Prepared) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let env = env::real();
    let stop = CancellationToken::new();
    let config = config(&prepared);
    let kinds = Kinds::new(api::kinds::ALL);
    let store = open_store(&prepared.data_dir.path, &kinds)?;
    let pki = Pki::open(&store, &config, &env).await.context("open the cluster's keys")?;
    let server = format!("https://127.0.0.1:{}", prepared.flags.https_listen_port);
    note_kubeconfig(&prepared.flags).context("write the node's ledger")?;
    pki.write_admin_kubeconfig(&server, &prepared.flags.write_kubeconfig).context("write the kubeconfig")?;
    let api = apiserver::assemble(config, kinds, Objects::new(store, env.clone()), &pki)
        .context("put the API server together")?;
    let first_objects = READY_AFTER.map(|check| api.health().pending(check));
    let tls = apiserver::pki::server_config(&pki.serving, &[&pki.keys.client_authority.certificate]).context("TLS")?;
    let listener =
        tokio::net::TcpListener::from_std(prepared.listener.try_clone().context("listen")?).context("listen")?;
    let serving = tokio::spawn({
        let api = api.clone();
        async move { api.serve(listener, Arc::new(tls)).await }
    });
    apiserver::bootstrap::run(api.service(Identity::server()), api.objects(), api.config(), &pki)
        .await
        .context("write the cluster's first objects")?;
    apiserver::bootstrap::ensure(
        api.service(Identity::server()),
        api.objects(),
        ClusterSettings::of(&prepared.flags, &pki).objects(),
    )
    .await
    .context("write what agents are told")?;
    first_objects.into_iter().for_each(apiserver::Pending::done);
    components::start(&prepared.flags, &api, &pki, &stop);
    tracing::info!(server, kubeconfig = %prepared.flags.write_kubeconfig.display(), "the API is served");
    // Kept until the end: dropping it would stop the node's tasks before they can finish their writes.
    let mut node = None;
    let running = async {
        if !prepared.flags.disable_agent {
            node = Some(start_node(&prepared, &api, &pki, &stop).await?);
        }
        std::future::pending::<anyhow::Result<()>>().await
    };
    tokio::select! {
        failed = running => return failed,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending; containers go on");
    // The API's connections hear of it first: who is at their other end here goes with `stop`.
    api.shut_down();
    stop.cancel();
    // Requests under way are answered; who asks a second time does not want to wait for them.
    tokio::select! {
        served = serving => served.context("the API's listener")?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(node);
    Ok(())
}

async fn start_node(
    prepared: &Prepared,
    api: &ApiServer,
    pki: &Pki,
    stop: &CancellationToken,
) -> anyhow::Result<node::Node> {
    let flags = &prepared.flags;
    let name = flags.node.node_name.clone().unwrap_or_else(|| prepared.host_name.to_lowercase());
    let informers = client::in_process_as(api.service(Identity::server()), "kube-apiserver");
    let informers = client::Informers::new(informers, api.env().clone(), stop.clone());
    api.env().spawn("control-plane role", role::keep(informers, name.clone()));
    if !flags.disable.iter().any(|disabled| disabled == "dns") {
        start_edge(prepared, api, pki, stop).await?;
    }
    let names = vec![name.clone(), prepared.node_ip.to_string(), "127.0.0.1".to_owned()];
    let serving = pki.server("kubelet-serving", &format!("system:node:{name}"), names)?;
    let groups = ["system:nodes", "system:authenticated"];
    let kubelet = Identity::new(format!("system:node:{name}"), &groups);
    node::start(node::Settings {
        flags: &flags.node,
        data_dir: &prepared.data_dir.path,
        ip: prepared.node_ip,
        cluster_cidr: &flags.cluster_cidr,
        service_cidr: &flags.service_cidr,
        cluster_dns: flags.cluster_dns,
        kubelet_client: client::in_process_as(api.service(kubelet), "kubelet"),
        proxy_client: components::user(api, "system:kube-proxy"),
        serving: kubelet::ServingCertificate::new(serving.pem().as_bytes(), serving.key.to_pem().as_bytes())?,
        client_ca: &pki.keys.client_authority.pem(),
        env: api.env(),
        stop,
        name,
    })
    .await
}

async fn start_edge(prepared: &Prepared, api: &ApiServer, pki: &Pki, stop: &CancellationToken) -> anyhow::Result<()> {
    let settings = edge::Settings {
        data_dir: prepared.data_dir.path.clone(),
        ip: prepared.node_ip,
        cluster_dns: prepared.flags.cluster_dns,
    };
    edge::write_identity(&settings, pki, &format!("https://127.0.0.1:{}", prepared.flags.https_listen_port))?;
    apiserver::bootstrap::ensure(api.service(Identity::server()), api.objects(), edge::objects(&settings))
        .await
        .context("write the objects of cluster DNS")?;
    api.env().spawn("edge", edge::keep(settings, stop.clone()));
    Ok(())
}

fn config(prepared: &Prepared) -> apiserver::Config {
    let flags = &prepared.flags;
    apiserver::Config {
        advertise_address: flags.advertise_address.unwrap_or(prepared.node_ip),
        https_port: flags.https_listen_port,
        tls_sans: flags.tls_san.clone(),
        host_name: prepared.host_name.clone(),
        service_cidrs: flags.service_cidr.split(',').map(str::to_owned).collect(),
        cluster_cidrs: flags.cluster_cidr.split(',').map(str::to_owned).collect(),
        cluster_dns: flags.cluster_dns,
        flags: crate::flags::shown(std::env::args_os()),
        server_token: flags.token.clone().unwrap_or_default(),
        watches_per_user_max: flags.watches_per_user_max,
        ..apiserver::Config::new(&prepared.data_dir.path)
    }
}

fn open_store(data_dir: &Path, kinds: &Kinds) -> anyhow::Result<Store<Meta>> {
    let folder = data_dir.join("server/db");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let engine = SqliteEngine::open(&folder.join("state.db"))?;
    let options = Options {
        derive: apiserver::derive(kinds.clone()),
        now: Arc::new(env::now_seconds),
        lazy_prefixes: apiserver::LAZY_PREFIXES.map(str::to_owned).to_vec(),
        ring_bytes: RING_BYTES,
        retention_seconds: RETENTION_SECONDS,
        // What was acknowledged can no longer be kept: end at once, so that nobody builds on it.
        on_fatal: Arc::new(|text| {
            eprintln!("oxkube: the store failed: {text}");
            std::process::exit(1);
        }),
        threaded: true,
    };
    Store::open(Box::new(engine), options).context("open the store")
}

/// What was there before stays its owner's; else uninstall removes it. Of folders only oxkube's own goes with it.
fn note_kubeconfig(flags: &ServerFlags) -> anyhow::Result<()> {
    let file = std::path::absolute(&flags.write_kubeconfig)?;
    let ledger = NodeLedger::open(&flags.node.data_dir)?;
    match file.parent() {
        _ if file.exists() => Ok(()),
        Some(folder) if folder == Path::new("/etc/oxkube") => Ok(uninstall::note_folder(&ledger, &file)?),
        _ => Ok(ledger.add("file", &file.to_string_lossy())?),
    }
}
