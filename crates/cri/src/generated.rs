//! `v1.rs` is what the interface definition gives. `cargo xtask codegen` writes it: this test, with `OXKUBE_CODEGEN` set.

use std::fs;
use std::path::Path;

const HEADER: &str = "// @generated from crates/cri/proto/cri.proto by `cargo xtask codegen`; do not edit.\n";

#[test]
fn v1_is_what_the_definition_gives() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let definition = protox::compile(["cri.proto"], [room.join("proto")]).expect("the definition is read");
    // Maps in the order of their keys: the same message is the same bytes.
    let builder = tonic_prost_build::configure().btree_map(".").out_dir(folder.path());
    builder.compile_fds(definition).expect("code is made");
    let made = fs::read_to_string(folder.path().join("runtime.v1.rs")).expect("the code is there");
    let (made, kept) = (format!("{HEADER}{made}"), room.join("src/v1.rs"));
    if std::env::var_os("OXKUBE_CODEGEN").is_some() {
        fs::write(&kept, &made).expect("written");
    }
    let same = fs::read_to_string(&kept).expect("read") == made;
    assert!(same, "src/v1.rs is not what proto/cri.proto gives: run cargo xtask codegen");
}
