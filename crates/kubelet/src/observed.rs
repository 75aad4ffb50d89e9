//! What the runtime says of a Pod: its sandboxes and containers, newest first. Plain data; `cri_status` makes it.

use jiff::Timestamp;

use crate::cri::v1::LinuxContainerResources;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    Created,
    Running,
    Exited,
    Unknown,
}

impl ContainerState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Unknown => "unknown",
        }
    }
}

/// User and groups of a container's first process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: i64,
    pub gid: i64,
    pub supplemental_groups: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ContainerStatus {
    pub id: String,
    pub sandbox_id: String,
    pub name: String,
    pub state: ContainerState,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit_code: i32,
    pub image: String,
    pub image_ref: String,
    pub reason: String,
    pub message: String,
    pub hash: u64,
    pub restart_count: i32,
    pub log_path: String,
    pub user: Option<User>,
    pub resources: Option<LinuxContainerResources>,
}

impl ContainerStatus {
    pub fn is_running(&self) -> bool {
        self.state == ContainerState::Running
    }

    /// An init container that ended badly, or of which nothing is known.
    pub fn has_failed(&self) -> bool {
        match self.state {
            ContainerState::Exited => self.exit_code != 0,
            ContainerState::Unknown => true,
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxStatus {
    pub id: String,
    pub attempt: u32,
    pub is_ready: bool,
    pub created_at: Timestamp,
    pub on_host_network: bool,
    pub ips: Vec<String>,
}

/// Everything the runtime has of one Pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodStatus {
    pub uid: String,
    pub sandboxes: Vec<SandboxStatus>,
    pub containers: Vec<ContainerStatus>,
}

impl PodStatus {
    /// The newest instance of a container.
    pub fn container(&self, name: &str) -> Option<&ContainerStatus> {
        self.containers.iter().find(|status| status.name == name)
    }

    pub fn by_id(&self, id: &str) -> Option<&ContainerStatus> {
        self.containers.iter().find(|status| status.id == id)
    }

    pub fn running(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.containers.iter().filter(|status| status.is_running())
    }

    /// The addresses of the newest sandbox while it is ready.
    pub fn ips(&self) -> &[String] {
        self.sandboxes.first().filter(|sandbox| sandbox.is_ready).map_or(&[], |sandbox| &sandbox.ips)
    }

    /// Sorts newest first, as every reader expects.
    pub fn sort(&mut self) {
        self.sandboxes.sort_by_key(|sandbox| std::cmp::Reverse((sandbox.created_at, sandbox.attempt)));
        self.containers.sort_by_key(|status| std::cmp::Reverse((status.created_at, status.restart_count)));
    }
}
