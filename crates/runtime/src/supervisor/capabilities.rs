//! Capability sets of an OCI process as bit masks. The names are the kernel's.

use serde_json::Value;

/// In the kernel's order: the position is the number.
pub const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];
pub const LAST: u32 = NAMES.len() as u32 - 1;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub bounding: u64,
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub ambient: u64,
}

/// The number of a name with or without `CAP_`.
pub fn number(name: &str) -> Option<u32> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.iter().position(|known| *known == name).map(|position| position as u32)
}

impl Capabilities {
    /// Reads `process.capabilities` of an OCI config; absent means none.
    pub fn read(capabilities: &Value) -> Result<Self, String> {
        let set = |name: &str| -> Result<u64, String> {
            let names = capabilities.get(name).and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).try_fold(0, |set, name| {
                number(name).map(|number| set | 1 << number).ok_or_else(|| format!("unknown capability {name:?}"))
            })
        };
        Ok(Self {
            bounding: set("bounding")?,
            effective: set("effective")?,
            permitted: set("permitted")?,
            inheritable: set("inheritable")?,
            ambient: set("ambient")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        for (name, expected) in
            [("CAP_CHOWN", 0), ("net_admin", 12), ("SYS_ADMIN", 21), ("CAP_MKNOD", 27), ("CHECKPOINT_RESTORE", 40)]
        {
            assert_eq!(number(name), Some(expected), "{name}");
        }
        assert_eq!(number("CAP_NOPE"), None);
    }
}
