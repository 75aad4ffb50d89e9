//! Every active namespace has a ConfigMap kube-root-ca.crt with the API server's CA.

use std::collections::BTreeMap;

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey, ResourceType, Selection};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::Context;
use crate::serviceaccount::is_active;

#[cfg(test)]
mod tests;

const NAME: &str = "kube-root-ca.crt";
const CERTIFICATE: &str = "ca.crt";
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal \
     service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
);

pub async fn run(context: Context) {
    let mut controller =
        Controller::new("root-ca-certificate-publisher-controller", &context.informers, context.client.clone());
    let namespaces: Lister<Namespace> = controller.own();
    let informer = context.informers.select::<ConfigMap>(Selection::fields(format!("metadata.name={NAME}")));
    let to_namespace = |change: &Change<ConfigMap>| vec![ObjectKey::cluster(change.object().namespace())];
    let maps = controller.watch_informer(ResourceType::of::<ConfigMap>(), informer, to_namespace);
    let certificate = context.config.root_ca.clone();
    controller.run(move |key, _| plan(&namespaces, &maps, key, &certificate)).await;
}

fn plan(namespaces: &Lister<Namespace>, maps: &Lister<ConfigMap>, key: &ObjectKey, certificate: &str) -> Plan {
    let mut plan = Plan::new();
    let Some(namespace) = namespaces.get(key) else { return plan };
    if !is_active(&namespace) {
        return plan;
    }
    let data = Some(BTreeMap::from([(CERTIFICATE.to_owned(), certificate.to_owned())]));
    match maps.get(&ObjectKey::new(&key.name, NAME)) {
        None => {
            let annotations = BTreeMap::from([(DESCRIPTION.0.to_owned(), DESCRIPTION.1.to_owned())]);
            let metadata = ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(key.name.clone()),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            };
            plan.create(&ConfigMap { metadata, data, ..ConfigMap::default() }, None);
        }
        Some(map) => {
            let mut wanted = ConfigMap { data, ..ConfigMap::clone(&map) };
            let annotations = wanted.metadata.annotations.get_or_insert_default();
            annotations.insert(DESCRIPTION.0.to_owned(), DESCRIPTION.1.to_owned());
            plan.update(&*map, &wanted);
        }
    }
    plan
}
