//! One history from its seed: boot, story, convergence, verdict.

use std::time::Duration;

use tokio::runtime::{Builder, RngSeed};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Keys};
use crate::invariants;
use crate::plan::Plan;
use crate::seams::Seams;
use crate::story::Story;
use crate::user::User;
use crate::witness::Witness;

/// How long, in virtual time, everything may take to come true once nothing goes wrong any more.
const CONVERGENCE: Duration = Duration::from_secs(30 * 60);

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub seed: u64,
    /// Over every request, answer, write and crash.
    pub hash: String,
    /// How many of them there were.
    pub events: u64,
    pub crashes: u64,
    pub virtual_seconds: u128,
    /// What did not hold; empty is good.
    pub failures: Vec<String>,
    /// The lines under the hash, if they were asked for.
    pub lines: Option<String>,
}

/// Runs one history on this thread.
pub fn run(seed: u64, keys: &Keys, keep_lines: bool) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
        .build()
        .expect("a runtime without IO can be built");
    runtime.block_on(history(seed, keys, keep_lines))
}

async fn history(seed: u64, keys: &Keys, keep_lines: bool) -> Outcome {
    let seams = Seams::new(seed);
    if keep_lines {
        seams.trace.keep_lines();
    }
    let plan = Plan::draw(&seams);
    let cluster = Cluster::new(&seams, &plan, keys);
    let all = CancellationToken::new();
    let env = seams.env(&all);
    let panics = client::runtime::panics();
    let (user, witness) = (User::new(&cluster), Witness::new(&cluster));
    env.spawn("witness", witness.clone().run());
    let mut story = Story::new(&cluster, &user);
    tokio::select! {
        // It returns only when it cannot go on, which the trace knows.
        () = cluster.clone().keep_alive() => {}
        () = live(&cluster, &mut story) => {}
    }
    let virtual_seconds = seams.elapsed_ms() / 1000;
    judge(&cluster, &user, &witness);
    if client::runtime::panics() != panics {
        seams.trace.fail("a reconcile panicked".to_owned());
    }
    let trace = &seams.trace;
    let (hash, events, failures, lines) = (trace.hash(), trace.count(), trace.failures(), trace.lines());
    let crashes = cluster.crashes();
    all.cancel();
    story.end();
    cluster.end();
    Outcome { seed, hash, events, crashes, virtual_seconds, failures, lines }
}

/// Boots, lets the story happen, waits for its end.
async fn live(cluster: &Cluster, story: &mut Story) {
    up(cluster).await;
    cluster.plan.set_faults(true);
    story.tell().await;
    cluster.plan.set_faults(false);
    if let Err(error) = settle(cluster).await {
        cluster.seams.trace.fail(format!("not converged after {CONVERGENCE:?}: {error}"));
    }
}

/// Waits for the first boot.
async fn up(cluster: &Cluster) {
    while cluster.address.get().is_none() && cluster.seams.trace.failures().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until everything is as it should be.
async fn settle(cluster: &Cluster) -> Result<(), String> {
    let check = || {
        let (server, _) = cluster.address.get().ok_or("the server is down")?;
        invariants::converged(server.objects())?;
        invariants::owners(server.objects())
    };
    let end = tokio::time::Instant::now() + CONVERGENCE;
    loop {
        match check() {
            Ok(()) => return Ok(()),
            Err(error) if tokio::time::Instant::now() > end => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_secs(2)).await,
        }
    }
}

/// Judges what was written and seen.
fn judge(cluster: &Cluster, user: &User, witness: &Witness) {
    let book = cluster.disk.book();
    let mut broken = invariants::acknowledged(&user.acknowledged(), &book);
    broken.extend(invariants::bound_once(&book));
    broken.extend(invariants::watched(&witness.segments(), &book));
    broken.into_iter().for_each(|text| cluster.seams.trace.fail(text));
}
