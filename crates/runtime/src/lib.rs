//! The container runtime: CRI v1 over a unix socket, images, sandboxes, containers, their supervisor. Knows no Kubernetes API types.

pub mod cri;
mod durable;
pub mod images;
