//! Events of nftables: somebody changed or flushed something.

use super::constants::*;
use super::error::NftError;
use crate::netlink::{Events, Message, Socket};

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
    events: Events,
}

impl Monitor {
    /// Subscribes in the current namespace; must be called within a tokio runtime.
    pub fn open() -> Result<Self, NftError> {
        Ok(Self { events: Events::open(Socket::netfilter()?, &[NFNLGRP_NFTABLES])? })
    }

    /// Waits for the next changes; elements coming and going by timeout are left out.
    pub async fn next(&mut self) -> Result<Vec<Change>, NftError> {
        let messages = self.events.next().await?;
        Ok(messages.map_or_else(|| vec![Change::Overrun], |messages| messages.iter().filter_map(change).collect()))
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
