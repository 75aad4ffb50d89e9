//! The container runtime interface, version v1, as generated code: messages, client and server. What kubelet and runtime both speak.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1;

#[cfg(test)]
mod generated;
