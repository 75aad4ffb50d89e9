//! The kubelet: Pods to containers over CRI, volumes, probes, status, streaming. Speaks only CRI to containers.

pub mod cri;
