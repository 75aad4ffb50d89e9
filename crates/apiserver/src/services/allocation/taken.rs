//! Addresses and ports that stored Services have. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use store::Item;

use crate::follow::View;
use crate::meta::Meta;
use crate::objects;

/// What one Service has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    pub addresses: Vec<IpAddr>,
    pub ports: Vec<u16>,
}

impl Holding {
    pub(super) fn of(service: &Value) -> Self {
        let spec = &service["spec"];
        let listed = spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut addresses: Vec<IpAddr> =
            listed.chain(spec["clusterIP"].as_str()).filter_map(|text| text.parse().ok()).collect();
        addresses.sort();
        addresses.dedup();
        let ports = spec["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]);
        let ports = ports.chain([&spec["healthCheckNodePort"]]).filter_map(Value::as_u64);
        let mut ports: Vec<u16> = ports.filter(|port| *port > 0).filter_map(|port| u16::try_from(port).ok()).collect();
        ports.sort();
        ports.dedup();
        Self { addresses, ports }
    }

    /// What this has and `other` does not.
    pub(super) fn without(&self, other: &Holding) -> Holding {
        Holding {
            addresses: self.addresses.iter().filter(|address| !other.addresses.contains(address)).copied().collect(),
            ports: self.ports.iter().filter(|port| !other.ports.contains(port)).copied().collect(),
        }
    }
}

/// All holdings, by Service.
#[derive(Debug, Default)]
pub(super) struct Taken {
    services: BTreeMap<String, Holding>,
    addresses: BTreeMap<IpAddr, usize>,
    ports: BTreeMap<u16, usize>,
}

impl Taken {
    pub(super) fn address(&self, address: IpAddr) -> bool {
        self.addresses.contains_key(&address)
    }

    pub(super) fn port(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    fn forget(&mut self, key: &str) {
        let Some(holding) = self.services.remove(key) else { return };
        holding.addresses.iter().for_each(|address| decrement(&mut self.addresses, address));
        holding.ports.iter().for_each(|port| decrement(&mut self.ports, port));
    }
}

fn decrement<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl View for Taken {
    const SOURCES: &'static [&'static str] = &["services/specs"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        self.forget(&item.key);
        let holding = Holding::of(&objects::parse(item));
        for address in &holding.addresses {
            *self.addresses.entry(*address).or_default() += 1;
        }
        for port in &holding.ports {
            *self.ports.entry(*port).or_default() += 1;
        }
        self.services.insert(item.key.to_string(), holding);
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.forget(&item.key);
    }
}
