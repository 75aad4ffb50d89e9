//! The tiers: `ci` for every change, `nightly` before something is called done. Budgets are printed and enforced.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::aside::Aside;
use crate::machine::{self, Init};
use crate::process::{run, run_command, step};
use crate::{e2e, fuzz, packages, tidy, tools};

const CI_BUDGET: Duration = Duration::from_secs(30 * 60);

/// One story of each part that a kernel, its modules or cgroup v2 can break.
const MACHINE: [&str; 6] = ["workloads", "services", "streams", "scheduling", "self_healing", "kill_supervisor"];

/// `cargo xtask test`
pub fn ci() -> Result<()> {
    let start = Instant::now();
    let root = crate::process::output("id", &["-u"])?.trim() == "0";
    if !root {
        bail!("tests make namespaces and containers: run this as root");
    }
    step("packages", || packages::install(&[packages::BUILD, packages::TEST].concat()))?;
    step("format", || run("cargo", &["fmt", "--all", "--check"]))?;
    step("tidy", tidy::run)?;
    step("build", e2e::build_all)?;
    step("unit tests, properties, cases, simulation", || {
        run("cargo", &["test", "--release", "--workspace", "--lib", "--bins"])
    })?;
    step("kubectl", || tools::run(&tools::CI))?;
    // Stories wait most of their time; the lints take what is left.
    let lints =
        Aside::start("cargo", &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    step("stories", || e2e::stories(tools::CI[0].0, &["--tier".to_owned(), "ci".to_owned()]))?;
    step("lints", || lints.finish())?;
    step("machine", || machine::boot(Init::Script, &["first_pod"], 10 * 60))?;
    let taken = start.elapsed();
    println!("ci tier: {} s of {} s", taken.as_secs(), CI_BUDGET.as_secs());
    if taken > CI_BUDGET {
        bail!("the ci tier took longer than its budget");
    }
    Ok(())
}

/// `cargo xtask nightly`
pub fn nightly() -> Result<()> {
    ci()?;
    step("2,000 simulated histories", || {
        let mut command = Command::new("cargo");
        // The whole workspace, as above: another selection has other features and is built again.
        command.args(["test", "--release", "--workspace", "--lib", "--bins", "two_hundred_seeds"]);
        run_command(command.env("OXKUBE_SEEDS", "2000"))
    })?;
    step("machine, all parts", || machine::boot(Init::Script, &MACHINE, 40 * 60))?;
    step("machine with systemd", || machine::boot(Init::Systemd, &["first_pod", "workloads"], 20 * 60))?;
    step("kubectl versions and clients", tools::all)?;
    // The long stories are the same with every kubectl.
    for (version, _) in tools::ALL {
        let tier = if version == tools::CI[0].0 { "nightly" } else { "ci" };
        step(&format!("stories with kubectl {version}"), || {
            e2e::stories(version, &["--tier".to_owned(), tier.to_owned()])
        })?;
    }
    // Rows that do not hold yet stand in the table; those that hold have to go on.
    step("conformance", || {
        let flags = ["conformance", "--report", "none", "--keep", "docs/conformance.md"];
        e2e::stories("1.33", &flags.map(str::to_owned))
    })?;
    step("fuzz", || fuzz::run(&[]))
}
