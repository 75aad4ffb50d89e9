//! What a node remembers of its sandboxes and containers: CRI's configs as they came, and how things stand. Every change is on disk
//! before it is answered.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::cri::v1::{ContainerConfig, NamespaceOption, PodSandboxConfig};
use crate::error::RuntimeError;
use crate::images::digest::Digest;
use crate::network::SandboxNetwork;

pub struct Sandbox {
    pub id: String,
    pub config: PodSandboxConfig,
    pub facts: SandboxFacts,
    pub state: Mutex<SandboxState>,
    /// Held while it is stopped or removed.
    pub busy: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxFacts {
    pub created_at_ns: i64,
    pub runtime_handler: String,
    pub network: Option<SandboxNetwork>,
    pub boot: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SandboxState {
    pub ready: bool,
    pub ips: Vec<IpAddr>,
}

pub struct Container {
    pub id: String,
    pub sandbox_id: String,
    pub config: ContainerConfig,
    pub facts: ContainerFacts,
    pub state: Mutex<ContainerState>,
    /// Tells those who wait for its end.
    pub ended: tokio::sync::watch::Sender<bool>,
    /// Held while it is started, stopped or removed.
    pub busy: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContainerFacts {
    pub sandbox_id: String,
    pub created_at_ns: i64,
    pub image_id: String,
    pub image_ref: String,
    /// The layers it stands on.
    pub top: Option<Digest>,
    pub stop_signal: i32,
    pub uid: u32,
    pub gid: u32,
    pub additional_gids: Vec<u32>,
    pub cgroup: PathBuf,
    pub log_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    pub started_at_ns: i64,
    pub finished_at_ns: i64,
    pub pid: i32,
    pub exit_code: i32,
    pub reason: String,
    pub message: String,
    /// Changed since it was created.
    pub resources: Option<Vec<u8>>,
}

impl ContainerState {
    pub fn is_running(&self) -> bool {
        self.started_at_ns != 0 && self.finished_at_ns == 0
    }

    pub fn has_ended(&self) -> bool {
        self.finished_at_ns != 0
    }
}

pub struct Records {
    root: PathBuf,
    sandboxes: RwLock<BTreeMap<String, Arc<Sandbox>>>,
    containers: RwLock<BTreeMap<String, Arc<Container>>>,
}

const CONFIG: &str = "config.pb";
const FACTS: &str = "facts.json";
const STATE: &str = "state.json";

impl Records {
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let records = Self { root: data_dir.to_owned(), sandboxes: RwLock::default(), containers: RwLock::default() };
        for id in names(&data_dir.join("sandboxes"))? {
            match records.read_sandbox(&id)? {
                Some(sandbox) => drop(records.sandboxes.write().insert(id, Arc::new(sandbox))),
                // It was never answered, so nobody knows it.
                None => fs::remove_dir_all(data_dir.join("sandboxes").join(&id))?,
            }
        }
        for id in names(&data_dir.join("containers"))? {
            match records.read_container(&id)? {
                Some(container) => drop(records.containers.write().insert(id, Arc::new(container))),
                None => fs::remove_dir_all(data_dir.join("containers").join(&id))?,
            }
        }
        Ok(records)
    }

    pub fn sandboxes(&self) -> Vec<Arc<Sandbox>> {
        self.sandboxes.read().values().cloned().collect()
    }

    pub fn containers(&self) -> Vec<Arc<Container>> {
        self.containers.read().values().cloned().collect()
    }

    pub fn containers_of(&self, sandbox: &str) -> Vec<Arc<Container>> {
        self.containers.read().values().filter(|container| container.sandbox_id == sandbox).cloned().collect()
    }

    /// By id, or by a beginning that only one has.
    pub fn sandbox(&self, id: &str) -> Result<Arc<Sandbox>, RuntimeError> {
        let not_found = || RuntimeError::NotFound { kind: "sandbox", id: id.to_owned() };
        by_prefix(&self.sandboxes.read(), id).ok_or_else(not_found)
    }

    pub fn container(&self, id: &str) -> Result<Arc<Container>, RuntimeError> {
        let not_found = || RuntimeError::NotFound { kind: "container", id: id.to_owned() };
        by_prefix(&self.containers.read(), id).ok_or_else(not_found)
    }

    /// State comes last: a directory without it is an attempt.
    pub fn add_sandbox(&self, sandbox: Sandbox) -> io::Result<Arc<Sandbox>> {
        let directory = self.root.join("sandboxes").join(&sandbox.id);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(CONFIG), sandbox.config.encode_to_vec())?;
        fs::write(directory.join(FACTS), serde_json::to_vec(&sandbox.facts)?)?;
        write_state(&directory, &*sandbox.state.lock())?;
        let sandbox = Arc::new(sandbox);
        self.sandboxes.write().insert(sandbox.id.clone(), sandbox.clone());
        Ok(sandbox)
    }

    pub fn add_container(&self, container: Container) -> io::Result<Arc<Container>> {
        let directory = self.root.join("containers").join(&container.id);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(CONFIG), container.config.encode_to_vec())?;
        fs::write(directory.join(FACTS), serde_json::to_vec(&container.facts)?)?;
        write_state(&directory, &*container.state.lock())?;
        let container = Arc::new(container);
        self.containers.write().insert(container.id.clone(), container.clone());
        Ok(container)
    }

