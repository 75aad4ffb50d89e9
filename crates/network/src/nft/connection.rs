//! A connection to nftables: transactions and their errors.

use std::io;

use super::batch::{Batch, TableId};
use super::constants::*;
use super::error::NftError;
use crate::netlink::{NetlinkError, Socket};

/// An open connection, bound to the namespace of the thread that opened it.
pub struct Connection {
    pub(super) socket: Socket,
    sequence: u32,
}

impl Connection {
    /// Opens a connection in the current namespace.
    pub fn open() -> Result<Self, NftError> {
        let socket = Socket::netfilter()?;
        socket.enlarge_buffers()?;
        Ok(Self { socket, sequence: 1 })
    }

    /// This connection's port id, which events name as their cause.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// An empty transaction on a table.
    pub fn batch(&self, table: &TableId) -> Batch {
        Batch::new(table.clone(), self.sequence)
    }

    /// Applies a transaction: all of it or nothing.
    pub fn commit(&mut self, batch: Batch) -> Result<(), NftError> {
        if batch.is_empty() {
            return Ok(());
        }
        let (bytes, last, steps) = batch.finish();
        let first = self.sequence;
        self.sequence = last.wrapping_add(2);
        self.socket.send(&bytes)?;
        let mut failure = None;
        loop {
            for message in self.socket.receive()? {
                let Some((errno, text)) = message.error() else { continue };
                let index = message.sequence.wrapping_sub(first);
                if index > last.wrapping_sub(first).wrapping_add(1) {
                    continue;
                }
                if errno != 0 && failure.is_none() {
                    failure = Some(refusal(index, &steps, errno, text));
                }
                let whole_batch = errno != 0 && index == 0;
                if message.sequence == last || whole_batch {
                    return failure.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Deletes a table; `id` is `family name` as the ledger has it. One that is not there is no error.
    pub fn delete_table(&mut self, id: &str) -> Result<(), NftError> {
        let table = TableId::parse(id)
            .ok_or_else(|| NetlinkError::Malformed { operation: format!("read table name {id:?}") })?;
        let mut batch = self.batch(&table);
        batch.delete_table();
        match self.commit(batch) {
            Err(error) if error.missing() => Ok(()),
            outcome => outcome,
        }
    }
}

impl TableId {
    /// Reads `inet oxkube`.
    pub fn parse(text: &str) -> Option<Self> {
        let (family, name) = text.split_once(' ')?;
        let family = match family {
            "inet" => FAMILY_INET,
            "ip" => FAMILY_IPV4,
            "ip6" => FAMILY_IPV6,
            _ => return None,
        };
        Some(Self { family, name: name.to_owned() })
    }
}

impl std::fmt::Display for TableId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let family = match self.family {
            FAMILY_IPV4 => "ip",
            FAMILY_IPV6 => "ip6",
            _ => "inet",
        };
        write!(f, "{family} {}", self.name)
    }
}

fn refusal(index: u32, steps: &[String], errno: i32, message: Option<String>) -> NftError {
    let whole = "begin a transaction".to_owned();
    let step = index.checked_sub(1).and_then(|at| steps.get(at as usize)).cloned().unwrap_or(whole);
    if index == 0 && matches!(errno, libc::EOPNOTSUPP | libc::EPROTONOSUPPORT) {
        return NftError::Unsupported;
    }
    NftError::Refused { step, source: io::Error::from_raw_os_error(errno), message }
}
