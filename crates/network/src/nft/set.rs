//! Sets and maps: their key and data types and flags.

use super::constants::*;
use crate::netlink::Writer;

/// The type of one field of a key or of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// Transport protocol.
    Protocol,
    /// Port.
    Port,
    /// A 32-bit number in the host's order.
    Mark,
}

/// What a map maps to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetData {
    /// Verdicts.
    Verdict,
    /// These fields, concatenated.
    Fields(Vec<Field>),
}

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// The fields of its key.
    pub key: Vec<Field>,
    /// For maps: the data.
    pub data: Option<SetData>,
    /// Elements are ranges.
    pub interval: bool,
    /// Changed by the packet path, elements time out.
    pub dynamic: bool,
    /// Most elements, for dynamic sets.
    pub size: Option<u32>,
}

impl Set {
    /// A plain set or map.
    pub fn new(name: &str, key: &[Field], data: Option<SetData>) -> Self {
        Self { name: name.to_owned(), key: key.to_vec(), data, interval: false, dynamic: false, size: None }
    }

    /// With ranges as elements.
    pub fn interval(self) -> Self {
        Self { interval: true, ..self }
    }

    /// Filled by the packet path, at most `size` elements that time out.
    pub fn dynamic(self, size: u32) -> Self {
        Self { dynamic: true, size: Some(size), ..self }
    }

    /// Writes the attributes of its creation.
    pub fn encode(&self, table: &str, id: u32, w: &mut Writer) {
        w.text(NFTA_SET_TABLE, table);
        w.text(NFTA_SET_NAME, &self.name);
        w.be32(NFTA_SET_FLAGS, self.flags());
        w.be32(NFTA_SET_KEY_TYPE, type_number(&self.key));
        w.be32(NFTA_SET_KEY_LEN, length(&self.key));
        w.be32(NFTA_SET_ID, id);
        match &self.data {
            None => {}
            Some(SetData::Verdict) => {
                w.be32(NFTA_SET_DATA_TYPE, DATA_VERDICT);
                w.be32(NFTA_SET_DATA_LEN, 0);
            }
            Some(SetData::Fields(fields)) => {
                w.be32(NFTA_SET_DATA_TYPE, type_number(fields));
                w.be32(NFTA_SET_DATA_LEN, length(fields));
            }
        }
        w.nest(NFTA_SET_DESC, |w| self.encode_description(w));
    }

    fn encode_description(&self, w: &mut Writer) {
        if let Some(size) = self.size {
            w.be32(NFTA_SET_DESC_SIZE, size);
        }
        if self.key.len() > 1 {
            w.nest(NFTA_SET_DESC_CONCAT, |w| {
                for field in &self.key {
                    w.nest(NFTA_LIST_ELEM, |w| w.be32(NFTA_SET_FIELD_LEN, field.length()));
                }
            });
        }
    }

    fn flags(&self) -> u32 {
        let mut flags = 0;
        if self.data.is_some() {
            flags |= SET_MAP;
        }
        if self.interval {
            flags |= SET_INTERVAL;
        }
        if self.key.len() > 1 {
            flags |= SET_CONCAT;
        }
        if self.dynamic {
            flags |= SET_TIMEOUT | SET_EVAL;
        }
        flags
    }
}

impl Field {
    /// The number nft knows the type by.
    fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::Mark => 19,
        }
    }

    fn length(self) -> u32 {
        match self {
            Self::Ipv4 | Self::Mark => 4,
            Self::Ipv6 => 16,
            Self::Protocol => 1,
            Self::Port => 2,
        }
    }
}

/// nft packs the types of a concatenation, six bits each.
fn type_number(fields: &[Field]) -> u32 {
    fields.iter().fold(0, |number, field| number << 6 | field.number())
}

/// A lone field has its own length; concatenated fields are padded to registers.
fn length(fields: &[Field]) -> u32 {
    match fields {
        [field] => field.length(),
        fields => fields.iter().map(|field| field.length().next_multiple_of(4)).sum(),
    }
}
