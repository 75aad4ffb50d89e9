//! The kubelet's start: the runtime first, then the node's registration, then its Pods. A kubelet that restarts takes over
//! what runs without touching it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::events::Recorder;
use client::{Informers, Rest, Selection};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::admission::gate::Gate;
use crate::config::Config;
use crate::context::Context;
use crate::cri::client::Cri;
use crate::cri::v1::{NetworkConfig, RuntimeConfig, UpdateRuntimeConfigRequest, VersionRequest, VersionResponse};
use crate::error::{Error, Result};
use crate::images::Images;
use crate::node::info;
use crate::node::lease;
use crate::node::reporter::Reporter;
use crate::objects::Wake;
use crate::pods::{self, Workers};
use crate::resources::cgroup::Cgroups;
use crate::resources::linux::Machine;
use crate::server::Server;
use crate::status::writer::{StatusWriter, WRITERS};
use crate::volumes::Volumes;
use crate::{orphans, runtime_events};

/// How long the runtime's socket is waited for.
const RUNTIME_TIMEOUT: Duration = Duration::from_secs(120);
const RETRY: Duration = Duration::from_millis(100);

/// A running kubelet. Dropping it changes nothing; cancelling the configuration's `stop` ends it and leaves containers alone.
#[derive(Clone)]
pub struct Kubelet {
    context: Arc<Context>,
    workers: Arc<Workers>,
    pod_cidrs: watch::Receiver<Vec<String>>,
    address: Option<SocketAddr>,
}

impl Kubelet {
    /// Returns when the node is registered; Pods are worked on from then on.
    pub async fn start(config: Config, client: kube::Client, env: Env) -> Result<Self> {
        make_directories(&config)?;
        let cri = Cri::connect(&config.runtime_socket)?;
        let version = wait_for_runtime(&cri).await?;
        let informers = Informers::new(client.clone(), env.clone(), config.stop.child_token());
        let services = informers.of::<Service>();
        let workers: Arc<Workers> = Arc::default();
        let parts = Parts { client: &client, env: &env, services, version: &version };
        let context = Arc::new(build(config, cri, parts, &workers)?);
        let stop = context.config.stop.clone();
        for _ in 0..WRITERS {
            let writer = context.status.clone();
            spawn(&context, "pod-status", writer.run());
        }
        let address = match context.config.serving.clone() {
            Some(serving) => Some(Server::new(context.clone(), workers.clone()).start(&serving).await?),
            None => None,
        };
        let runtime_version = format!("{}://{}", version.runtime_name, version.runtime_version);
        let mut reporter = Reporter::new(context.clone(), runtime_version)?;
        let node = Arc::new(register(&mut reporter).await);
        context.gate.set_node(node.clone());
        let pod_cidrs = follow_node(&context, &informers);
        spawn(&context, "node-lease", lease::run(context.clone(), node));
        spawn(&context, "node-status", reporter.run());
        let fields = format!("spec.nodeName={}", context.config.node.name);
        let pods = informers.select::<Pod>(Selection::fields(fields));
        context.gate.open(pods.clone());
        pods::follow(&workers, &context, &pods);
        spawn(&context, "runtime-events", runtime_events::follow(context.clone(), workers.clone()));
        let (at_start, of) = (workers.clone(), context.clone());
        env.spawn("orphans", async move {
            stop.run_until_cancelled(async move {
                pods.wait_synced().await;
                if let Err(error) = orphans::clean(&of, &at_start).await {
                    tracing::warn!(%error, "not everything of pods that are gone could be removed");
                }
            })
            .await;
        });
        Ok(Self { context, workers, pod_cidrs, address })
    }

    /// The node's Pod ranges, as the API gives them; empty until it does.
    pub fn pod_cidrs(&self) -> watch::Receiver<Vec<String>> {
        self.pod_cidrs.clone()
    }

    /// Where it serves; none when it was not asked to.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }
}

struct Parts<'a> {
    client: &'a kube::Client,
    env: &'a Env,
    services: client::Informer<Service>,
    version: &'a VersionResponse,
}

