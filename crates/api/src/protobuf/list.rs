//! Lists, written around the messages of their items: those are made and kept elsewhere and need not be in one place.

use serde_json::{Value, json};

use super::wire::write_length;
use super::{ENVELOPE_END, ProtobufError, encode, type_of};
use crate::schema::table;

/// What stands before, between and after the items of one list.
pub struct ListFrame {
    /// The envelope up to the first item.
    pub head: Vec<u8>,
    item: u32,
}

impl ListFrame {
    /// After the last item.
    pub const TAIL: &'static [u8] = ENVELOPE_END;

    /// The frame of a list whose items' messages have these lengths.
    pub fn new(
        api_version: &str,
        kind: &str,
        metadata: Value,
        lengths: impl Iterator<Item = usize>,
    ) -> Result<Self, ProtobufError> {
        let items = table().get(type_of(api_version, kind)?).field("items").map(|field| field.numbers.as_slice());
        let Some(&[item]) = items else { return Err(ProtobufError::Malformed("a list without items")) };
        let mut frame = Self { head: Vec::new(), item };
        let empty = encode::message_of(&json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}))?;
        let all: usize = lengths.map(|length| frame.before(length).len() + length).sum();
        frame.head = encode::envelope_head(api_version, kind, empty.len() + all);
        frame.head.extend_from_slice(&empty);
        Ok(frame)
    }

    /// Before an item whose message has this length.
    pub fn before(&self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(8);
        write_length(self.item, length, &mut out);
        out
    }
}
