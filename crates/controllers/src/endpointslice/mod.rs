//! EndpointSlices of Services with a selector: every Pod behind a Service, ready or not, in slices of at most a hundred.

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey, ResourceType, Selection};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::Context;
use crate::backends;
use crate::ownership::{BY_CONTROLLER, by_controller};

mod desired;
mod reconcile;

pub use reconcile::{MANAGED_BY, SERVICE_NAME};
use reconcile::{MANAGER, Observed};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("endpoint-slice-controller", &context.informers, context.client.clone());
    let services: Lister<Service> = controller.own();
    let selecting = services.clone();
    let pods: Lister<Pod> = controller.watch(move |change: &Change<Pod>| backends::services_of(change, &selecting));
    let affected = (services.clone(), pods.clone());
    let nodes: Lister<Node> = controller.watch(move |change: &Change<Node>| on_node(change, &affected.0, &affected.1));
    let informer = context.informers.select::<EndpointSlice>(Selection::labels(format!("{MANAGED_BY}={MANAGER}")));
    let slices = controller.watch_informer(ResourceType::of::<EndpointSlice>(), informer, to_service);
    slices.add_index(BY_CONTROLLER, by_controller);
    controller.run(move |key, _| plan(&services, &pods, &nodes, &slices, key)).await;
}

fn plan(
    services: &Lister<Service>,
    pods: &Lister<Pod>,
    nodes: &Lister<Node>,
    slices: &Lister<EndpointSlice>,
    key: &ObjectKey,
) -> Plan {
    // The slices of a Service that is gone go with it, by their owner reference.
    let Some(service) = services.get(key).filter(|service| !service.is_deleting()) else { return Plan::new() };
    let Some(spec) = backends::managed(&service) else { return Plan::new() };
    let pods = backends::pods_of(&service, pods);
    let slices: Vec<_> =
        slices.by_index(BY_CONTROLLER, service.uid()).into_iter().filter(|slice| !slice.is_deleting()).collect();
    let node = |name: &str| nodes.get(&ObjectKey::cluster(name));
    reconcile::reconcile(&Observed { service: &service, spec, pods: &pods, slices: &slices, node: &node })
}

fn to_service(change: &Change<EndpointSlice>) -> Vec<ObjectKey> {
    let slice = change.object();
    slice.label(SERVICE_NAME).map(|name| ObjectKey::new(slice.namespace(), name)).into_iter().collect()
}

/// A node's zone shows in its Pods' endpoints, and a Pod counts only while its node is there.
fn on_node(change: &Change<Node>, services: &Lister<Service>, pods: &Lister<Pod>) -> Vec<ObjectKey> {
    let zone = |node: &Node| node.label(desired::ZONE).map(str::to_owned);
    if let (Some(old), Some(new)) = (&change.old, &change.new)
        && zone(old) == zone(new)
    {
        return Vec::new();
    }
    let name = change.object().name().to_owned();
    let on_it: Vec<_> = pods.list().into_iter().filter(|pod| crate::pods::node_name(pod) == name).collect();
    let affected = |service: &Service| {
        let selector = backends::selector(service);
        on_it
            .iter()
            .any(|pod| pod.namespace() == service.namespace() && crate::ownership::matches(&selector, &pod.metadata))
    };
    services.list().iter().filter(|service| affected(service)).map(|service| service.key()).collect()
}
