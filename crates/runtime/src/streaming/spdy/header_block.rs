//! Header blocks: names and values in one zlib stream per direction that lives as long as the connection.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::dictionary;

/// What a block may hold once unpacked; ours are below 200 bytes.
const BLOCK_MAX: usize = 64 << 10;

pub type Headers = Vec<(String, String)>;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("header block: {0}")]
pub struct HeaderError(&'static str);

pub struct Packer(Compress);

pub struct Unpacker(Decompress);

impl Packer {
    pub fn new() -> Self {
        let mut compress = Compress::new(Compression::default(), true);
        compress.set_dictionary(&dictionary::bytes()).expect("a new stream takes a dictionary");
        Self(compress)
    }

    pub fn pack(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend_from_slice(&(text.len() as u32).to_be_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        let mut packed = Vec::with_capacity(plain.len() + 64);
        let before = self.0.total_in();
        loop {
            let done = (self.0.total_in() - before) as usize;
            packed.reserve(64);
            self.0
                .compress_vec(&plain[done..], &mut packed, FlushCompress::Sync)
                .expect("a stream that is never finished takes more");
            // Room that is left says that all has been flushed.
            if packed.len() < packed.capacity() {
                return packed;
            }
        }
    }
}

impl Unpacker {
    pub fn new() -> Self {
        Self(Decompress::new(true))
    }

    pub fn unpack(&mut self, packed: &[u8]) -> Result<Headers, HeaderError> {
        let mut plain = Vec::with_capacity(1024);
        let before = self.0.total_in();
        loop {
            let done = (self.0.total_in() - before) as usize;
            if plain.len() == plain.capacity() {
                plain.reserve(1024);
            }
            match self.0.decompress_vec(&packed[done..], &mut plain, FlushDecompress::Sync) {
                Ok(Status::StreamEnd) => return Err(HeaderError("its stream ended")),
                Ok(_) if plain.len() > BLOCK_MAX => return Err(HeaderError("is too long")),
                Ok(_) if plain.len() < plain.capacity() => return parse(&plain),
                Ok(_) => {}
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0
                        .set_dictionary(&dictionary::bytes())
                        .map_err(|_| HeaderError("asks for another dictionary"))?;
                }
                Err(_) => return Err(HeaderError("is no zlib stream")),
            }
        }
    }
}

fn parse(mut plain: &[u8]) -> Result<Headers, HeaderError> {
    let count = number(&mut plain)?;
    let mut headers = Headers::new();
    for _ in 0..count {
        headers.push((text(&mut plain)?.to_lowercase(), text(&mut plain)?));
    }
    Ok(headers)
}

fn number(plain: &mut &[u8]) -> Result<u32, HeaderError> {
    let (first, rest) = plain.split_first_chunk::<4>().ok_or(HeaderError("is cut short"))?;
    *plain = rest;
    Ok(u32::from_be_bytes(*first))
}

fn text(plain: &mut &[u8]) -> Result<String, HeaderError> {
    let length = number(plain)? as usize;
    let (text, rest) = plain.split_at_checked(length).ok_or(HeaderError("is cut short"))?;
    *plain = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_connection_build_on_each_other() {
        let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
        let long = "x".repeat(5000);
        for value in ["error", "data", long.as_str(), ""] {
            let packed = packer.pack(&[("streamtype", value), ("port", "80")]);
            let wanted = [("streamtype", value), ("port", "80")].map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(unpacker.unpack(&packed).unwrap(), wanted);
        }
        assert!(Unpacker::new().unpack(b"no zlib at all").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let (Ok(_) | Err(_)) = parse(&bytes);
            let (Ok(_) | Err(_)) = Unpacker::new().unpack(&bytes);
        }
    }
}
