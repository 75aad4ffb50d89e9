//! What leads out of the server: logs, exec, attach and port-forward by way of kubelets, and the proxies to nodes, Pods and Services. Upgraded
//! connections (SPDY, WebSocket) are passed through byte by byte: the kubelet speaks both.

mod forward;
mod pods;
mod proxy;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use forward::forward;
pub use pods::PodConnect;
pub use proxy::Proxy;
