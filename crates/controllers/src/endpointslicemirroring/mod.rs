//! EndpointSlices of Services without a selector whose Endpoints somebody writes by hand: the slices repeat what those say.

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey, ResourceType, Selection};
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::Context;
use crate::endpointslice::{MANAGED_BY, SERVICE_NAME};

mod reconcile;

use reconcile::MANAGER;

#[cfg(test)]
mod tests;

/// The index of slices by the key of their Service.
const BY_SERVICE: &str = "service";

pub async fn run(context: Context) {
    let mut controller =
        Controller::new("endpoint-slice-mirroring-controller", &context.informers, context.client.clone());
    let all: Lister<Endpoints> = controller.own();
    let services: Lister<Service> = controller.watch(|change: &Change<Service>| vec![change.object().key()]);
    let informer = context.informers.select::<EndpointSlice>(Selection::labels(format!("{MANAGED_BY}={MANAGER}")));
    let slices = controller.watch_informer(ResourceType::of::<EndpointSlice>(), informer, to_service);
    index(&slices);
    controller.run(move |key, _| plan(&all, &services, &slices, key)).await;
}

fn index(slices: &Lister<EndpointSlice>) {
    slices.add_index(BY_SERVICE, |slice| service_of(slice).iter().map(ToString::to_string).collect());
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    slice.label(SERVICE_NAME).map(|name| ObjectKey::new(slice.namespace(), name))
}

fn to_service(change: &Change<EndpointSlice>) -> Vec<ObjectKey> {
    service_of(change.object()).into_iter().collect()
}

fn plan(all: &Lister<Endpoints>, services: &Lister<Service>, slices: &Lister<EndpointSlice>, key: &ObjectKey) -> Plan {
    let own = slices.by_index(BY_SERVICE, &key.to_string());
    let own: Vec<_> = own.into_iter().filter(|slice| slice.label(MANAGED_BY) == Some(MANAGER)).collect();
    let has_no_selector = |service: &Service| service.spec.as_ref().is_some_and(|spec| spec.selector.is_none());
    let service = services.get(key).filter(|service| has_no_selector(service));
    let endpoints = all.get(key).filter(|endpoints| service.is_some() && reconcile::is_mirrored(endpoints));
    reconcile::reconcile(endpoints.as_deref(), &own)
}
