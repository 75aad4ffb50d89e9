//! `cargo xtask codegen`: writes crates/api/data/fields.tsv with the Go program beside this crate, from the published Kubernetes modules.
//! Needs Go 1.26 or newer and, the first time, the Go module proxy.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where the field table is checked in, from the workspace root.
const OUTPUT: &str = "crates/api/data/fields.tsv";

pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the workspace root")?;
    let output = root.join(OUTPUT);
    let status = Command::new("go")
        .args(["run", "."])
        .arg(&output)
        .current_dir(root.join("xtask/codegen"))
        .env("GOFLAGS", "-mod=mod")
        .status()
        .context("go is not installed; codegen needs Go 1.26 or newer in PATH")?;
    ensure!(status.success(), "the field table was not written: go run ended with {status}");
    println!("wrote {}", output.display());
    Ok(())
}
