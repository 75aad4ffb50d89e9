//! Where the frames of an upgraded connection end, and the frame that ends it: so that a connection which is passed through can be closed in
//! its own words. WebSockets (RFC 6455, section 5) and SPDY/3.1 (section 2.2). Pure.

use http::{HeaderMap, header};

const WHY: &[u8] = b"the server is shutting down";
/// RFC 6455: an endpoint is going away.
const GOING_AWAY: [u8; 2] = 1001_u16.to_be_bytes();

/// What is spoken after the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    WebSocket,
    Spdy,
    /// One without frames that are known here.
    Other,
}

impl Protocol {
    /// By the headers of the answer that switches.
    pub fn of(headers: &HeaderMap) -> Self {
        let name = headers.get(header::UPGRADE).and_then(|name| name.to_str().ok()).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "websocket" => Self::WebSocket,
            name if name.starts_with("spdy/3") => Self::Spdy,
            _ => Self::Other,
        }
    }

    /// The length of what follows a frame's header; `None`: there is more of the header to come.
    fn payload(self, header: &[u8]) -> Option<u64> {
        match self {
            Self::WebSocket => {
                let second = *header.get(1)?;
                let (extended, mask) = match (second & 0x7f, second >> 7) {
                    (126, mask) => (2, mask),
                    (127, mask) => (8, mask),
                    (_, mask) => (0, mask),
                };
                let whole = header.len() == 2 + extended + 4 * usize::from(mask);
                let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
                whole.then(|| if extended == 0 { (second & 0x7f).into() } else { number(&header[2..2 + extended]) })
            }
            Self::Spdy => match header {
                [_, _, _, _, _, a, b, c] => Some(u64::from(u32::from_be_bytes([0, *a, *b, *c]))),
                _ => None,
            },
            Self::Other => None,
        }
    }

    /// The last frame of a side. Clients' frames are masked, here with a mask of nothing.
    pub fn goodbye(self, from_client: bool) -> Vec<u8> {
        match self {
            Self::WebSocket => {
                let length = (GOING_AWAY.len() + WHY.len()) as u8;
                let head: &[u8] = if from_client { &[0x88, 0x80 | length, 0, 0, 0, 0] } else { &[0x88, length] };
                [head, &GOING_AWAY, WHY].concat()
            }
            // GOAWAY with status OK; every stream so far was taken.
            Self::Spdy => vec![0x80, 3, 0, 7, 0, 0, 0, 8, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            Self::Other => Vec::new(),
        }
    }
}

/// Follows the frames of one direction.
pub(super) struct Frames {
    protocol: Protocol,
    header: Vec<u8>,
    /// What is still to come of the frame whose header is known.
    left: u64,
}

impl Frames {
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, header: Vec::new(), left: 0 }
    }

    /// Whether the next byte begins a frame.
    pub fn between(&self) -> bool {
        self.left == 0 && self.header.is_empty()
    }

    /// Goes on by what was read; the end of the last frame that ends in it.
    pub fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.protocol == Protocol::Other {
            return Some(bytes.len());
        }
        let (mut at, mut end) = (0, None);
        while at < bytes.len() {
            if self.left > 0 {
                let taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                self.left -= taken as u64;
            } else {
                self.header.push(bytes[at]);
                at += 1;
                let Some(payload) = self.protocol.payload(&self.header) else { continue };
                self.left = payload;
                self.header.clear();
            }
            if self.between() {
                end = Some(at);
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of every size, frames end where they end.
    fn check(protocol: Protocol, frames: &[Vec<u8>]) {
        let all = frames.concat();
        let ends: Vec<usize> = frames
            .iter()
            .scan(0, |sum, frame| {
                *sum += frame.len();
                Some(*sum)
            })
            .collect();
        for size in 1..=all.len() {
            let (mut follow, mut at) = (Frames::new(protocol), 0);
            for piece in all.chunks(size) {
                let found = follow.read(piece).map(|end| at + end);
                at += piece.len();
                let expected = ends.iter().copied().filter(|end| (at - piece.len() + 1..=at).contains(end)).max();
                assert_eq!(found, expected, "pieces of {size}, {at}");
                assert_eq!(follow.between(), ends.contains(&at), "pieces of {size}, {at}");
            }
        }
    }

    #[test]
    fn frames_of_websockets_end_where_their_length_says() {
        let short = [&[0x82, 3][..], b"abc"].concat();
        let masked = [&[0x82, 0x83, 1, 2, 3, 4][..], b"abc"].concat();
        let long = [&[0x82, 126, 1, 0][..], &[7; 256]].concat();
        let longer = [&[0x82, 127, 0, 0, 0, 0, 0, 0, 1, 1][..], &[7; 257]].concat();
        check(Protocol::WebSocket, &[short.clone(), vec![0x89, 0], masked, long, longer, short]);
    }

    #[test]
    fn frames_of_spdy_end_where_their_length_says() {
        let data = [&[0, 0, 0, 1, 0, 0, 1, 4][..], &[7; 260]].concat();
        let ping = vec![0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1];
        check(Protocol::Spdy, &[ping, data, vec![0, 0, 0, 3, 1, 0, 0, 0]]);
    }

    #[test]
    fn goodbyes_are_frames() {
        for from_client in [true, false] {
            for protocol in [Protocol::WebSocket, Protocol::Spdy] {
                let goodbye = protocol.goodbye(from_client);
                assert_eq!(Frames::new(protocol).read(&goodbye), Some(goodbye.len()), "{protocol:?}");
            }
        }
        assert!(Protocol::Other.goodbye(true).is_empty());
    }
}
