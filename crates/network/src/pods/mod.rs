//! Pod networking: each sandbox gets a veth, a /32 (/128) address, a gateway that is a fixed neighbour, and one host route. No bridge.

mod host_ports;
mod lease;
mod net;
mod pool;
mod wiring;

pub use lease::{HostPort, Lease, replace_file};
pub use net::{Config, PodNet, Sandbox};
pub use pool::node_address;

#[cfg(test)]
mod tests;