fn build(config: Config, cri: Cri, parts: Parts, workers: &Arc<Workers>) -> Result<Context> {
    let Parts { client, env, services, version } = parts;
    let rest = Rest::new(client.clone());
    let recorder =
        Recorder::start_on("kubelet", &config.node.name, rest.clone(), env.clone(), config.stop.child_token());
    let waking = Arc::downgrade(workers);
    let wake: Wake = Arc::new(move |uid: &str| {
        if let Some(workers) = waking.upgrade() {
            workers.wake(uid);
        }
    });
    let cgroups = match &config.cgroup_root {
        Some(root) => {
            let path = "/proc/thread-self/mountinfo";
            let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
            Some(Cgroups::prepare(&text, root)?)
        }
        None => None,
    };
    let machine = Machine {
        memory_bytes: info::figures(&config.root).memory_bytes,
        is_cgroup_v2: cgroups.as_ref().is_some_and(Cgroups::is_v2),
    };
    Ok(Context {
        volumes: Volumes::new(&config, client, env, &wake),
        images: Images::new(cri.clone(), env.clone(), recorder.clone(), config.serialize_image_pulls),
        status: StatusWriter::new(rest.clone()),
        env: env.clone(),
        runtime_name: version.runtime_name.clone(),
        allocatable: RwLock::default(),
        gate: Gate::new(wake),
        config,
        cri,
        rest,
        recorder,
        cgroups,
        services,
        machine,
    })
}

fn spawn(context: &Context, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let stop = context.config.stop.clone();
    context.env.spawn(name, async move {
        stop.run_until_cancelled(task).await;
    });
}

fn make_directories(config: &Config) -> Result<()> {
    for directory in [&config.root, &config.root.join("pods"), &config.pod_logs, &config.container_logs] {
        std::fs::create_dir_all(directory).map_err(Error::file("create directory", directory))?;
    }
    Ok(())
}

async fn wait_for_runtime(cri: &Cri) -> Result<VersionResponse> {
    let deadline = tokio::time::Instant::now() + RUNTIME_TIMEOUT;
    loop {
        match cri.runtime().version(VersionRequest { version: "v1".to_owned() }).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if tokio::time::Instant::now() > deadline => return Err(Error::cri("Version")(status)),
            // The socket may not be there yet.
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// Registers, however long the API server takes to answer.
async fn register(reporter: &mut Reporter) -> Node {
    let mut delay = RETRY;
    loop {
        match reporter.register().await {
            Ok(node) => return node,
            Err(error) => tracing::warn!(%error, "node not registered yet"),
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(7));
    }
}

/// Hands the node's state on to those who decide by it, its Pod ranges to the network and to runtimes that ask for them.
fn follow_node(context: &Arc<Context>, informers: &Informers) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    let selection = Selection::fields(format!("metadata.name={}", context.config.node.name));
    let of = context.clone();
    informers.select::<Node>(selection).on_change(move |change| {
        if let Some(node) = &change.new {
            of.gate.set_node(node.clone());
        }
        let spec = change.new.as_ref().and_then(|node| node.spec.as_ref());
        let many = spec.and_then(|spec| spec.pod_cidrs.clone()).unwrap_or_default();
        let one = spec.and_then(|spec| spec.pod_cidr.clone());
        let ranges: Vec<String> = if many.is_empty() { one.into_iter().collect() } else { many };
        sender.send_if_modified(|known| {
            let is_news = !ranges.is_empty() && *known != ranges;
            if is_news {
                *known = ranges;
            }
            is_news
        });
    });
    spawn(context, "pod-cidr", tell_runtime(context.clone(), receiver.clone()));
    receiver
}

async fn tell_runtime(context: Arc<Context>, mut ranges: watch::Receiver<Vec<String>>) {
    while ranges.changed().await.is_ok() {
        let pod_cidr = ranges.borrow_and_update().join(",");
        let runtime_config = RuntimeConfig { network_config: Some(NetworkConfig { pod_cidr }) };
        let request = UpdateRuntimeConfigRequest { runtime_config: Some(runtime_config) };
        if let Err(status) = context.cri.runtime().update_runtime_config(request).await {
            tracing::warn!(message = status.message(), "the runtime was not told its pod range");
        }
    }
}
