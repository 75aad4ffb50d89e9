//! Namespaces that are being deleted: empties them, Pods first, then lets them go.

use std::sync::Arc;

use client::discovery::Discovery;
use client::runtime::{Attempt, Controller, Failure, Plan};
use client::{Error, Lister, Object, ObjectKey, ResourceType, Rest};
use k8s_openapi::api::core::v1::Namespace;

use crate::Context;

#[cfg(test)]
mod tests;

mod content;
mod reconcile;

pub async fn run(context: Context) {
    let mut controller =
        Controller::new("namespace-controller", &context.informers, context.client.clone()).workers(10);
    let namespaces: Lister<Namespace> = controller.own();
    let rest = controller.rest().clone();
    controller
        .run_async(move |key, attempt| {
            let (namespace, rest) = (namespaces.get(key), rest.clone());
            Box::pin(async move { step(namespace, &rest, key, attempt).await })
        })
        .await;
}

/// One round: deletes what is left and says what remains.
async fn step(
    namespace: Option<Arc<Namespace>>,
    rest: &Rest,
    key: &ObjectKey,
    attempt: Attempt<'_>,
) -> Result<Plan, Box<Failure>> {
    let Some(namespace) = namespace.filter(|namespace| namespace.is_deleting()) else { return Ok(Plan::new()) };
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.clone()).unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == reconcile::FINALIZER) {
        return Ok(Plan::new());
    }
    if let Some(plan) = reconcile::mark_terminating(&namespace) {
        return Ok(plan);
    }
    let discovery = Discovery::read(rest).await.map_err(|error| failure("discover the resources of", key, error))?;
    let content = content::delete(rest, &discovery, &key.name, attempt.now).await;
    Ok(reconcile::reconcile(&namespace, &content, attempt.now))
}

fn failure(action: &str, key: &ObjectKey, error: Error) -> Box<Failure> {
    Box::new(Failure {
        action: format!("{action} Namespace {key}"),
        resource: ResourceType::of::<Namespace>(),
        verb: "get",
        error,
    })
}
