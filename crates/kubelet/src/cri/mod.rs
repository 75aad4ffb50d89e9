//! The container runtime interface as generated code: messages, client and server.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1;
