//! Names nobody else has: 64 hex digits, as every runtime's ids.

use std::io::{self, Read};

pub fn random() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
