//! `runtime.Unknown`: what an object stands in, with its kind.

use super::wire::Reader;
use super::{MAGIC, ProtobufError, text};

/// The fields of `runtime.Unknown`.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    pub api_version: String,
    pub kind: String,
    pub raw: &'a [u8],
    pub content_encoding: String,
    pub content_type: String,
}

impl<'a> Envelope<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        let mut fields = Reader::new(bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?);
        let mut envelope = Envelope::default();
        while let Some((number, wire)) = fields.field()? {
            match number {
                1 => envelope.type_meta(wire.bytes()?)?,
                2 => envelope.raw = wire.bytes()?,
                3 => envelope.content_encoding = text(wire.bytes()?),
                4 => envelope.content_type = text(wire.bytes()?),
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, bytes: &[u8]) -> Result<(), ProtobufError> {
        let mut fields = Reader::new(bytes);
        while let Some((number, wire)) = fields.field()? {
            match number {
                1 => self.api_version = text(wire.bytes()?),
                2 => self.kind = text(wire.bytes()?),
                _ => {}
            }
        }
        Ok(())
    }
}
