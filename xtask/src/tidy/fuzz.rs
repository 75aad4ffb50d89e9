//! `fuzz/` is a workspace of its own, with a lock of its own: it has to follow when a room takes another dependency. Its targets are built by
//! the tests of room `apiserver`.

use crate::process::output;

/// What is stale, one line.
pub fn check() -> Vec<String> {
    let arguments = ["metadata", "--locked", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"];
    match output("cargo", &arguments) {
        Ok(_) => Vec::new(),
        Err(error) => {
            vec![format!(
                "fuzz/Cargo.lock is stale (`cargo update --workspace --manifest-path fuzz/Cargo.toml` mends it): {error:#}"
            )]
        }
    }
}
