//! Protobuf's wire format: tags, varints, lengths. Knows no kinds.

use super::ProtobufError;

/// One field's value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    pub fn varint(self) -> Result<u64, ProtobufError> {
        match self {
            Wire::Varint(number) => Ok(number),
            other => Err(other.mistaken()),
        }
    }

    pub fn bytes(self) -> Result<&'a [u8], ProtobufError> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            other => Err(other.mistaken()),
        }
    }

    pub fn double(self) -> Result<f64, ProtobufError> {
        match self {
            Wire::Fixed64(bits) => Ok(f64::from_bits(bits)),
            other => Err(other.mistaken()),
        }
    }

    fn mistaken(self) -> ProtobufError {
        ProtobufError::WireType(match self {
            Wire::Varint(_) => VARINT,
            Wire::Fixed64(_) => FIXED64,
            Wire::Bytes(_) => BYTES,
            Wire::Fixed32(_) => FIXED32,
        })
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

/// Reads the fields of one message, in the order they were written.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number and value; groups are passed over.
    pub fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, ProtobufError> {
        let mut groups = 0_usize;
        while !self.rest.is_empty() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                GROUP => groups += 1,
                END_GROUP => {
                    groups = groups.checked_sub(1).ok_or(ProtobufError::Malformed("unexpected end of group"))?
                }
                _ => {
                    let wire = self.wire(wire_type)?;
                    if groups == 0 {
                        return Ok(Some((number, wire)));
                    }
                }
            }
        }
        if groups == 0 { Ok(None) } else { Err(TRUNCATED) }
    }

    pub fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(TRUNCATED)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ProtobufError::Malformed("integer overflow"))
    }

    pub fn fixed64(&mut self) -> Result<u64, ProtobufError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn tag(&mut self) -> Result<(u32, u8), ProtobufError> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0);
        Ok((number.ok_or(ProtobufError::Malformed("illegal tag"))?, (tag & 7) as u8))
    }

    fn wire(&mut self, wire_type: u8) -> Result<Wire<'a>, ProtobufError> {
        match wire_type {
            VARINT => Ok(Wire::Varint(self.varint()?)),
            FIXED64 => Ok(Wire::Fixed64(self.fixed64()?)),
            BYTES => {
                let length = usize::try_from(self.varint()?).map_err(|_| TRUNCATED)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
                self.rest = rest;
                Ok(Wire::Bytes(bytes))
            }
            FIXED32 => {
                let (bytes, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
                self.rest = rest;
                Ok(Wire::Fixed32(u32::from_le_bytes(*bytes)))
            }
            _ => Err(ProtobufError::Malformed("illegal wire type")),
        }
    }
}

/// Go's words for a text that ends too early.
const TRUNCATED: ProtobufError = ProtobufError::Malformed("unexpected EOF");

pub(super) fn write_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    tag(number, VARINT, out);
    varint(value, out);
}

pub(super) fn write_double(number: u32, value: f64, out: &mut Vec<u8>) {
    tag(number, FIXED64, out);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

pub(super) fn write_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_length(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// What stands before so many bytes.
pub(super) fn write_length(number: u32, length: usize, out: &mut Vec<u8>) {
    tag(number, BYTES, out);
    varint(length as u64, out);
}

/// A message inside: `write` appends its fields, the length is put in front of them afterwards.
pub(super) fn write_message<E>(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    tag(number, BYTES, out);
    let start = out.len();
    // Most messages are short: one byte is kept for the length.
    out.push(0);
    write(out)?;
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return Ok(());
    }
    let mut prefix = Vec::with_capacity(10);
    varint(length as u64, &mut prefix);
    out.splice(start..=start, prefix);
    Ok(())
}

fn tag(number: u32, wire_type: u8, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | u64::from(wire_type), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
