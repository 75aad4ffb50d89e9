//! Writes room `cri`'s code (`src/v1.rs`) from its interface definition: `cri-codegen ROOM`, `cargo xtask codegen` calls it.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

const DEFINITION: &str = "cri.proto";
/// What the interface's package makes of itself.
const MADE: &str = "runtime.v1.rs";

fn main() -> Result<(), Box<dyn Error>> {
    let room = PathBuf::from(std::env::args().nth(1).ok_or("usage: cri-codegen ROOM")?);
    let folder = std::env::temp_dir().join(format!("cri-codegen-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let definition = protox::compile([DEFINITION], [room.join("proto")])?;
    // Maps in the order of their keys: the same message is the same bytes.
    tonic_prost_build::configure().btree_map(".").out_dir(&folder).compile_fds(definition)?;
    let made = fs::read_to_string(folder.join(MADE))?;
    fs::remove_dir_all(folder)?;
    let digest: String = Sha256::digest(fs::read(room.join("proto").join(DEFINITION))?)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let head = format!("// @generated from {DEFINITION} (SHA-256 {digest}) by `cargo xtask codegen`; do not edit.\n");
    fs::write(room.join("src/v1.rs"), head + &made)?;
    Ok(())
}
