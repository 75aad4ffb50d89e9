//! What this room leaves outside the data dir is first told to the node's ledger; uninstall and crash recovery read that list and undo it here.

use std::io;

use crate::netlink::NetlinkError;
use crate::nft::{self, NftError};
use crate::rtnl::Rtnl;
use crate::sysctl;

/// A kind of thing we make on the host; its text is what the ledger stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A link; id = name. Its addresses, neighbours and routes go with it.
    Link,
    /// A route by a link that is not ours; id = destination prefix.
    Route,
    /// A kernel setting; id = `net/ipv4/ip_forward=0`, with its former value.
    Sysctl,
    /// The nftables table; id = `inet oxkube`.
    Table,
    /// A tagged rule in somebody else's chain; id = `family table chain`.
    Rule,
}

impl Made {
    /// The ledger's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Route => "route",
            Self::Sysctl => "sysctl",
            Self::Table => "nft-table",
            Self::Rule => "nft-rule",
        }
    }

    /// Reads the ledger's word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Link, Self::Route, Self::Sysctl, Self::Table, Self::Rule].into_iter().find(|made| made.as_str() == word)
    }
}

/// The node's ledger as this room sees it. Recording twice is recording once.
pub trait Ledger: Send + Sync {
    /// Written durably before the thing is made.
    fn record(&self, kind: &'static str, id: &str) -> io::Result<()>;
    /// Written after the thing is gone.
    fn forget(&self, kind: &'static str, id: &str) -> io::Result<()>;
}

/// Why something could not be undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// nftables refused.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// A setting could not be written back.
    #[error("restore {id}: {source}")]
    Sysctl { id: String, source: io::Error },
    /// The ledger holds an entry that this room did not write.
    #[error("malformed ledger entry {kind} {id}")]
    Malformed { kind: &'static str, id: String },
}

/// Undoes one entry of the ledger, in the current namespace; what is gone already is no error.
pub fn undo(made: Made, id: &str) -> Result<(), UndoError> {
    let malformed = || UndoError::Malformed { kind: made.as_str(), id: id.to_owned() };
    match made {
        Made::Link => Rtnl::open()?.delete_link(id)?,
        Made::Route => undo_route(id)?,
        Made::Sysctl => {
            let (path, value) = id.split_once('=').ok_or_else(malformed)?;
            match sysctl::write(path, value) {
                Err(source) if source.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome.map_err(|source| UndoError::Sysctl { id: id.to_owned(), source })?,
            }
        }
        Made::Table => nft::Connection::open()?.delete_table(id)?,
        Made::Rule => nft::Connection::open()?.delete_tagged_rules(id)?,
    }
    Ok(())
}

fn undo_route(id: &str) -> Result<(), UndoError> {
    let malformed = || UndoError::Malformed { kind: Made::Route.as_str(), id: id.to_owned() };
    let destination = id.parse().map_err(|_| malformed())?;
    let mut rtnl = Rtnl::open()?;
    for (route, ours) in rtnl.routes()? {
        if ours && route.destination == destination {
            rtnl.delete_route(&route)?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod memory {
    //! A ledger in memory, for tests.

    use std::collections::BTreeSet;
    use std::io;

    use parking_lot::Mutex;

    use super::Ledger;

    /// Entries as `kind id`.
    #[derive(Default)]
    pub struct MemoryLedger(pub Mutex<BTreeSet<String>>);

    impl Ledger for MemoryLedger {
        fn record(&self, kind: &'static str, id: &str) -> io::Result<()> {
            self.0.lock().insert(format!("{kind} {id}"));
            Ok(())
        }

        fn forget(&self, kind: &'static str, id: &str) -> io::Result<()> {
            self.0.lock().remove(&format!("{kind} {id}"));
            Ok(())
        }
    }
}