    pub fn change_sandbox(&self, sandbox: &Sandbox, change: impl FnOnce(&mut SandboxState)) -> io::Result<()> {
        let mut state = sandbox.state.lock();
        change(&mut state);
        write_state(&self.root.join("sandboxes").join(&sandbox.id), &*state)
    }

    pub fn change_container(&self, container: &Container, change: impl FnOnce(&mut ContainerState)) -> io::Result<()> {
        let mut state = container.state.lock();
        change(&mut state);
        write_state(&self.root.join("containers").join(&container.id), &*state)?;
        container.ended.send_replace(state.has_ended());
        Ok(())
    }

    pub fn remove_sandbox(&self, id: &str) -> io::Result<()> {
        remove_dir(&self.root.join("sandboxes").join(id))?;
        self.sandboxes.write().remove(id);
        Ok(())
    }

    pub fn remove_container(&self, id: &str) -> io::Result<()> {
        remove_dir(&self.root.join("containers").join(id))?;
        self.containers.write().remove(id);
        Ok(())
    }

    fn read_sandbox(&self, id: &str) -> io::Result<Option<Sandbox>> {
        let directory = self.root.join("sandboxes").join(id);
        let Some(state) = atomic_file::read_json(&directory.join(STATE))? else { return Ok(None) };
        let Some(facts) = atomic_file::read_json(&directory.join(FACTS))? else { return Ok(None) };
        let config = PodSandboxConfig::decode(&*fs::read(directory.join(CONFIG))?).map_err(io::Error::other)?;
        Ok(Some(Sandbox {
            id: id.to_owned(),
            config,
            facts,
            state: Mutex::new(state),
            busy: tokio::sync::Mutex::default(),
        }))
    }

    fn read_container(&self, id: &str) -> io::Result<Option<Container>> {
        let directory = self.root.join("containers").join(id);
        let Some(state) = atomic_file::read_json::<ContainerState>(&directory.join(STATE))? else { return Ok(None) };
        let Some(facts) = atomic_file::read_json::<ContainerFacts>(&directory.join(FACTS))? else { return Ok(None) };
        let config = ContainerConfig::decode(&*fs::read(directory.join(CONFIG))?).map_err(io::Error::other)?;
        Ok(Some(Container::new(id.to_owned(), config, facts, state)))
    }
}

impl Container {
    pub fn new(id: String, config: ContainerConfig, facts: ContainerFacts, state: ContainerState) -> Self {
        Self {
            id,
            sandbox_id: facts.sandbox_id.clone(),
            config,
            facts,
            ended: tokio::sync::watch::Sender::new(state.has_ended()),
            state: Mutex::new(state),
            busy: tokio::sync::Mutex::default(),
        }
    }
}

impl Sandbox {
    pub fn namespaces(&self) -> NamespaceOption {
        namespaces(&self.config)
    }
}

pub fn namespaces(config: &PodSandboxConfig) -> NamespaceOption {
    let security = config.linux.as_ref().and_then(|linux| linux.security_context.as_ref());
    security.and_then(|security| security.namespace_options.clone()).unwrap_or_default()
}

fn write_state(directory: &Path, state: &impl Serialize) -> io::Result<()> {
    atomic_file::write_json(&directory.join(STATE), state)
}

fn by_prefix<T>(records: &BTreeMap<String, Arc<T>>, id: &str) -> Option<Arc<T>> {
    if let Some(record) = records.get(id) {
        return Some(record.clone());
    }
    let mut matching = records.range(id.to_owned()..).take_while(|(known, _)| !id.is_empty() && known.starts_with(id));
    let first = matching.next()?;
    matching.next().is_none().then(|| first.1.clone())
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(directory)?;
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn remove_dir(directory: &Path) -> io::Result<()> {
    // The state goes first: without it the rest is cleared away at the next start.
    crate::cgroups::ignore_missing(fs::remove_file(directory.join(STATE)))?;
    crate::cgroups::ignore_missing(fs::remove_dir_all(directory))
}
