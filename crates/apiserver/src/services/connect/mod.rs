//! What leads out of the server: logs, exec, attach and port-forward by way of kubelets, and the proxies to nodes, Pods and Services. Upgraded
//! connections (SPDY, WebSocket) are passed through byte by byte: the kubelet speaks both. Only a log over a WebSocket is made here, and the
//! words that end a connection when the server does.

pub(crate) mod forward;
mod frames;
mod joined;
mod log_socket;
mod pods;
mod proxy;
mod target;

#[cfg(test)]
mod tests;

pub use pods::PodConnect;
pub use proxy::Proxy;
