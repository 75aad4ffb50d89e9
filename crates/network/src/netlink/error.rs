//! What can go wrong between us and the kernel's netlink.

use std::io;

/// A failed netlink exchange.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket could not be made, sent on or read from.
    #[error("netlink {step}: {source}")]
    Socket { step: &'static str, source: io::Error },
    /// The kernel refused the request.
    #[error("{operation}: {source}{}", detail(.message))]
    Refused { operation: String, source: io::Error, message: Option<String> },
    /// The kernel's answer was cut off or had an impossible length.
    #[error("{operation}: malformed netlink answer")]
    Malformed { operation: String },
    /// Entering another network namespace failed.
    #[error("enter network namespace {path}: {source}")]
    Namespace { path: String, source: io::Error },
}

impl NetlinkError {
    /// The kernel's errno, where it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { source, .. } | Self::Socket { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Whether the thing asked for is already there.
    pub fn exists(&self) -> bool {
        self.errno() == Some(libc::EEXIST)
    }

    /// Whether the thing to be changed is not there.
    pub fn missing(&self) -> bool {
        matches!(self.errno(), Some(libc::ENOENT | libc::ENODEV | libc::ESRCH | libc::EADDRNOTAVAIL))
    }
}

fn detail(message: &Option<String>) -> String {
    message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}
