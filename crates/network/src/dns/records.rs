//! What DNS knows of the cluster; written to disk as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::protocol::Protocol;

/// A port by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRecord {
    /// Its name; empty has no SRV name of its own.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

/// A ready endpoint of a headless Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Its name below the Service's: the Pod's hostname, else its address with dashes.
    pub hostname: String,
    /// Its address.
    pub address: IpAddr,
    /// Its ports.
    pub ports: Vec<PortRecord>,
}

/// What a Service's name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServiceRecord {
    /// Its cluster addresses.
    Cluster {
        /// One per family.
        addresses: Vec<IpAddr>,
        /// Its ports.
        ports: Vec<PortRecord>,
    },
    /// Its endpoints.
    Headless {
        /// The ready ones.
        endpoints: Vec<EndpointRecord>,
    },
    /// Another name.
    External {
        /// Without a closing dot.
        name: String,
    },
}

/// All Services and namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    services: BTreeMap<String, BTreeMap<String, ServiceRecord>>,
    namespaces: BTreeSet<String>,
    /// Pods by address, where searches are answered for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    clients: BTreeMap<IpAddr, String>,
    #[serde(skip)]
    reverse: BTreeMap<IpAddr, BTreeSet<String>>,
}

impl Records {
    /// Reads what [`serde_json`] wrote.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut records: Self = serde_json::from_slice(bytes)?;
        let services = std::mem::take(&mut records.services);
        for (namespace, services) in services {
            for (name, record) in services {
                records.set_service(&namespace, &name, Some(record));
            }
        }
        Ok(records)
    }

    /// Puts, replaces or (none) removes a Service.
    pub fn set_service(&mut self, namespace: &str, name: &str, record: Option<ServiceRecord>) {
        let services = self.services.entry(namespace.to_owned()).or_default();
        let former = match record {
            Some(record) => {
                let names = reverse_names(namespace, name, &record);
                let former = services.insert(name.to_owned(), record);
                Self::unlink(&mut self.reverse, former.map(|former| reverse_names(namespace, name, &former)));
                for (address, name) in names {
                    self.reverse.entry(address).or_default().insert(name);
                }
                return;
            }
            None => services.remove(name),
        };
        if services.is_empty() {
            self.services.remove(namespace);
        }
        Self::unlink(&mut self.reverse, former.map(|former| reverse_names(namespace, name, &former)));
    }

    fn unlink(reverse: &mut BTreeMap<IpAddr, BTreeSet<String>>, names: Option<Vec<(IpAddr, String)>>) {
        for (address, name) in names.into_iter().flatten() {
            if let Some(names) = reverse.get_mut(&address) {
                names.remove(&name);
                if names.is_empty() {
                    reverse.remove(&address);
                }
            }
        }
    }

    /// Replaces the list of namespaces.
    pub fn set_namespaces(&mut self, namespaces: BTreeSet<String>) {
        self.namespaces = namespaces;
    }

    /// Replaces the list of Pods: address -> namespace.
    pub fn set_clients(&mut self, clients: BTreeMap<IpAddr, String>) {
        self.clients = clients;
    }

    /// The namespace of the Pod with this address.
    pub fn namespace_of(&self, client: &IpAddr) -> Option<&str> {
        self.clients.get(client).map(String::as_str)
    }

    /// Whether the namespace is there.
    pub fn has_namespace(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace) || self.services.contains_key(namespace)
    }

    /// A Service's record.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&ServiceRecord> {
        self.services.get(namespace)?.get(name)
    }

    /// Keys of all Services: (namespace, name).
    pub fn keys(&self) -> Vec<(String, String)> {
        let pairs =
            self.services.iter().flat_map(|(namespace, services)| services.keys().map(move |name| (namespace, name)));
        pairs.map(|(namespace, name)| (namespace.clone(), name.clone())).collect()
    }

    /// Names of an address, relative to the cluster's domain.
    pub fn names_of(&self, address: &IpAddr) -> impl Iterator<Item = &String> {
        self.reverse.get(address).into_iter().flatten()
    }
}

fn reverse_names(namespace: &str, name: &str, record: &ServiceRecord) -> Vec<(IpAddr, String)> {
    let service = format!("{name}.{namespace}.svc");
    match record {
        ServiceRecord::Cluster { addresses, .. } => {
            addresses.iter().map(|address| (*address, service.clone())).collect()
        }
        ServiceRecord::Headless { endpoints } => {
            endpoints.iter().map(|endpoint| (endpoint.address, format!("{}.{service}", endpoint.hostname))).collect()
        }
        ServiceRecord::External { .. } => Vec::new(),
    }
}
