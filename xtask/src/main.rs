//! The project's commands: `cargo xtask COMMAND`.

#![allow(clippy::disallowed_methods, reason = "a tool on the outside of what it tests")]

mod aside;
mod bench;
mod clients;
mod codegen;
mod e2e;
mod fuzz;
mod interpreters;
mod machine;
mod packages;
mod process;
mod test;
mod tidy;
mod tools;
mod up;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND
  up        install what is needed, build, start a cluster (as root)
  test      install what tests need; format, lints, tidy, unit tests, properties, simulation, end-to-end stories
  nightly   everything test runs, and the long matrices
  tidy      check the house rules
  e2e       [--tier ci|nightly] [STORY...]   end-to-end stories alone
  conformance [--area A] [--layer L] [--only ID] [--kubeconfig PATH] ...   a check for every row; writes docs/conformance.md
  machine   [--systemd] [STORY...]   end-to-end stories in an emulated Debian machine
  bench     [--write] [NAME...]   measures: boot, pods, idle, requests; --write keeps them in docs/benchmarks.md
  fuzz      [--seconds N] [TARGET...]   everything that reads bytes from outside, ten minutes each
  tools     [VERSION|CLIENT]   find or build the kubectl versions and clients that tests use
  codegen   write the field table of the Kubernetes types (needs Go 1.26 and the module proxy)";

fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    std::env::set_current_dir(process::root())?;
    match arguments.first().map(String::as_str) {
        Some("up") => up::run(),
        Some("test") => test::ci(),
        Some("nightly") => test::nightly(),
        Some("tidy") => tidy::run(),
        Some("e2e") => e2e::run(&arguments[1..]),
        Some("conformance") => e2e::conformance(&arguments[1..]),
        Some("machine") => machine::run(&arguments[1..]),
        Some("bench") => bench::run(&arguments[1..]),
        Some("fuzz") => fuzz::run(&arguments[1..]),
        Some("codegen") => codegen::run(),
        Some("tools") => match arguments.get(1) {
            Some(name) => tools::only(name),
            None => tools::all(),
        },
        _ => bail!("{USAGE}"),
    }
}
