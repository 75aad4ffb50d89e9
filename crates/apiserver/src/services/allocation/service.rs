//! The service `services`: reserves before a write, settles or releases after it.

use std::net::IpAddr;
use std::sync::Arc;

use api::field_error::FieldError;
use api::kind::Kind;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::ledger::{Ledger, Reserved};
use super::pool::{AddressRange, PortRange};
use super::taken::Holding;
use super::{families, plan};
use crate::config::Config;
use crate::objects::Objects;
use crate::service::{Change, Held, Service};
use crate::status::Status;

/// Gives Services their addresses and node ports.
pub struct ServiceAllocation {
    ledger: Arc<Ledger>,
    ranges: Vec<AddressRange>,
    ports: PortRange,
}

impl ServiceAllocation {
    /// Ranges that cannot be read are left out; the PKI refuses such a configuration before.
    pub fn new(objects: Objects, config: &Config) -> Self {
        Self {
            ranges: config.service_cidrs.iter().filter_map(|cidr| AddressRange::parse(cidr)).collect(),
            ports: PortRange { first: *config.node_ports.start(), last: *config.node_ports.end() },
            ledger: Arc::new(Ledger::new(objects)),
        }
    }

    /// Removes the IPAddresses that no Service has; for the start of a server.
    pub fn repair(&self) -> impl Future<Output = ()> + Send + use<> {
        self.ledger.clone().repair()
    }

    /// Whether any write under way has reserved something.
    #[cfg(test)]
    pub(crate) fn reserves(&self) -> bool {
        let reserved = self.ledger.reserved.lock();
        !(reserved.addresses.is_empty() && reserved.ports.is_empty())
    }

    fn range(&self, family: &str) -> Option<&AddressRange> {
        self.ranges.iter().find(|range| range.family() == family)
    }

    /// Decides all values and reserves them, or nothing.
    fn reserve(&self, service: &mut Value, old: Option<&Value>, dry_run: bool) -> Result<Holding, Vec<FieldError>> {
        let taken = self.ledger.taken.read();
        let mut reserved = self.ledger.reserved.lock();
        let before = old.map(Holding::of).unwrap_or_default();
        let mut chosen = Reserved::default();
        let mut errors = self.choose_addresses(service, &before, |address| {
            taken.address(address) || reserved.addresses.contains(&address)
        });
        errors.extend(
            self.choose_ports(service, &before, &mut chosen, |port| taken.port(port) || reserved.ports.contains(&port)),
        );
        if !errors.is_empty() {
            return Err(errors);
        }
        let fresh = Holding::of(service).without(&before);
        if !dry_run {
            reserved.add(&fresh);
        }
        Ok(fresh)
    }

    fn choose_addresses(
        &self,
        service: &mut Value,
        before: &Holding,
        taken: impl Fn(IpAddr) -> bool,
    ) -> Vec<FieldError> {
        let spec = &mut service["spec"];
        let mut list: Vec<String> =
            spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        if list.first().is_some_and(|first| first == "None") {
            spec["clusterIP"] = "None".into();
            return Vec::new();
        }
        let families: Vec<String> =
            spec["ipFamilies"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let given = json!(list);
        for (at, family) in families.iter().enumerate() {
            let Some(range) = self.range(family) else { continue };
            match list.get(at).filter(|text| !text.is_empty()) {
                Some(text) => {
                    // What is no address is validation's to refuse.
                    let Ok(address) = text.parse::<IpAddr>() else { continue };
                    if before.addresses.contains(&address) {
                        continue;
                    }
                    if let Some(why) = refusal(range, address, taken(address)) {
                        let why = format!("failed to allocate IP {address}: {why}");
                        return vec![FieldError::invalid("spec.clusterIPs", &given, &why)];
                    }
                }
                None => match range.free(self.ledger.objects.env().random_u64(), &taken) {
                    Some(address) => list.push(address.to_string()),
                    None => {
                        let why = format!("failed to allocate a serviceIP: range {} is full", range.text);
                        return vec![FieldError::invalid("spec.clusterIPs", &given, &why)];
                    }
                },
            }
        }
        if let Some(first) = list.first() {
            spec["clusterIP"] = first.as_str().into();
            spec["clusterIPs"] = json!(list);
        }
        Vec::new()
    }

    fn choose_ports(
        &self,
        service: &mut Value,
        before: &Holding,
        chosen: &mut Reserved,
        taken: impl Fn(u16) -> bool,
    ) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut demand = |value: &mut Value, field: String, chosen: &mut Reserved, share: Option<u16>| {
            let asked = value.as_u64().filter(|port| *port > 0).and_then(|port| u16::try_from(port).ok());
            let port = asked.or(share);
            let Some(port) = port else {
                let free = self.ports.free(self.ledger.objects.env().random_u64(), |port| {
                    taken(port) || chosen.ports.contains(&port) || before.ports.contains(&port)
                });
                match free {
                    Some(port) => {
                        chosen.ports.insert(port);
                        *value = port.into();
                    }
                    None => errors.push(FieldError::invalid(
                        field,
                        &json!(0),
                        "failed to allocate a nodePort: range is full",
                    )),
                }
                return;
            };
            *value = port.into();
            if before.ports.contains(&port) || chosen.ports.contains(&port) {
                return;
            }
            let (first, last) = (self.ports.first, self.ports.last);
            if !self.ports.contains(port) {
                let why =
                    format!("provided port is not in the valid range. The range of valid ports is {first}-{last}");
                errors.push(FieldError::invalid(field, &port.into(), &why));
            } else if taken(port) {
                errors.push(FieldError::invalid(field, &port.into(), "provided port is already allocated"));
            } else {
                chosen.ports.insert(port);
            }
        };
        let needs = plan::needs_node_ports(service);
        let health = plan::needs_health_check_port(service);
        let mut by_number: Vec<(Value, Value, u16)> = Vec::new();
        for (at, port) in
            service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten().enumerate()
        {
            let explicit = port["nodePort"].as_u64().is_some_and(|number| number > 0);
            if !needs && !explicit {
                continue;
            }
            // One number may serve the same port in another protocol.
            let share =
                by_number.iter().find(|(number, protocol, _)| *number == port["port"] && *protocol != port["protocol"]);
            let share = share.map(|(_, _, chosen)| *chosen);
            demand(&mut port["nodePort"], format!("spec.ports[{at}].nodePort"), chosen, share);
            let number = port["nodePort"].as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or_default();
            by_number.push((port["port"].clone(), port["protocol"].clone(), number));
        }
        if health {
            demand(&mut service["spec"]["healthCheckNodePort"], "spec.healthCheckNodePort".to_owned(), chosen, None);
        }
        errors
    }
}

