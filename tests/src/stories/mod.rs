//! The list of stories. One file each; each says what it shows.

mod bad_input;
mod clients;
mod control_plane;
mod cronjob_history;
mod custom_resources;
mod disk_limits;
mod first_pod;
mod image_corners;
mod kill_edge;
mod kill_server;
mod kill_supervisor;
mod kubectl_verbs;
mod lost_node;
mod masquerade;
mod operator;
mod rolling_update;
mod scheduling;
mod self_healing;
mod services;
mod streams;
mod two_nodes;
mod uninstall;
mod watch_continuity;
mod workloads;

use std::path::Path;

use anyhow::Result;

/// When a story runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Ci,
    Nightly,
}

/// One end-to-end story.
pub struct Story {
    pub name: &'static str,
    pub shows: &'static str,
    pub tier: Tier,
    pub deadline_seconds: u64,
    /// Runs inside the story's namespaces, with a folder of its own.
    pub run: fn(&Path) -> Result<()>,
}

/// All stories, in the order they run.
pub const ALL: &[Story] = &[
    control_plane::STORY,
    bad_input::STORY,
    custom_resources::STORY,
    first_pod::STORY,
    image_corners::STORY,
    workloads::STORY,
    services::STORY,
    streams::STORY,
    scheduling::STORY,
    self_healing::STORY,
    rolling_update::STORY,
    uninstall::STORY,
    kill_server::STORY,
    watch_continuity::STORY,
    kill_supervisor::STORY,
    kill_edge::STORY,
    kubectl_verbs::STORY,
    kubectl_verbs::OWN,
    cronjob_history::STORY,
    disk_limits::STORY,
    two_nodes::STORY,
    two_nodes::SEGMENTS,
    masquerade::STORY,
    lost_node::STORY,
    kill_server::OFTEN,
    watch_continuity::OFTEN,
    clients::HELM_3,
    clients::HELM_4,
    clients::KUSTOMIZE,
    clients::KUBE_CONTROLLER,
    clients::PYTHON,
    clients::JAVASCRIPT,
    operator::STORY,
];

/// A story by name.
pub fn find(name: &str) -> Option<&'static Story> {
    ALL.iter().find(|story| story.name == name)
}
