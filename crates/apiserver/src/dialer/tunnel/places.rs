//! Which node has an address: its own addresses, and those of its Pods.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::ip::{in_range, parse_range_sloppy, parse_sloppy};
use serde_json::Value;
use store::Item;

use crate::follow::View;
use crate::meta::Meta;
use crate::objects::parse;

/// A range: its first address and the length of its prefix.
type Range = (IpAddr, u8);

#[derive(Default)]
pub(super) struct Places(BTreeMap<String, Vec<Range>>);

impl Places {
    pub fn node_of(&self, address: IpAddr) -> Option<&str> {
        let has = |ranges: &Vec<Range>| ranges.iter().any(|range| in_range(*range, address));
        self.0.iter().find(|(_, ranges)| has(ranges)).map(|(name, _)| name.as_str())
    }
}

impl View for Places {
    const SOURCES: &'static [&'static str] = &["minions"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        self.0.insert(item.meta.name.clone(), ranges(&parse(item)));
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.0.remove(&item.meta.name);
    }
}

fn ranges(node: &Value) -> Vec<Range> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let own = list(&node["status"]["addresses"]).into_iter().filter_map(|address| {
        let address = parse_sloppy(address["address"].as_str()?)?;
        Some((address, if address.is_ipv4() { 32 } else { 128 }))
    });
    let pods = list(&node["spec"]["podCIDRs"]).into_iter().filter_map(|range| parse_range_sloppy(range.as_str()?));
    own.chain(pods).collect()
}
