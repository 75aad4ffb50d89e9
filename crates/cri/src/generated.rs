//! `v1.rs` is what `cargo xtask codegen` made of the interface definition that is there now.

use sha2::{Digest, Sha256};

#[test]
fn v1_is_of_this_definition() {
    let digest: String =
        Sha256::digest(include_bytes!("../proto/cri.proto")).iter().map(|byte| format!("{byte:02x}")).collect();
    let head = include_str!("v1.rs").lines().next().unwrap_or_default();
    assert!(head.contains(&digest), "src/v1.rs is not of proto/cri.proto: run cargo xtask codegen");
}
