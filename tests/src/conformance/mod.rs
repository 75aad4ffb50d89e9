//! Conformance: one check of our own for every row of `tests/conformance/rows.tsv`, against any cluster that a kubeconfig names, or against
//! one that is started for it. The results table is docs/conformance.md. `cargo xtask conformance`.

mod api;
mod checks;
mod collection;
mod ctx;
mod expect;
mod hook;
mod hook_reviews;
mod kinds;
mod lifecycle;
mod options;
mod own_cluster;
mod pods;
mod report;
mod rows;
mod run;
mod stream;
mod wait;
mod watch;

use anyhow::{Result, bail};

pub use own_cluster::inside;

/// `e2e conformance [--area A] [--layer L] [--only ID]... [--kubeconfig PATH] ...`
pub fn main(arguments: &[String]) -> Result<()> {
    let options = options::Options::parse(arguments)?;
    if options.list {
        for row in options.chosen()? {
            println!("{}\t{}\t{}\t{}", row.area, row.layer, row.id, row.must_hold);
        }
        return Ok(());
    }
    match &options.kubeconfig {
        Some(_) => against(&options),
        None => own_cluster::run(arguments),
    }
}

/// Runs the chosen rows and writes the table; an error when one failed.
fn against(options: &options::Options) -> Result<()> {
    let kept = options.keep.as_deref().map(report::passes).transpose()?;
    let outcomes = run::all(options)?;
    if let Some(path) = &options.report {
        report::write(path, &outcomes)?;
    }
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    println!("{} passed, {failed} failed", outcomes.len() - failed);
    let counts = |outcome: &&run::Outcome| kept.as_ref().is_none_or(|passed| passed.contains(outcome.row.id));
    let broken: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .filter(counts)
        .map(|outcome| outcome.row.id)
        .collect();
    if !broken.is_empty() {
        bail!("{} rows do not hold: {}", broken.len(), broken.join(" "));
    }
    Ok(())
}
