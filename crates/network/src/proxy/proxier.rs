//! What is installed for which Service, and what a changed Service changes in the table. Pure: the deltas are applied elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::desired::Frontends;
use super::elements::{Installed, parts};
use super::frontend::{Backend, Endpoint, Frontend, ServiceKey};
use super::slots::place;
use crate::protocol::Protocol;
use crate::rtnl::Prefix;
use crate::table::Delta;

/// What a changed Service means for the kernel.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// For the table.
    pub delta: Delta,
    /// UDP frontends whose connections must only go to these endpoints: others are cut, so that clients are sent on.
    pub udp: BTreeMap<Frontend, BTreeSet<Endpoint>>,
    /// Frontends with affinity whose entries may only point to these endpoints.
    pub affinity: BTreeMap<Frontend, BTreeSet<Endpoint>>,
}

/// The proxy's memory. Two Services that claim one frontend: the first by namespace and name has it, the other waits.
#[derive(Default)]
pub struct Proxier {
    cluster: Vec<Prefix>,
    claims: BTreeMap<Frontend, BTreeMap<ServiceKey, Backend>>,
    by_service: BTreeMap<ServiceKey, BTreeSet<Frontend>>,
    installed: BTreeMap<Frontend, Installed>,
    in_use: BTreeMap<IpAddr, usize>,
}

impl Proxier {
    /// An empty memory; `cluster` are the ranges of Pod addresses.
    pub fn new(cluster: Vec<Prefix>) -> Self {
        Self { cluster, ..Self::default() }
    }

    /// Takes in what a Service wants now (nothing: it is gone) and says what changes.
    pub fn set_service(&mut self, service: &ServiceKey, wanted: Frontends) -> Change {
        let mut touched = self.by_service.remove(service).unwrap_or_default();
        for frontend in &touched {
            if let Some(claims) = self.claims.get_mut(frontend) {
                claims.remove(service);
            }
        }
        touched.extend(wanted.keys().copied());
        if !wanted.is_empty() {
            self.by_service.insert(service.clone(), wanted.keys().copied().collect());
        }
        for (frontend, backend) in wanted {
            self.claims.entry(frontend).or_default().insert(service.clone(), backend);
        }
        let mut change = Change::default();
        touched.iter().for_each(|frontend| self.settle(frontend, &mut change));
        change
    }

    /// Services that are known.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.by_service.keys()
    }

    /// Whether any frontend sends to this address.
    pub fn sends_to(&self, address: &IpAddr) -> bool {
        self.in_use.contains_key(address)
    }

    /// Brings one frontend to what its first claimant wants.
    fn settle(&mut self, frontend: &Frontend, change: &mut Change) {
        let winner =
            self.claims.get(frontend).and_then(|claims| claims.first_key_value()).map(|(_, backend)| backend.clone());
        if winner.is_none() {
            self.claims.remove(frontend);
        }
        let former = self.installed.remove(frontend);
        let next = winner.map(|backend| install(former.as_ref(), backend));
        if former == next {
            self.installed.extend(next.map(|next| (*frontend, next)));
            return;
        }
        if let Some(former) = &former {
            change.delta.removed.extend(parts(frontend, former, &self.cluster).elements);
            self.count(former, false);
        }
        if let Some(next) = &next {
            let parts = parts(frontend, next, &self.cluster);
            change.delta.chains.extend(parts.chains);
            change.delta.added.extend(parts.elements);
            self.count(next, true);
        }
        note_stale(frontend, former.as_ref(), next.as_ref(), change);
        self.installed.extend(next.map(|next| (*frontend, next)));
    }

    fn count(&mut self, installed: &Installed, up: bool) {
        for (address, _) in installed.slots.iter().chain(&installed.outside) {
            let count = self.in_use.entry(*address).or_default();
            *count = if up { *count + 1 } else { *count - 1 };
            if *count == 0 {
                self.in_use.remove(address);
            }
        }
    }
}

fn install(former: Option<&Installed>, backend: Backend) -> Installed {
    let no_slots = Vec::new();
    let (slots, outside) = former.map_or((&no_slots, &no_slots), |former| (&former.slots, &former.outside));
    let none = BTreeSet::new();
    Installed {
        slots: place(slots, &backend.endpoints),
        outside: place(outside, backend.outside.as_ref().unwrap_or(&none)),
        backend,
    }
}

/// Connections and affinity entries that point to what is no longer there.
fn note_stale(frontend: &Frontend, former: Option<&Installed>, next: Option<&Installed>, change: &mut Change) {
    let endpoints = |installed: &Installed| -> BTreeSet<Endpoint> {
        installed.slots.iter().chain(&installed.outside).copied().collect()
    };
    let before = former.map(endpoints).unwrap_or_default();
    let after = next.map(endpoints).unwrap_or_default();
    let lost = before.difference(&after).next().is_some();
    // A frontend that gains its first endpoint has clients whose packets went nowhere, and whose entries say so.
    let first = before.is_empty() && !after.is_empty();
    if frontend.protocol == Protocol::Udp && (lost || first) {
        change.udp.insert(*frontend, after.clone());
    }
    let had_affinity = former.is_some_and(|former| former.backend.affinity.is_some());
    if had_affinity && lost {
        change.affinity.insert(*frontend, after);
    }
}

impl Change {
    /// Joins a later change to this one.
    pub fn extend(&mut self, later: Self) {
        self.delta.extend(later.delta);
        self.udp.extend(later.udp);
        self.affinity.extend(later.affinity);
    }
}
