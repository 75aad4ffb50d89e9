//! `cargo xtask fuzz [--seconds N] [TARGET...]`: libFuzzer over everything that reads bytes from outside, guided by the compiler's own
//! coverage counters. What it finds is kept below `target/fuzz` and given again next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};

use crate::process::{root, run_command, target_dir};

/// Ten minutes each.
const SECONDS: u64 = 600;
/// Nothing that is read may take more than this.
const MEMORY_MB: u32 = 2048;
const INPUT_SECONDS: u32 = 10;
const INPUT_BYTES: u32 = 64 << 10;

/// Each target, and the folders whose files it begins with.
const TARGETS: [(&str, &[&str]); 9] = [
    ("json", &["crates/api/cases"]),
    ("yaml", &["tests/fixtures", "crates/api/cases/validate"]),
    ("protobuf", &[]),
    ("patches", &["fuzz/seeds/patches"]),
    ("selectors", &["fuzz/seeds/selectors"]),
    ("quantities", &["fuzz/seeds/quantities"]),
    ("jsonpath", &["fuzz/seeds/jsonpath"]),
    ("http", &["fuzz/seeds/http"]),
    ("expressions", &["fuzz/seeds/expressions"]),
];

/// What makes rustc count the edges that an input takes, as libFuzzer expects it.
const COUNTERS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

pub fn run(arguments: &[String]) -> Result<()> {
    let (seconds, names) = match arguments {
        [flag, seconds, names @ ..] if flag == "--seconds" => {
            (seconds.parse().context("--seconds takes a number")?, names)
        }
        names => (SECONDS, names),
    };
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|(known, _)| known != name)) {
        bail!("there is no target {unknown}: {}", TARGETS.map(|(name, _)| name).join(", "));
    }
    let program = build()?;
    let wanted: Vec<_> =
        TARGETS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|own| own == name)).collect();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = Vec::new();
    for group in wanted.chunks(at_once) {
        let started: Vec<(&str, Child)> = group
            .iter()
            .map(|(name, seeds)| Ok((*name, start(&program, name, seeds, seconds)?)))
            .collect::<Result<_>>()?;
        for (name, mut child) in started {
            let status = child.wait().with_context(|| format!("wait for {name}"))?;
            println!("fuzz {name}: {}", if status.success() { "ok" } else { "FAILED" });
            if !status.success() {
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}: the inputs and the output are below {}", failed.join(", "), folder().display())
}

fn folder() -> PathBuf {
    target_dir().join("fuzz")
}

fn build() -> Result<PathBuf> {
    let target = folder().join("build");
    let mut cargo = Command::new("cargo");
    // A triple of its own keeps the counters out of build scripts and macros.
    let triple = host()?;
    cargo.args(["build", "--release", "--locked", "--target", &triple, "--target-dir"]).arg(&target);
    cargo.current_dir(root().join("fuzz")).env("RUSTFLAGS", COUNTERS.join(" "));
    run_command(&mut cargo)?;
    Ok(target.join(triple).join("release/fuzz"))
}

fn host() -> Result<String> {
    let version = crate::process::output("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

fn start(program: &Path, name: &str, seeds: &[&str], seconds: u64) -> Result<Child> {
    let own = folder().join(name);
    let (corpus, found) = (own.join("corpus"), own.join("found"));
    for path in [&corpus, &found] {
        fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
    }
    if name == "protobuf" {
        messages(&corpus)?;
    }
    let log = fs::File::create(own.join("log"))?;
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MB}")).arg(format!("-timeout={INPUT_SECONDS}"));
    command.arg(format!("-max_len={INPUT_BYTES}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", found.display())).arg(&corpus).args(seeds);
    command.env("OXKUBE_FUZZ_TARGET", name).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("start {name}"))
}

/// Every kind as upstream writes it, from the cases of room api.
fn messages(corpus: &Path) -> Result<()> {
    for table in ["complete", "sparse"] {
        let text = fs::read_to_string(format!("crates/api/cases/protobuf/{table}.tsv"))?;
        let envelopes = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next());
        for (at, envelope) in envelopes.enumerate() {
            let digits =
                envelope.as_bytes().chunks(2).map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16));
            let bytes: Vec<u8> = digits.collect::<Result<_, _>>().context("not hexadecimal")?;
            fs::write(corpus.join(format!("{table}-{at}")), bytes)?;
        }
    }
    Ok(())
}
