//! What every Pod's worker shares: the runtime, the API, volumes, images, the node's facts.

use std::sync::Arc;

use api::env::Env;
use client::events::Recorder;
use client::{Informer, Rest};
use k8s_openapi::api::core::v1::Service;
use parking_lot::RwLock;

use crate::admission::gate::Gate;
use crate::config::Config;
use crate::cri::client::Cri;
use crate::env::resource::Allocatable;
use crate::images::Images;
use crate::resources::cgroup::Cgroups;
use crate::resources::linux::Machine;
use crate::status::writer::StatusWriter;
use crate::volumes::Volumes;

pub struct Context {
    pub config: Config,
    pub env: Env,
    pub cri: Cri,
    pub rest: Rest,
    pub recorder: Recorder,
    pub volumes: Volumes,
    pub images: Arc<Images>,
    pub cgroups: Option<Cgroups>,
    pub status: StatusWriter,
    pub services: Informer<Service>,
    /// `oxkube`, `containerd`: the scheme of container ids in statuses.
    pub runtime_name: String,
    pub machine: Machine,
    pub allocatable: RwLock<Arc<Allocatable>>,
    pub gate: Gate,
}

impl Context {
    pub fn allocatable(&self) -> Arc<Allocatable> {
        self.allocatable.read().clone()
    }

    /// The cgroup parent of a Pod; empty leaves it to the runtime.
    pub fn cgroup_parent(&self, pod: &k8s_openapi::api::core::v1::Pod) -> String {
        self.cgroups.as_ref().map(|cgroups| cgroups.pod_path(pod)).unwrap_or_default()
    }
}
