//! What is on which node: a Pod's address is on the node whose part of the cluster's Pod range has it; a node's own addresses are only what it
//! says of itself, so they tell no nodes apart.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::ip::{in_range, parse_range_sloppy, parse_sloppy};
use serde_json::Value;
use store::Item;

use crate::follow::View;
use crate::meta::Meta;
use crate::objects::parse;

/// A range: its first address and the length of its prefix.
pub(super) type Range = (IpAddr, u8);

#[derive(Default)]
struct Place {
    own: Vec<IpAddr>,
    pods: Vec<Range>,
}

impl Place {
    fn has_pod(&self, address: IpAddr, cluster: &[Range]) -> bool {
        let inside = |part: &Range| cluster.iter().any(|whole| whole.1 <= part.1 && in_range(*whole, part.0));
        self.pods.iter().any(|range| in_range(*range, address) && inside(range))
    }
}

#[derive(Default)]
pub(super) struct Places(BTreeMap<String, Place>);

impl Places {
    /// The node that has a Pod's address. None where several do: one of them has what is not its.
    pub fn of_pod(&self, address: IpAddr, cluster: &[Range]) -> Option<&str> {
        let mut having = self.0.iter().filter(|(_, place)| place.has_pod(address, cluster));
        let (name, _) = having.next()?;
        having.next().is_none().then_some(name)
    }

    /// Whether an address is the node's own or a Pod's there.
    pub fn is_on(&self, node: &str, address: IpAddr, cluster: &[Range]) -> bool {
        self.0.get(node).is_some_and(|place| place.own.contains(&address) || place.has_pod(address, cluster))
    }
}

impl View for Places {
    const SOURCES: &'static [&'static str] = &["minions"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        self.0.insert(item.meta.name.clone(), place(&parse(item)));
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.0.remove(&item.meta.name);
    }
}

fn place(node: &Value) -> Place {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let own = list(&node["status"]["addresses"]);
    let pods = list(&node["spec"]["podCIDRs"]);
    Place {
        own: own.iter().filter_map(|address| parse_sloppy(address["address"].as_str()?)).collect(),
        pods: pods.iter().filter_map(|range| parse_range_sloppy(range.as_str()?)).collect(),
    }
}
