//! The kubelet: Pods to containers over CRI, volumes, probes, status, streaming. Speaks only CRI to containers.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

pub mod actions;
pub mod admission;
pub mod backoff;
pub mod config;
pub mod container_config;
pub mod containers;
pub mod context;
pub mod cri;
pub mod disk_limits;
pub mod dns;
pub mod env;
pub mod error;
pub mod figures;
pub mod hash;
pub mod hostname;
pub mod image_reference;
pub mod images;
mod kubelet;
pub mod labels;
pub mod lifecycle;
pub mod logs;
pub mod node;
pub mod objects;
pub mod observed;
mod orphans;
pub mod pods;
pub mod probes;
pub mod pull_secrets;
pub mod qos;
pub mod resize;
pub mod resources;
mod runtime_events;
pub mod sandbox_config;
pub mod security;
pub mod server;
pub mod status;
#[cfg(test)]
mod tests;
pub mod volumes;
pub mod worker;

pub use config::{BeforeTerminate, Config, Ledger, NoLedger, Registration, Serving};
pub use error::{Error, Result};
pub use kubelet::Kubelet;
pub use server::ServingCertificate;
