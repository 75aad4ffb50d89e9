//! Exec, attach and port-forward for clients: a server on the loopback device that hands out one-time addresses.

use crate::cri::v1::{AttachRequest, ExecRequest, PortForwardRequest};
use crate::error::RuntimeError;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Streaming {}

impl Streaming {
    pub async fn start(_: crate::node::Node) -> Result<Self, RuntimeError> {
        Ok(Self {})
    }

    pub fn exec_url(&self, _: ExecRequest) -> Result<String, RuntimeError> {
        Err(RuntimeError::Unimplemented("exec streams are not supported yet".to_owned()))
    }

    pub fn attach_url(&self, _: AttachRequest) -> Result<String, RuntimeError> {
        Err(RuntimeError::Unimplemented("attach streams are not supported yet".to_owned()))
    }

    pub fn port_forward_url(&self, _: PortForwardRequest) -> Result<String, RuntimeError> {
        Err(RuntimeError::Unimplemented("port forwarding is not supported yet".to_owned()))
    }
}
