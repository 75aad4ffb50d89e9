//! What the worker's tests run against: a container runtime in memory behind a real unix socket, and an API server in memory.

pub mod api;
pub mod cri;
pub mod grpc;
pub mod node;
