//! Endpoints, the older form of EndpointSlices: one object per Service with a selector, at most a thousand addresses.

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};

use crate::Context;
use crate::backends;

mod reconcile;

use reconcile::{Observed, reconcile};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("endpoint-controller", &context.informers, context.client.clone());
    let services: Lister<Service> = controller.own();
    let selecting = services.clone();
    let pods: Lister<Pod> = controller.watch(move |change: &Change<Pod>| backends::services_of(change, &selecting));
    let endpoints: Lister<Endpoints> = controller.own();
    controller.run(move |key, _| plan(&services, &pods, &endpoints, key)).await;
}

fn plan(services: &Lister<Service>, pods: &Lister<Pod>, endpoints: &Lister<Endpoints>, key: &ObjectKey) -> Plan {
    let mut plan = Plan::new();
    let current = endpoints.get(key);
    let Some(service) = services.get(key).filter(|service| !service.is_deleting()) else {
        // Only what we made goes with the Service; others' Endpoints of the same name stay.
        if let Some(current) = current.filter(|current| reconcile::is_managed(current)) {
            plan.delete(&*current, None);
        }
        return plan;
    };
    let Some(spec) = backends::managed(&service) else { return plan };
    let pods = backends::pods_of(&service, pods);
    reconcile(&Observed { service: &service, spec, pods: &pods, current: current.as_deref() })
}
