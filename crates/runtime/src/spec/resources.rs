//! Limits of a container as OCI writes them. Pure.

use serde_json::{Map, Value, json};

use crate::cri::v1::LinuxContainerResources;

/// What this machine's control groups have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Abilities {
    pub is_v2: bool,
    pub swap: bool,
    pub hugetlb: bool,
}

/// A device for the container, looked up on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub path: String,
    pub kind: char,
    pub major: u64,
    pub minor: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub permissions: String,
}

pub fn resources(
    given: Option<&LinuxContainerResources>,
    abilities: Abilities,
    privileged: bool,
    devices: &[Device],
) -> Value {
    let mut resources = Map::new();
    resources.insert("devices".into(), device_rules(privileged, devices));
    let Some(given) = given else { return Value::Object(resources) };
    let mut cpu = Map::new();
    let mut number = |key: &str, value: i64| {
        if value != 0 {
            cpu.insert(key.into(), value.into());
        }
    };
    number("shares", given.cpu_shares);
    number("quota", given.cpu_quota);
    number("period", given.cpu_period);
    for (key, value) in [("cpus", &given.cpuset_cpus), ("mems", &given.cpuset_mems)] {
        if !value.is_empty() {
            cpu.insert(key.into(), value.as_str().into());
        }
    }
    let mut memory = Map::new();
    if given.memory_limit_in_bytes != 0 {
        memory.insert("limit".into(), given.memory_limit_in_bytes.into());
    }
    if given.memory_swap_limit_in_bytes != 0 && abilities.swap {
        memory.insert("swap".into(), given.memory_swap_limit_in_bytes.into());
    }
    for (key, map) in [("cpu", cpu), ("memory", memory)] {
        if !map.is_empty() {
            resources.insert(key.into(), map.into());
        }
    }
    if abilities.hugetlb && !given.hugepage_limits.is_empty() {
        let limits =
            given.hugepage_limits.iter().map(|limit| json!({"pageSize": limit.page_size, "limit": limit.limit}));
        resources.insert("hugepageLimits".into(), limits.collect());
    }
    if abilities.is_v2 && !given.unified.is_empty() {
        resources.insert("unified".into(), json!(given.unified));
    }
    Value::Object(resources)
}

/// None but those of every container (which the OCI runtime adds) and the given ones; all for a privileged one.
fn device_rules(privileged: bool, devices: &[Device]) -> Value {
    let mut rules = vec![json!({"allow": privileged, "access": "rwm"})];
    rules.extend(devices.iter().filter(|_| !privileged).map(|device| {
        json!({"allow": true, "type": device.kind.to_string(), "major": device.major, "minor": device.minor, "access": device.permissions})
    }));
    rules.into()
}

pub fn devices(devices: &[Device]) -> Vec<Value> {
    let one = |device: &Device| {
        json!({
            "path": device.path, "type": device.kind.to_string(), "major": device.major, "minor": device.minor,
            "fileMode": device.mode, "uid": device.uid, "gid": device.gid,
        })
    };
    devices.iter().map(one).collect()
}
