//! The container runtime interface: the connection to the runtime's socket, and what a status is.

pub mod client;
pub mod status;

pub use ::cri::v1;
