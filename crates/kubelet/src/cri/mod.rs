//! The container runtime interface: generated messages and clients, and the connection to the runtime's socket.

pub mod client;
pub mod status;
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1;
