//! Whether the Pod's sandbox can be kept (upstream's `PodSandboxChanged`).

use k8s_openapi::api::core::v1::Pod;

use crate::containers::spec;
use crate::observed::PodStatus;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    Keep { id: String, attempt: u32 },
    Create { attempt: u32 },
}

pub fn sandbox(pod: &Pod, status: &PodStatus) -> Sandbox {
    let Some(newest) = status.sandboxes.first() else {
        return Sandbox::Create { attempt: 0 };
    };
    let attempt = status.sandboxes.iter().map(|sandbox| sandbox.attempt).max().unwrap_or(0);
    let ready = status.sandboxes.iter().filter(|sandbox| sandbox.is_ready).count();
    let on_host_network = spec(pod).host_network == Some(true);
    let has_address = on_host_network || !newest.ips.is_empty();
    if ready == 1 && newest.is_ready && newest.on_host_network == on_host_network && has_address {
        return Sandbox::Keep { id: newest.id.clone(), attempt };
    }
    Sandbox::Create { attempt: attempt + 1 }
}
