//! What the way through the API server costs: as a service account whom RBAC allows what it does, with admission and managedFields on, on
//! a server that holds 10,000 objects with a full history. Each figure beside a server that does nothing, or beside our own create.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::api_client::Login;
use super::figures::{Samples, figure};
use super::load::{Load, Until};
use super::memory::{self, Resident};
use super::operation::{KEPT, Operation, WATCHED};
use super::table::Row;
use super::turns::{Rounds, Target, microseconds};
use super::{Measure, boot, clients, deliveries, null_server};
use crate::cluster::Cluster;

pub const MEASURE: Measure = Measure { name: "api", shows: "The way through the API server", run };

const ROUNDS: usize = 10;
const WARM_UP: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(1);
const FLAGS: [&str; 1] = ["--disable-agent"];
const EVENT_MICROSECONDS_MAX: f64 = 10.0;
const RESIDENT_MAX: f64 = 3.0;
const READY_MS_MAX: f64 = 150.0;

/// What a line's processor time is a multiple of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    Null,
    OwnCreate,
}

/// One line: an operation, how many clients at once, what it is compared with, the most it may be.
struct Line {
    what: &'static str,
    operation: Operation,
    at_once: usize,
    against: Against,
    limit: f64,
}

/// The first is the create that others are compared with.
const LINES: [Line; 5] = [
    Line { what: "create", operation: Operation::Create, at_once: 64, against: Against::Null, limit: 4.0 },
    Line { what: "get", operation: Operation::Get, at_once: 64, against: Against::Null, limit: 2.0 },
    Line { what: "list of 10,000, per MB", operation: Operation::List, at_once: 2, against: Against::Null, limit: 2.0 },
    Line {
        what: "server-side apply, a change",
        operation: Operation::Apply,
        at_once: 64,
        against: Against::OwnCreate,
        limit: 2.0,
    },
    Line {
        what: "server-side apply, a new object",
        operation: Operation::ApplyNew,
        at_once: 64,
        against: Against::OwnCreate,
        limit: 2.0,
    },
];

/// The rounds of one server.
#[derive(Default)]
struct Measured {
    lines: [Rounds; LINES.len()],
    /// Microseconds per event.
    events: Vec<f64>,
}

fn run(folder: &Path) -> Result<Vec<Row>> {
    let (starts, process) = boot::empty_starts(folder, ROUNDS, &FLAGS)?;
    let cluster = Cluster::start_with(folder, &FLAGS)?;
    let token = account(&cluster)?;
    let mut child = null_server::start()?;
    let (measured, resident) = clients()?.block_on(measure(Login::Token(&token), child.id()))?;
    child.kill()?;
    child.wait()?;
    cluster.uninstall()?;
    let mut rows: Vec<Row> = (0..LINES.len()).map(|at| row(at, &measured)).collect();
    rows.extend([events_row(&measured), resident_row(&resident), starts_row(&starts, &process)]);
    Ok(rows)
}

/// The namespaces, and the token of an account that may do with ConfigMaps what it likes.
fn account(cluster: &Cluster) -> Result<String> {
    let verbs = "--verb=get,list,watch,create,update,patch";
    for arguments in [
        ["create", "namespace", KEPT].as_slice(),
        &["create", "namespace", WATCHED],
        &["create", "serviceaccount", "bench"],
        &["create", "clusterrole", "bench", verbs, "--resource=configmaps"],
        &["create", "clusterrolebinding", "bench", "--clusterrole=bench", "--serviceaccount=default:bench"],
    ] {
        cluster.kubectl(arguments).with_context(|| format!("kubectl {arguments:?}"))?;
    }
    Ok(cluster.kubectl(&["create", "token", "bench"])?.trim().to_owned())
}

async fn measure(login: Login<'_>, null: u32) -> Result<([Measured; 2], Resident)> {
    let targets = Target::both(login, null).await?;
    let resident = memory::resident(&targets[0]).await?;
    let (load, mut number) = (Load::new(), 0);
    for target in &targets {
        deliveries::prepare(target).await?;
        load.run(&target.clients, Operation::Create, 16, Until::Elapsed(WARM_UP)).await?;
    }
    let mut measured = <[Measured; 2]>::default();
    for _ in 0..ROUNDS {
        for (at, line) in LINES.iter().enumerate() {
            let compared = if line.against == Against::Null { 2 } else { 1 };
            for (target, measured) in targets.iter().zip(&mut measured).take(compared) {
                target.round(&load, (line.operation, line.at_once), WINDOW, &mut measured.lines[at]).await?;
            }
        }
        for (target, measured) in targets.iter().zip(&mut measured) {
            measured.events.push(deliveries::round(target, &mut number).await?);
        }
    }
    Ok((measured, resident))
}

fn row(at: usize, [ours, null]: &[Measured; 2]) -> Row {
    let line = &LINES[at];
    let (name, there) = match line.against {
        Against::Null => ("null", null.lines[at].cost()),
        Against::OwnCreate => ("create", ours.lines[0].cost()),
    };
    let here = ours.lines[at].cost();
    Row::new(line.what, microseconds(&here))
        .beside(format!("{name} {}", microseconds(&there)), here.least(), there.least())
        .goal(&format!("at most {} times {name}", line.limit), here.least(), line.limit * there.least())
}

fn events_row([ours, null]: &[Measured; 2]) -> Row {
    let samples = |measured: &Measured| Samples::new(measured.events.iter().copied());
    let (here, there) = (samples(ours), samples(null));
    Row::new(&format!("watch event, {} watches", deliveries::WATCHES), microseconds(&here))
        .beside(format!("null {}", microseconds(&there)), here.least(), there.least())
        .goal(&format!("at most {EVENT_MICROSECONDS_MAX} us"), here.least(), EVENT_MICROSECONDS_MAX)
}

fn resident_row(resident: &Resident) -> Row {
    let megabytes = |bytes: f64| format!("{} MB", figure(bytes / 1e6));
    let (grown, stored) = (resident.grown, resident.stored);
    Row::new(&format!("memory after {} updates", memory::UPDATES), megabytes(grown))
        .beside(format!("stored {}", megabytes(stored)), grown, stored)
        .goal(&format!("at most {RESIDENT_MAX} bytes per byte"), grown, RESIDENT_MAX * stored)
}

fn starts_row(starts: &Samples, process: &Samples) -> Row {
    let median = starts.median();
    Row::new("start to `/readyz`, empty", starts.milliseconds())
        .beside(format!("`oxkube version` {}", process.milliseconds()), median, process.median())
        .goal(&format!("p50 under {READY_MS_MAX} ms"), median, READY_MS_MAX)
}
