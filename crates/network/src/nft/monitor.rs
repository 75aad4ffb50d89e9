//! Events of nftables: somebody changed or flushed something.

use tokio::io::unix::AsyncFd;

use super::constants::*;
use super::error::NftError;
use crate::netlink::{Message, NetlinkError, Socket};

/// A change by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A table, or a chain, rule, set or element in it, was deleted.
    Deleted { family: u8, table: String, by: u32 },
    /// A chain or a rule was added.
    Added { family: u8, table: String, by: u32 },
    /// More happened than the socket could hold: look at everything.
    Overrun,
}

/// A subscription, bound to the namespace of the thread that opened it.
pub struct Monitor {
    socket: AsyncFd<Socket>,
}

impl Monitor {
    /// Subscribes in the current namespace; must be called within a tokio runtime.
    pub fn open() -> Result<Self, NftError> {
        let socket = Socket::netfilter()?;
        socket.enlarge_buffers()?;
        socket.subscribe(NFNLGRP_NFTABLES)?;
        // SAFETY: the socket owns its descriptor and keeps the same one until it is dropped, which is after its registration.
        let registered = unsafe { AsyncFd::register(socket) };
        let socket = registered.map_err(|error| NetlinkError::Socket { step: "register", source: error.into() })?;
        Ok(Self { socket })
    }

    /// Waits for the next changes; elements coming and going by timeout are left out.
    pub async fn next(&mut self) -> Result<Vec<Change>, NftError> {
        loop {
            let mut ready = self.socket.readable().await.map_err(|source| NetlinkError::Socket { step: "wait", source })?;
            match ready.get_inner().try_receive() {
                Ok(messages) => return Ok(messages.iter().filter_map(change).collect()),
                Err(error) if error.errno() == Some(libc::EAGAIN) => ready.clear_ready(),
                Err(error) if error.errno() == Some(libc::ENOBUFS) => return Ok(vec![Change::Overrun]),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// In all these messages the first attribute is the table's name.
fn change(event: &Message) -> Option<Change> {
    const TABLE: u16 = 1;
    let family = *event.body.first()?;
    let table = event.attributes(HEADER).text(TABLE)?.to_owned();
    let by = event.port;
    match event.kind.checked_sub(message(0))? {
        MSG_DELTABLE | MSG_DELCHAIN | MSG_DELRULE | MSG_DELSET => Some(Change::Deleted { family, table, by }),
        // Timeouts of elements come with port 0: the kernel's own doing.
        MSG_DELSETELEM if by != 0 => Some(Change::Deleted { family, table, by }),
        MSG_NEWTABLE | MSG_NEWCHAIN | MSG_NEWRULE => Some(Change::Added { family, table, by }),
        _ => None,
    }
}
