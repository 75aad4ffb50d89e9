//! What the node has and what Pods may use of it. Pure; the machine's figures are read by `info`.

use std::collections::BTreeMap;

use api::quantity::{Format, Quantity};

use crate::config::Registration;
use crate::env::resource::Allocatable;

/// The machine's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub cpus: u32,
    pub memory_bytes: i64,
    pub disk_bytes: i64,
    pub huge_pages_2m_bytes: i64,
    pub huge_pages_1g_bytes: i64,
}

/// Hard eviction of memory (100Mi) and disk (10 %), which upstream holds back from Pods.
const MEMORY_HELD_BACK: i64 = 100 << 20;
const DISK_SHARE_HELD_BACK: i64 = 10;

#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    pub capacity: Allocatable,
    pub allocatable: Allocatable,
}

fn binary(bytes: i64) -> Quantity {
    Quantity::new(bytes, Format::BinarySI)
}

fn decimal(count: i64) -> Quantity {
    Quantity::new(count, Format::DecimalSI)
}

/// Kibibytes, as the kernel and upstream's nodes show memory and disk.
fn kibibytes(bytes: i64) -> Quantity {
    binary(bytes / 1024 * 1024)
}

/// Capacity and allocatable; an extra that is no quantity is named in the error.
pub fn capacity(figures: &Figures, node: &Registration) -> Result<Capacity, String> {
    let mut capacity = BTreeMap::from([
        ("cpu".to_owned(), decimal(figures.cpus.into())),
        ("memory".to_owned(), kibibytes(figures.memory_bytes)),
        ("ephemeral-storage".to_owned(), kibibytes(figures.disk_bytes)),
        ("pods".to_owned(), decimal(node.pods_max.into())),
        ("hugepages-2Mi".to_owned(), binary(figures.huge_pages_2m_bytes)),
        ("hugepages-1Gi".to_owned(), binary(figures.huge_pages_1g_bytes)),
    ]);
    capacity.extend(quantities(&node.capacity)?);
    let mut allocatable = capacity.clone();
    let disk = figures.disk_bytes / 100 * (100 - DISK_SHARE_HELD_BACK);
    if !node.capacity.contains_key("ephemeral-storage") {
        allocatable.insert("ephemeral-storage".to_owned(), decimal(disk));
    }
    let mut reserved = quantities(&node.reserved)?;
    let memory = reserved.entry("memory".to_owned()).or_insert(Quantity::ZERO);
    *memory += binary(MEMORY_HELD_BACK);
    for (name, held_back) in reserved {
        if let Some(quantity) = allocatable.get_mut(&name) {
            let left = *quantity - held_back;
            *quantity = if left.sign() < 0 { Quantity::ZERO } else { left };
        }
    }
    Ok(Capacity { capacity, allocatable })
}

fn quantities(list: &BTreeMap<String, String>) -> Result<Allocatable, String> {
    let parse = |(name, text): (&String, &String)| match Quantity::parse(text) {
        Ok(quantity) => Ok((name.clone(), quantity)),
        Err(error) => Err(format!("{name}={text}: {error}")),
    };
    list.iter().map(parse).collect()
}
