//! A node's sandboxes and containers: what CRI's verbs do, on records that outlive the server. The gRPC side is `service`.

mod containers;
mod ends;
mod events;
mod exec;
mod host;
pub(crate) mod id;
pub mod records;
mod sandboxes;
mod stats;
mod stop;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::Config;
use crate::cgroups::Cgroups;
use crate::cri::v1::ContainerEventResponse;
use crate::error::RuntimeError;
use crate::images::Images;
use crate::ledger::Ledger;
use crate::supervisor::Paths;
use crate::supervisor::client::Client;
use records::Records;

pub use exec::{ExecStdio, Running};

/// Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

/// What the parts of a node share.
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) paths: Paths,
    pub images: Images,
    pub(crate) records: Records,
    pub(crate) supervisor: Client,
    pub(crate) cgroups: Cgroups,
    pub(crate) ledger: Ledger,
    pub(crate) events: broadcast::Sender<ContainerEventResponse>,
    pub(crate) execs: exec::Waiting,
    pub(crate) rates: stats::Rates,
}

impl std::ops::Deref for Node {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Events that may wait for a slow listener; beyond it the listener's stream ends and it lists anew.
const EVENTS_WAITING: usize = 1024;

impl Node {
    /// Opens what is on disk, finds or starts the supervisor, and follows its news.
    pub async fn open(config: Config) -> Result<Self, RuntimeError> {
        std::fs::create_dir_all(&config.data_dir).map_err(RuntimeError::io("make the data dir"))?;
        std::fs::create_dir_all(&config.run_dir).map_err(RuntimeError::io("make the run dir"))?;
        let paths = Paths::new(config.run_dir.clone(), config.data_dir.clone());
        let ledger = Ledger::open(&config.data_dir).map_err(RuntimeError::io("open the ledger"))?;
        let made = crate::ledger::of_supervisor(&paths.run, &paths.cgroup());
        ledger.record_all(made).map_err(RuntimeError::io("write the ledger"))?;
        let images =
            Images::open(&config.data_dir, config.registries.clone()).map_err(RuntimeError::io("open the images"))?;
        let records = Records::open(&config.data_dir).map_err(RuntimeError::io("open the records of containers"))?;
        let (supervisor, news) = Client::connect(paths.clone(), config.supervisor.clone()).await?;
        let cgroups = Cgroups::detect().map_err(RuntimeError::io("find the control groups"))?;
        let node = Self(Arc::new(Inner {
            config,
            paths,
            images,
            records,
            supervisor,
            cgroups,
            ledger,
            events: broadcast::channel(EVENTS_WAITING).0,
            execs: exec::Waiting::default(),
            rates: stats::Rates::default(),
        }));
        node.find_lost_sandboxes();
        node.follow(news).await;
        Ok(node)
    }

    /// Where a container's own files are: its configuration, writable layer and records.
    pub fn container_dir(&self, id: &str) -> PathBuf {
        self.config.data_dir.join("containers").join(id)
    }

    pub fn sandbox_dir(&self, id: &str) -> PathBuf {
        self.config.data_dir.join("sandboxes").join(id)
    }
}
