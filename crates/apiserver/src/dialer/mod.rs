//! The one way out: whatever the server connects to (kubelets, Pods, Services, webhooks, extension servers) is dialled here, directly
//! or through the tunnel of an agent.

mod call;
mod clients;
mod dial;
mod endpoint;
mod link;
mod target;
mod trust;
mod tunnel;

#[cfg(test)]
mod tests;

pub(crate) use call::CallError;
pub(crate) use clients::Clients;
#[cfg(test)]
pub use dial::DialError;
pub use dial::{Dialer, Endpoint, Stream, TcpDialer};
pub(crate) use endpoint::Resolver;
pub(crate) use link::{LinkError, dial_tls};
pub(crate) use target::{Address, ServiceReference, Target};
pub(crate) use trust::Trust;
pub(crate) use tunnel::Tunnels;
