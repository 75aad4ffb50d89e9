//! The simulation's tests: one seed is one history, and two hundred of them hold. `OXKUBE_SEED=n` runs one seed alone,
//! `OXKUBE_SEEDS=n` as many as asked for; `OXKUBE_TRACE=path` writes a seed's lines.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Keys, Outcome, run};

/// How many histories a run tries where `OXKUBE_SEEDS` says nothing else.
const SEEDS: u64 = 200;

fn keys() -> &'static Keys {
    static KEYS: OnceLock<(tempfile::TempDir, Keys)> = OnceLock::new();
    let made = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let keys = runtime.expect("a runtime").block_on(Keys::make(folder.path())).expect("keys");
        (folder, keys)
    });
    &made.1
}

fn asked_for() -> Option<u64> {
    number("OXKUBE_SEED")
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

fn verdict(outcome: &Outcome) -> Result<(), String> {
    let Outcome { seed, failures, .. } = outcome;
    if failures.is_empty() {
        return Ok(());
    }
    let text = failures.join("\n  ");
    Err(format!(
        "seed {seed}:\n  {text}\nrun it again: OXKUBE_SEED={seed} cargo test --release -p sim two_hundred_seeds"
    ))
}

#[test]
fn one_seed_gives_one_hash() {
    let seed = asked_for().unwrap_or(1);
    let (first, second) = (run(seed, keys(), true), run(seed, keys(), true));
    let (one, other) = (first.lines.unwrap_or_default(), second.lines.unwrap_or_default());
    if let Some((at, (one, other))) = one.lines().zip(other.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("seed {seed} parts at line {at}:\n  {one}\n  {other}");
    }
    assert_eq!(first.hash, second.hash, "seed {seed}");
    assert!(first.events > 500, "a history of {} events is none", first.events);
}

#[test]
fn two_hundred_seeds() {
    if let Some(seed) = asked_for() {
        let outcome = run(seed, keys(), true);
        if let Ok(path) = std::env::var("OXKUBE_TRACE") {
            std::fs::write(path, outcome.lines.as_deref().unwrap_or_default()).expect("the trace is written");
        }
        println!("{:?}", Outcome { lines: None, ..outcome.clone() });
        return verdict(&outcome).unwrap_or_else(|text| panic!("{text}"));
    }
    let (next, seeds) = (AtomicU64::new(0), number("OXKUBE_SEEDS").unwrap_or(SEEDS));
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return outcomes;
            }
            outcomes.push(run(seed, keys(), false));
        }
    };
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().expect("no history panics")).collect()
    });
    let crashes: u64 = outcomes.iter().map(|outcome| outcome.crashes).sum();
    println!("{} histories, {crashes} crashes", outcomes.len());
    assert!(crashes > seeds / 2, "{crashes} crashes are too few to try anything");
    let broken: Vec<String> = outcomes.iter().filter_map(|outcome| verdict(outcome).err()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
