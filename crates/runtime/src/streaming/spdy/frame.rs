//! Frames (SPDY/3.1, section 2.2): their bytes and back. Pure.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const HEAD: usize = 8;
/// Longer frames end the connection; Go's clients send at most 32 KiB.
const LENGTH_MAX: usize = 1 << 20;
const VERSION: u16 = 0x8003;
const FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const HEADERS: u16 = 8;

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Open {
        stream: u32,
        end: bool,
        block: Bytes,
    },
    Headers {
        stream: u32,
        end: bool,
        block: Bytes,
    },
    Data {
        stream: u32,
        end: bool,
        bytes: Bytes,
    },
    Reset {
        stream: u32,
    },
    Ping(u32),
    /// SETTINGS, GOAWAY, WINDOW_UPDATE: nothing to do.
    Other,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("SPDY frame: {0}")]
pub struct FrameError(&'static str);

/// Takes the first frame of the buffer; none while it is not whole.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(head) = buffer.first_chunk::<HEAD>() else { return Ok(None) };
    let length = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
    if length > LENGTH_MAX {
        return Err(FrameError("is too long"));
    }
    if buffer.len() < HEAD + length {
        return Ok(None);
    }
    let mut frame = buffer.split_to(HEAD + length).freeze();
    let first = frame.get_u32();
    let end = frame.get_u8() & FIN != 0;
    frame.advance(3);
    if first >> 31 == 0 {
        return Ok(Some(Frame::Data { stream: first, end, bytes: frame }));
    }
    if (first >> 16) as u16 != VERSION {
        return Err(FrameError("is not of version 3"));
    }
    control((first & 0xffff) as u16, end, frame).map(Some)
}

fn control(kind: u16, end: bool, mut body: Bytes) -> Result<Frame, FrameError> {
    let least = match kind {
        SYN_STREAM => 10,
        RST_STREAM => 8,
        HEADERS | PING => 4,
        _ => return Ok(Frame::Other),
    };
    if body.len() < least {
        return Err(FrameError("is cut short"));
    }
    let number = body.get_u32();
    let stream = number & 0x7fff_ffff;
    Ok(match kind {
        SYN_STREAM => {
            // The stream it belongs to, its priority and its slot are of no matter.
            body.advance(6);
            Frame::Open { stream, end, block: body }
        }
        RST_STREAM => Frame::Reset { stream },
        PING => Frame::Ping(number),
        _ => Frame::Headers { stream, end, block: body },
    })
}

fn head(kind: u16, flags: u8, length: usize, to: &mut BytesMut) {
    to.put_u16(VERSION);
    to.put_u16(kind);
    to.put_u8(flags);
    to.put_uint(length as u64, 3);
}

pub fn put_data(stream: u32, bytes: &[u8], end: bool, to: &mut BytesMut) {
    to.put_u32(stream);
    to.put_u8(if end { FIN } else { 0 });
    to.put_uint(bytes.len() as u64, 3);
    to.put_slice(bytes);
}

pub fn put_reply(stream: u32, block: &[u8], to: &mut BytesMut) {
    head(SYN_REPLY, 0, 4 + block.len(), to);
    to.put_u32(stream);
    to.put_slice(block);
}

pub fn put_ping(id: u32, to: &mut BytesMut) {
    head(PING, 0, 4, to);
    to.put_u32(id);
}

/// What clients send; for tests.
#[cfg(test)]
pub fn put_open(stream: u32, block: &[u8], to: &mut BytesMut) {
    head(SYN_STREAM, 0, 10 + block.len(), to);
    to.put_u32(stream);
    to.put_slice(&[0; 6]);
    to.put_slice(block);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_their_bytes() {
        let mut bytes = BytesMut::new();
        put_open(1, b"block", &mut bytes);
        put_data(1, b"hello", true, &mut bytes);
        put_ping(7, &mut bytes);
        // WINDOW_UPDATE of stream 1, as the specification draws it.
        bytes.put_slice(&[0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 1, 0]);
        bytes.put_slice(&[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 5]);
        let mut frames = Vec::new();
        let mut arrived = BytesMut::new();
        // However the bytes are cut, the frames are the same.
        for byte in bytes {
            arrived.put_u8(byte);
            frames.extend(take(&mut arrived).unwrap());
        }
        let wanted = [
            Frame::Open { stream: 1, end: false, block: Bytes::from_static(b"block") },
            Frame::Data { stream: 1, end: true, bytes: Bytes::from_static(b"hello") },
            Frame::Ping(7),
            Frame::Other,
            Frame::Reset { stream: 1 },
        ];
        assert_eq!(frames, wanted);
    }

    #[test]
    fn wrong_frames_are_refused() {
        for wrong in
            [&[0x80, 2, 0, 1, 0, 0, 0, 0][..], &[0, 0, 0, 1, 0, 0xff, 0xff, 0xff], &[0x80, 3, 0, 1, 0, 0, 0, 0]]
        {
            assert!(take(&mut BytesMut::from(wrong)).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut buffer) {}
        }
    }
}
