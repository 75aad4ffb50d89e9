//! What leads out of the server: logs, exec, attach and port-forward by way of kubelets, and the proxies to nodes, Pods and Services. Upgraded
//! connections (SPDY, WebSocket) are passed through byte by byte: the kubelet speaks both. Only a log over a WebSocket is made here.

pub(crate) mod forward;
mod log_socket;
mod pods;
mod proxy;
mod target;

#[cfg(test)]
mod tests;

pub use pods::PodConnect;
pub use proxy::Proxy;
