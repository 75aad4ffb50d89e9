//! What the machine is: figures and identity, read from the kernel's files.

use std::path::Path;

use k8s_openapi::api::core::v1::NodeSystemInfo;

use super::capacity::Figures;

fn read(path: &str) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) => {
            tracing::debug!(%path, %error, "not read");
            String::new()
        }
    }
}

/// A line of /proc/meminfo, in bytes.
pub fn memory_bytes(meminfo: &str, name: &str) -> i64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes: Option<i64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kibibytes.unwrap_or(0) * 1024
}

pub fn figures(root: &Path) -> Figures {
    let huge_pages = |size: &str| {
        read(&format!("/sys/kernel/mm/hugepages/hugepages-{size}kB/nr_hugepages")).parse::<i64>().unwrap_or(0)
    };
    let disk = rustix::fs::statvfs(root);
    Figures {
        cpus: u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1),
        memory_bytes: memory_bytes(&read("/proc/meminfo"), "MemTotal"),
        disk_bytes: disk.map_or(0, |disk| i64::try_from(disk.f_blocks * disk.f_frsize).unwrap_or(i64::MAX)),
        huge_pages_2m_bytes: huge_pages("2048") << 21,
        huge_pages_1g_bytes: huge_pages("1048576") << 30,
    }
}

/// GOARCH's name of this machine's architecture.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "riscv64" => "riscv64",
        other => other,
    }
}

/// PRETTY_NAME of an os-release file.
pub fn os_image(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches(['"', '\'']).to_owned())
}

pub fn system_info(version: &str, runtime_version: &str) -> NodeSystemInfo {
    let os_release = match read("/etc/os-release") {
        text if text.is_empty() => read("/usr/lib/os-release"),
        text => text,
    };
    let machine_id = read("/etc/machine-id");
    let system_uuid = read("/sys/class/dmi/id/product_uuid");
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        container_runtime_version: runtime_version.to_owned(),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        kubelet_version: version.to_owned(),
        system_uuid: if system_uuid.is_empty() { machine_id.clone() } else { system_uuid },
        machine_id,
        operating_system: "linux".to_owned(),
        os_image: os_image(&os_release),
        ..NodeSystemInfo::default()
    }
}
