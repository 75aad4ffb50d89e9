//! The garbage collector: deletes objects whose owners are gone, holds back owners that wait for their dependents, and
//! orphans what shall outlive its owner. It sees every resource the server has, later ones too.

use std::sync::Arc;

use client::runtime::{Controller, Failure, Plan};
use client::{ObjectKey, Rest};

use crate::Context;

mod attempt;
mod collect;
mod graph;
mod monitors;

use monitors::Monitors;

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let controller =
        Controller::new("garbage-collector-controller", &context.informers, context.client.clone()).workers(20);
    let rest = controller.rest().clone();
    let monitors = Arc::new(Monitors::new(&context.informers, controller.queue().clone()));
    monitors.start(&rest).await;
    let (asking, collecting) = (rest.clone(), monitors.clone());
    let collect = controller.run_async(move |key, _| {
        let (rest, monitors) = (asking.clone(), collecting.clone());
        Box::pin(async move { step(&monitors, &rest, key).await })
    });
    tokio::join!(monitors.follow(&rest), collect);
}

/// Looks at one object again (the key's name is its uid): is it still wanted?
async fn step(monitors: &Monitors, rest: &Rest, key: &ObjectKey) -> Result<Plan, Box<Failure>> {
    let Some(node) = monitors.graph().lock().node(&key.name) else { return Ok(Plan::new()) };
    let Some(observed) = attempt::observe(monitors, rest, &node).await? else { return Ok(Plan::new()) };
    let (plan, again) = collect::reconcile(&observed);
    again.into_iter().for_each(|uid| monitors.look_at(uid));
    Ok(plan)
}
