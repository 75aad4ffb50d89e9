//! Elements of sets and maps: keys as the bytes of their fields, each padded to four.

use std::net::IpAddr;

use super::constants::*;
use super::expression::Verdict;
use crate::netlink::{Attributes, Writer};

/// A key, or data that is not a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<u8>);

impl Key {
    /// An empty key to append fields to.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an address.
    pub fn ip(mut self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.0.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => self.0.extend_from_slice(&address.octets()),
        }
        self
    }

    /// Appends a transport protocol number.
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.0.extend_from_slice(&[protocol, 0, 0, 0]);
        self
    }

    /// Appends a port.
    pub fn port(mut self, port: u16) -> Self {
        let port = port.to_be_bytes();
        self.0.extend_from_slice(&[port[0], port[1], 0, 0]);
        self
    }

    /// Appends a number in the host's order (marks and slots).
    pub fn mark(mut self, mark: u32) -> Self {
        self.0.extend_from_slice(&mark.to_ne_bytes());
        self
    }
}

/// What a map holds for a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing: the set is no map.
    None,
    /// Data.
    Data(Key),
    /// Where the packet goes.
    Verdict(Verdict),
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// Its key, or the lower end of its range.
    pub key: Key,
    /// The upper end of its range, in interval sets.
    pub end: Option<Key>,
    /// Its data.
    pub value: Value,
    /// In dynamic sets: its whole and its remaining life, in milliseconds.
    pub life: Option<(u64, u64)>,
}

impl Element {
    /// An element of a map or plain set.
    pub fn new(key: Key, value: Value) -> Self {
        Self { key, end: None, value, life: None }
    }

    /// Writes it as a list element; deletions leave the value out.
    pub fn encode(&self, with_value: bool, writer: &mut Writer) {
        writer.nest(NFTA_LIST_ELEM, |w| {
            w.nest(NFTA_SET_ELEM_KEY, |w| w.attribute(NFTA_DATA_VALUE, &self.key.0));
            if let Some(end) = &self.end {
                w.nest(NFTA_SET_ELEM_KEY_END, |w| w.attribute(NFTA_DATA_VALUE, &end.0));
            }
            if with_value {
                self.value.encode(NFTA_SET_ELEM_DATA, w);
                if let Some((whole, remaining)) = self.life {
                    w.be64(NFTA_SET_ELEM_TIMEOUT, whole);
                    w.be64(NFTA_SET_ELEM_EXPIRATION, remaining);
                }
            }
        });
    }

    /// Reads an element with plain data back.
    pub fn decode(attributes: Attributes<'_>) -> Option<Self> {
        let bytes = |kind| Some(Key(attributes.nested(kind)?.find(NFTA_DATA_VALUE)?.to_vec()));
        let number = |kind| attributes.find(kind)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let value = bytes(NFTA_SET_ELEM_DATA).map_or(Value::None, Value::Data);
        let life = number(NFTA_SET_ELEM_TIMEOUT).zip(number(NFTA_SET_ELEM_EXPIRATION));
        Some(Self { key: bytes(NFTA_SET_ELEM_KEY)?, end: bytes(NFTA_SET_ELEM_KEY_END), value, life })
    }
}

impl Value {
    /// Writes it as an attribute of that kind.
    pub fn encode(&self, kind: u16, writer: &mut Writer) {
        match self {
            Self::None => {}
            Self::Data(key) => writer.nest(kind, |w| w.attribute(NFTA_DATA_VALUE, &key.0)),
            Self::Verdict(verdict) => writer.nest(kind, |w| {
                w.nest(NFTA_DATA_VERDICT, |w| {
                    w.be32(NFTA_VERDICT_CODE, verdict.code() as u32);
                    if let Verdict::Jump(chain) | Verdict::Goto(chain) = verdict {
                        w.text(NFTA_VERDICT_CHAIN, chain);
                    }
                });
            }),
        }
    }
}
