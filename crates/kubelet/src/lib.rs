//! The kubelet: Pods to containers over CRI, volumes, probes, status, streaming. Speaks only CRI to containers.

pub mod actions;
pub mod backoff;
pub mod config;
pub mod container_config;
pub mod containers;
pub mod cri;
pub mod dns;
pub mod env;
pub mod error;
pub mod hash;
pub mod hostname;
pub mod image_reference;
pub mod images;
pub mod labels;
pub mod lifecycle;
pub mod logs;
pub mod objects;
pub mod observed;
pub mod probes;
pub mod pull_secrets;
pub mod qos;
pub mod resources;
pub mod sandbox_config;
pub mod security;
pub mod status;
pub mod volumes;
