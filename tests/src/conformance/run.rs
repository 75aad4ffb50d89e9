//! Runs checks: several at a time, the serial ones alone and last, each with a deadline, a namespace of its own, and a result.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use client::Connection;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout};

use super::api::Api;
use super::checks::{self, Check};
use super::ctx::{Ctx, Settings};
use super::options::Options;
use super::rows::Row;

/// No check may take longer.
const DEADLINE: Duration = Duration::from_secs(420);
const CLEANING: Duration = Duration::from_secs(30);

/// How a row's check ended.
pub struct Outcome {
    pub row: Row,
    pub result: Result<(), String>,
}

/// Runs all chosen rows.
pub fn all(options: &Options) -> Result<Vec<Outcome>> {
    let kubeconfig = options.kubeconfig.clone().context("a kubeconfig")?;
    let connection = Connection::from_kubeconfig(&kubeconfig, None)?;
    let settings = Settings {
        kubeconfig,
        kubectl: options.kubectl.clone(),
        home: options.home.clone(),
        image_prefix: options.image_prefix.clone(),
        domain: options.domain.clone(),
        hook_address: options.hook_address.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let runner = Runner { api: Api::new(connection)?, settings: Rc::new(settings), run: run_number() };
        runner.api.get("/version").await.context("the cluster does not answer")?;
        let (serial, parallel): (Vec<Row>, Vec<Row>) = options.chosen()?.into_iter().partition(Row::is_serial);
        let mut outcomes: Vec<Outcome> = futures::stream::iter(parallel)
            .map(|row| runner.one(row))
            .buffer_unordered(options.parallel)
            .collect()
            .await;
        for row in serial {
            outcomes.push(runner.one(row).await);
        }
        Ok(outcomes)
    })
}

/// Different for every run, so that names are.
fn run_number() -> String {
    format!("{:x}", std::process::id())
}

struct Runner {
    api: Api,
    settings: Rc<Settings>,
    run: String,
}

impl Runner {
    async fn one(&self, row: Row) -> Outcome {
        let start = Instant::now();
        let result = match checks::find(row.id) {
            Some(check) => self.run(&row, check).await,
            None if checks::NOT_WRITTEN.contains(&row.id) => Err(anyhow!("the check is not written yet")),
            None => Err(anyhow!("no table has the row")),
        };
        let result = result.map_err(|error| format!("{error:#}"));
        let seconds = start.elapsed().as_secs_f32();
        match &result {
            Ok(()) => println!("row {} ... ok ({seconds:.1} s)", row.id),
            Err(cause) => println!("row {} ... FAILED ({seconds:.1} s): {cause}", row.id),
        }
        Outcome { row, result }
    }

    async fn run(&self, row: &Row, check: Check) -> Result<()> {
        let ctx = Ctx::new(&self.api, &self.settings, &format!("{}-{}", row.id, self.run)).await?;
        let checked = timeout(DEADLINE, AssertUnwindSafe(check(&ctx)).catch_unwind()).await;
        let cleaned = timeout(CLEANING, ctx.clean()).await;
        match checked {
            Ok(Ok(result)) => result?,
            Ok(Err(panic)) => bail!("the check panicked: {}", panic_text(panic.as_ref())),
            Err(_) => bail!("it took more than {} s", DEADLINE.as_secs()),
        }
        cleaned.context("cleaning took too long")?.context("remove what the check made")
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}
