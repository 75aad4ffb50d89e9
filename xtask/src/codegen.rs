//! `cargo xtask codegen`: writes the field table and the cases of its tests with the Go program beside this crate, from the published
//! Kubernetes modules, and room `cri` from its interface definition. Needs Go 1.26 or newer and, the first time, the Go module proxy.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::run_command;

/// Where the field table is checked in, from the workspace root.
const TABLE: &str = "crates/api/data/fields.tsv";
/// Where the cases are.
const CASES: &str = "crates/api/cases";
/// The room whose table of functions and cases of expressions are written too.
const CEL: &str = "crates/cel";
/// The room that is made from its interface definition.
const CRI: &str = "crates/cri";

pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the workspace root")?;
    let status = Command::new("go")
        .args(["run", "."])
        .args([root.join(TABLE), root.join(CASES), root.join(CEL)])
        .current_dir(root.join("xtask/codegen"))
        .env("GOFLAGS", "-mod=mod")
        .status()
        .context("go is not installed; codegen needs Go 1.26 or newer in PATH")?;
    ensure!(status.success(), "the field table was not written: go run ended with {status}");
    println!("wrote {TABLE}, {CASES} and those of {CEL}");
    let made = root.join("target/codegen");
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--locked", "--manifest-path"]).arg(root.join(CRI).join("codegen/Cargo.toml"));
    run_command(cargo.arg("--target-dir").arg(made).arg("--").arg(root.join(CRI)))
}
