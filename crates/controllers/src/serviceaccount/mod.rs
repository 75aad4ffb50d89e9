//! Every active namespace has a ServiceAccount named default.

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::Context;

#[cfg(test)]
mod tests;

const DEFAULT: &str = "default";

pub async fn run(context: Context) {
    let mut controller = Controller::new("serviceaccount-controller", &context.informers, context.client.clone());
    let namespaces: Lister<Namespace> = controller.own();
    let accounts: Lister<ServiceAccount> = controller.watch(|change: &Change<ServiceAccount>| {
        let is_default = change.is_delete() && change.object().name() == DEFAULT;
        is_default.then(|| ObjectKey::cluster(change.object().namespace())).into_iter().collect()
    });
    controller.run(move |key, _| plan(&namespaces, &accounts, key)).await;
}

fn plan(namespaces: &Lister<Namespace>, accounts: &Lister<ServiceAccount>, key: &ObjectKey) -> Plan {
    let mut plan = Plan::new();
    let Some(namespace) = namespaces.get(key) else { return plan };
    if is_active(&namespace) && accounts.get(&ObjectKey::new(&key.name, DEFAULT)).is_none() {
        let metadata =
            ObjectMeta { name: Some(DEFAULT.to_owned()), namespace: Some(key.name.clone()), ..ObjectMeta::default() };
        plan.create(&ServiceAccount { metadata, ..ServiceAccount::default() }, None);
    }
    plan
}

/// Whether things may still be made in a namespace.
pub fn is_active(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    !namespace.is_deleting() && phase != Some("Terminating")
}
