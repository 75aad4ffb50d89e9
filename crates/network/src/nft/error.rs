//! What can go wrong with a transaction.

use std::io;

use crate::netlink::NetlinkError;

/// A failed exchange with nftables.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The socket failed, or a listing was refused.
    #[error("nftables: {0}")]
    Netlink(#[from] NetlinkError),
    /// The kernel refused a transaction as a whole because of this step; nothing of it was applied.
    #[error("nftables refused to {step}: {source}{}", .message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was refused.
        step: String,
        /// The kernel's errno.
        source: io::Error,
        /// The kernel's words.
        message: Option<String>,
    },
    /// The kernel has no nftables.
    #[error(
        "this kernel has no nf_tables: load the module nf_tables or use a kernel with CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET"
    )]
    Unsupported,
}

impl NftError {
    /// Whether it is there already, with other data.
    pub fn exists(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.raw_os_error() == Some(libc::EEXIST))
    }

    /// Whether what was to be changed is not there (somebody flushed it).
    pub fn missing(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.raw_os_error() == Some(libc::ENOENT))
    }
}
