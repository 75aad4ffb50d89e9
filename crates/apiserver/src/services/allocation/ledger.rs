//! The one account of what is taken: what stored Services have, what writes under way have reserved, and the IPAddress object of each address.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use api::kind::Kind;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::taken::{Holding, Taken};
use crate::follow::Followed;
use crate::front::spawn_on_drop;
use crate::objects::Objects;
use crate::rows::row;
use crate::service::Held;
use crate::status::Status;

const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR: &str = "ipallocator.k8s.io";

/// Reserved by writes that are under way.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    pub addresses: BTreeSet<IpAddr>,
    pub ports: BTreeSet<u16>,
}

impl Reserved {
    pub fn add(&mut self, holding: &Holding) {
        self.addresses.extend(&holding.addresses);
        self.ports.extend(&holding.ports);
    }

    fn remove(&mut self, holding: &Holding) {
        self.addresses.retain(|address| !holding.addresses.contains(address));
        self.ports.retain(|port| !holding.ports.contains(port));
    }
}

pub(super) struct Ledger {
    pub objects: Objects,
    pub taken: Followed<Taken>,
    pub reserved: Mutex<Reserved>,
    ip_addresses: &'static Kind,
}

impl Ledger {
    pub fn new(objects: Objects) -> Self {
        let ip_addresses = row("networking.k8s.io", "v1", "ipaddresses");
        Self { taken: Followed::new(objects.clone()), reserved: Mutex::default(), objects, ip_addresses }
    }

    /// Keeps what a write has reserved until it has ended. One that is dropped half way gives it back as soon as its end is known; `before` is
    /// what its Service had.
    pub fn hold(self: &Arc<Self>, metadata: &Value, fresh: Holding, before: Holding) -> Held {
        let (ledger, parent) = (self.clone(), parent(metadata));
        Held::new(move |settled| {
            if settled {
                return ledger.reserved.lock().remove(&fresh);
            }
            let env = ledger.objects.env().clone();
            spawn_on_drop(&env, "a dropped write of a Service", ledger.abandon(parent, fresh, before));
        })
    }

    async fn abandon(self: Arc<Self>, parent: Value, fresh: Holding, before: Holding) {
        // Writes are decided in turn: once this is answered, the one that was dropped is stored, or never will be.
        self.objects.settled().await;
        let loose: Vec<IpAddr> = {
            let taken = self.taken.read();
            fresh.addresses.iter().filter(|address| !taken.address(**address)).copied().collect()
        };
        for address in loose {
            if self.ip_address(address).is_some_and(|found| found["spec"]["parentRef"] == parent) {
                self.remove(address).await;
            }
        }
        self.reserved.lock().remove(&fresh);
        self.disclaim(&before).await;
    }

    /// One IPAddress object per reserved address; the ones made are taken back if one is somebody else's.
    pub async fn claim(&self, metadata: &Value, holding: &Holding) -> Result<(), Status> {
        for (at, address) in holding.addresses.iter().enumerate() {
            let mut made = self.objects.create(self.ip_addresses, claimed(*address, metadata)).await;
            let exists = made.as_ref().is_err_and(|status| status.reason == "AlreadyExists");
            if exists && self.is_left_over(*address) {
                self.remove(*address).await;
                made = self.objects.create(self.ip_addresses, claimed(*address, metadata)).await;
            }
            if let Err(status) = made {
                for address in &holding.addresses[..at] {
                    self.remove(*address).await;
                }
                return Err(status);
            }
        }
        Ok(())
    }

    /// Takes back what [`Ledger::claim`] made for a write that did not happen, whose addresses are still reserved.
    pub async fn unclaim(&self, holding: &Holding) {
        for address in &holding.addresses {
            self.remove(*address).await;
        }
    }

    /// Removes the IPAddresses of what was given up, unless another Service has the address by now.
    pub async fn disclaim(&self, holding: &Holding) {
        for address in &holding.addresses {
            let own = Holding { addresses: vec![*address], ports: Vec::new() };
            {
                // Reserved while it is removed, so that nobody gets the address in between.
                let (taken, mut reserved) = (self.taken.read(), self.reserved.lock());
                if taken.address(*address) || reserved.addresses.contains(address) {
                    continue;
                }
                reserved.add(&own);
            }
            self.remove(*address).await;
            self.reserved.lock().remove(&own);
        }
    }

    /// Removes the IPAddresses that no Service has: a server that ended in the middle of a write left them (upstream's repair loop,
    /// pkg/registry/core/service/ipallocator/controller; what it does not manage, or is no Service's, it leaves alone).
    pub async fn repair(self: Arc<Self>) {
        for found in self.objects.list(self.ip_addresses, "") {
            let name = found["metadata"]["name"].as_str().unwrap_or_default();
            let Ok(address) = name.parse() else { continue };
            if is_of_a_service(&found) {
                self.disclaim(&Holding { addresses: vec![address], ports: Vec::new() }).await;
            }
        }
    }

    /// Of a reserved address: no other write makes its IPAddress, so that one no Service has was left behind.
    fn is_left_over(&self, address: IpAddr) -> bool {
        let found = self.ip_address(address);
        found.is_some_and(|found| is_of_a_service(&found)) && !self.taken.read().address(address)
    }

    fn ip_address(&self, address: IpAddr) -> Option<Value> {
        self.objects.get(self.ip_addresses, "", &address.to_string())
    }

    async fn remove(&self, address: IpAddr) {
        if let Err(status) = self.objects.remove(self.ip_addresses, "", &address.to_string()).await {
            tracing::warn!(%address, %status, "an IPAddress could not be removed");
        }
    }
}

fn parent(metadata: &Value) -> Value {
    json!({"group": "", "resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]})
}

fn claimed(address: IpAddr, metadata: &Value) -> Value {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {
            "name": address.to_string(),
            "labels": {"ipaddress.kubernetes.io/ip-family": family, MANAGED_BY: ALLOCATOR},
        },
        "spec": {"parentRef": parent(metadata)},
    })
}

/// Made for a Service by an allocator.
fn is_of_a_service(found: &Value) -> bool {
    let parent = &found["spec"]["parentRef"];
    found["metadata"]["labels"][MANAGED_BY] == ALLOCATOR && parent["group"] == "" && parent["resource"] == "services"
}