fn refusal(range: &AddressRange, address: IpAddr, taken: bool) -> Option<String> {
    if !range.contains(address) {
        let text = &range.text;
        return Some(format!(
            "the provided IP ({address}) is not in the valid range. The range of valid IPs is {text}"
        ));
    }
    taken.then(|| "provided IP is already allocated".to_owned())
}

#[async_trait]
impl Service for ServiceAllocation {
    async fn before_write(&self, change: &mut Change<'_>) -> Result<Held, Status> {
        let old = change.old;
        let service = &mut *change.object;
        let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        plan::align_addresses(service, old);
        if let Some(old) = old {
            plan::keep_allocated(service, old);
            plan::drop_dependent(service, old);
        }
        let configured: Vec<&str> = self.ranges.iter().map(AddressRange::family).collect();
        let mut errors = Vec::new();
        if plan::needs_address(service) {
            errors = families::complete(&mut service["spec"], old, &configured);
        }
        if errors.is_empty() && plan::needs_address(service) {
            errors = unchanged_primary(service, old);
        }
        let kind = change.kind;
        let invalid = |errors: Vec<FieldError>| Status::invalid(kind, &name, &errors);
        if !errors.is_empty() {
            return Err(invalid(errors));
        }
        let fresh = self.reserve(service, old, change.dry_run).map_err(invalid)?;
        if change.dry_run {
            return Ok(Held::default());
        }
        let metadata = &service["metadata"];
        let held = self.ledger.hold(metadata, fresh.clone(), old.map(Holding::of).unwrap_or_default());
        match self.ledger.claim(metadata, &fresh).await {
            Ok(()) => Ok(held),
            Err(status) => {
                held.settle();
                Err(status)
            }
        }
    }

    async fn after_failed(&self, change: &Change<'_>) {
        if change.dry_run {
            return;
        }
        let before = change.old.map(Holding::of).unwrap_or_default();
        self.ledger.unclaim(&Holding::of(change.object).without(&before)).await;
    }

    async fn after_write(&self, change: &Change<'_>) {
        let before = change.old.map(Holding::of).unwrap_or_default();
        self.ledger.disclaim(&before.without(&Holding::of(change.object))).await;
    }

    async fn after_delete(&self, _: &'static Kind, object: &Value) {
        self.ledger.disclaim(&Holding::of(object)).await;
    }
}

/// The first address is for life.
fn unchanged_primary(service: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let Some(old) = old.filter(|old| plan::needs_address(old)) else { return Vec::new() };
    let (new, was) = (&service["spec"]["clusterIPs"], &old["spec"]["clusterIPs"]);
    if was[0].is_null() || new[0] == was[0] {
        return Vec::new();
    }
    vec![FieldError::invalid("spec.clusterIPs[0]", new, "may not change once set")]
}
