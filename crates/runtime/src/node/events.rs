//! CRI's events: what happened to containers and sandboxes, with how they stand.

use crate::cri::v1::{ContainerEventResponse, ContainerEventType};
use crate::supervisor::clock::now_ns;

use super::records::{Container, Sandbox};
use super::{Node, views};

impl Node {
    pub(super) fn container_event(&self, container: &Container, kind: ContainerEventType) {
        let sandbox = self.records.sandbox(&container.sandbox_id).ok();
        self.event(&container.id, kind, sandbox.as_deref());
    }

    pub(super) fn sandbox_event(&self, sandbox: &Sandbox, kind: ContainerEventType) {
        self.event(&sandbox.id, kind, Some(sandbox));
    }

    fn event(&self, id: &str, kind: ContainerEventType, sandbox: Option<&Sandbox>) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let containers = sandbox.map(|sandbox| self.records.containers_of(&sandbox.id)).unwrap_or_default();
        let event = ContainerEventResponse {
            container_id: id.to_owned(),
            container_event_type: kind.into(),
            created_at: now_ns(),
            pod_sandbox_status: sandbox.map(views::sandbox_status),
            containers_statuses: containers.iter().map(|container| self.container_status(container)).collect(),
        };
        // The last listener may have gone since it was counted.
        let (Ok(_) | Err(_)) = self.events.send(event);
    }
}
