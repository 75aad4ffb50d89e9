//! What a node without Pods costs: memory and processor time of all processes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::figures::figure;
use super::table::Row;
use super::{Measure, processes};
use crate::cluster::Cluster;
use crate::process::rest_of;

pub const MEASURE: Measure = Measure { name: "idle", shows: "An idle node, all processes", run };

/// What follows a start is over by then.
const SETTLE: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_secs(30);

fn run(folder: &Path) -> Result<Vec<Row>> {
    let cluster = Cluster::start(folder)?;
    rest_of(SETTLE, Instant::now());
    let ours = processes::ours()?;
    let start = Instant::now();
    let (used, woken) = (processes::processor_microseconds(&ours)?, processes::wake_ups(&ours)?);
    rest_of(WINDOW, start);
    let seconds = start.elapsed().as_secs_f64();
    let percent = (processes::processor_microseconds(&ours)? - used) / seconds / 1e4;
    let wake_ups = (processes::wake_ups(&ours)? - woken) as f64 / seconds;
    let (mut whole, mut anonymous, mut parts) = (0, 0, Vec::new());
    for process in &ours {
        let (pss, anon) = processes::pss_kilobytes(process)?;
        whole += pss;
        anonymous += anon;
        parts.push(format!("{} {}", processes::role(process), figure(megabytes(pss))));
    }
    parts.sort();
    cluster.uninstall()?;
    let beside = format!("of it no file's: {} MB", figure(megabytes(anonymous)));
    Ok(vec![
        Row { beside, ..Row::new("memory (PSS)", format!("{} MB ({})", figure(megabytes(whole)), parts.join(", "))) }
            .goal("under 60 MB", megabytes(whole), 60.0),
        Row::new("processor time over 30 s", format!("{} % of one", figure(percent))).goal("under 0.5 %", percent, 0.5),
        Row::new("wake-ups of threads", format!("{} per second", figure(wake_ups))),
    ])
}

fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
