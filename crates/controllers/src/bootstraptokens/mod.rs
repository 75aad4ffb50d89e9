//! Bootstrap tokens, with which nodes join: the cluster's address and CA, signed with each of them, in cluster-info; and the
//! end of those that have expired.

use client::runtime::Controller;
use client::{Change, Lister, ObjectKey, ResourceType, Selection};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::Context;

mod cleaner;
mod signer;
mod token;

#[cfg(test)]
mod tests;

const INFO: (&str, &str) = ("kube-public", "cluster-info");

/// The Secrets with tokens; all others stay where they are.
fn tokens() -> Selection {
    let fields = format!("type={}", token::SECRET_TYPE);
    Selection { fields, ..Selection::namespace(token::NAMESPACE) }
}

/// Keeps the signatures in cluster-info.
pub async fn sign(context: Context) {
    let mut controller = Controller::new("bootstrap-signer-controller", &context.informers, context.client.clone());
    let info = ObjectKey::new(INFO.0, INFO.1);
    let selection = Selection { fields: format!("metadata.name={}", INFO.1), ..Selection::namespace(INFO.0) };
    let maps = context.informers.select::<ConfigMap>(selection);
    let maps: Lister<ConfigMap> =
        controller
            .watch_informer(ResourceType::of::<ConfigMap>(), maps, |change: &Change<ConfigMap>| vec![change.key()]);
    let secrets = context.informers.select::<Secret>(tokens());
    let secrets: Lister<Secret> =
        controller.watch_informer(ResourceType::of::<Secret>(), secrets, move |_: &Change<Secret>| vec![info.clone()]);
    controller.run(move |key, attempt| signer::plan(&maps, &secrets, key, attempt.now)).await;
}

/// Deletes tokens whose time is up.
pub async fn clean(context: Context) {
    let mut controller = Controller::new("token-cleaner-controller", &context.informers, context.client.clone());
    let secrets = context.informers.select::<Secret>(tokens());
    let secrets: Lister<Secret> =
        controller.watch_informer(ResourceType::of::<Secret>(), secrets, |change: &Change<Secret>| vec![change.key()]);
    controller.run(move |key, attempt| cleaner::plan(&secrets, key, attempt.now)).await;
}
