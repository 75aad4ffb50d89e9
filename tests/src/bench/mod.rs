//! Measures of the binary under test, each in namespaces of its own, each figure beside what it is compared with in the same run.
//! `e2e bench [--write FILE] [NAME...]`.

mod api;
mod api_client;
mod boot;
mod deliveries;
mod figures;
mod idle;
mod load;
mod memory;
pub mod null_server;
mod operation;
mod pods;
mod processes;
mod requests;
mod runc;
mod table;
mod trust;
mod turns;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::runner::{folder_of, tail, wait_until_ended};
use crate::{images, isolation};
use table::Row;

/// Where the node's API listens.
const API: &str = "127.0.0.1:6443";
/// Patience with one measure.
const DEADLINE: Duration = Duration::from_secs(600);

/// One measure: a heading in the document, some rows.
struct Measure {
    name: &'static str,
    shows: &'static str,
    run: fn(&Path) -> Result<Vec<Row>>,
}

/// All measures, in the order of the document.
const ALL: &[Measure] = &[boot::MEASURE, pods::MEASURE, idle::MEASURE, requests::MEASURE, api::MEASURE];

/// Runs the chosen measures, prints their tables, writes them where asked.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut document = None;
    let mut names = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => document = Some(arguments.next().context("--write needs a file")?),
            name => names.push(find(name)?.name),
        }
    }
    images::prepare().context("make the test images")?;
    for measure in ALL.iter().filter(|measure| names.is_empty() || names.contains(&measure.name)) {
        let (start, machine) = (Instant::now(), processes::machine()?);
        let rows = run_one(measure).with_context(|| format!("measure {}", measure.name))?;
        let text = format!("{}\n\n{machine}", table::markdown(&rows));
        println!("## {} ({:.0} s)\n{text}\n", measure.shows, start.elapsed().as_secs_f32());
        if let Some(file) = document {
            let old = fs::read_to_string(file).with_context(|| format!("read {file}"))?;
            fs::write(file, table::replace(&old, measure.name, &text)?).with_context(|| format!("write {file}"))?;
        }
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Measure> {
    let names = || ALL.iter().map(|measure| measure.name).collect::<Vec<_>>().join(", ");
    ALL.iter().find(|measure| measure.name == name).with_context(|| format!("no measure {name}: there are {}", names()))
}

fn run_one(measure: &Measure) -> Result<Vec<Row>> {
    let folder = folder_of(&format!("bench-{}", measure.name))?;
    let log_path = folder.join("measure.log");
    let log = fs::File::create(&log_path)?;
    let mut child =
        isolation::command("measure", measure.name, &folder, log)?.process_group(0).spawn().context("start unshare")?;
    let ended = wait_until_ended(&mut child, DEADLINE);
    if ended.is_err() {
        child.kill().context("kill the measure")?;
        child.wait().context("reap the measure")?;
    }
    if !ended? {
        let text = fs::read_to_string(&log_path).unwrap_or_default();
        bail!("{}\nartefacts: {}", tail(&text, 40), folder.display());
    }
    let rows = serde_json::from_slice(&fs::read(folder.join("rows.json"))?)?;
    fs::remove_dir_all(&folder)?;
    Ok(rows)
}

/// Inside the namespaces: measures and leaves the rows in the folder.
pub fn measure(name: &str, folder: &Path) -> Result<()> {
    let rows = (find(name)?.run)(folder)?;
    Ok(fs::write(folder.join("rows.json"), serde_json::to_vec(&rows)?)?)
}

/// A runtime for the clients of a measure.
fn clients() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("start the clients")
}
