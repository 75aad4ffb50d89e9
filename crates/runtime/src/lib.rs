//! The container runtime: CRI v1 over a unix socket, images, sandboxes, containers, their supervisor. Knows no Kubernetes API types.

mod atomic_file;
pub mod cgroups;
pub mod cri;
pub mod images;
mod seccomp;
pub mod spec;
pub mod supervisor;
