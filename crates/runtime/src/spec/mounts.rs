//! What is mounted in a container: the kernel's file systems, the sandbox's files, CRI's mounts, writable volumes of images. Pure.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cri::v1::{Mount, MountPropagation};

/// Files and directories that a sandbox gives to its containers where CRI mounts nothing else there.
#[derive(Debug, Clone, Default)]
pub struct SandboxFiles {
    /// /etc/hosts of a sandbox that the kubelet made none for.
    pub hosts: Option<PathBuf>,
    pub resolv_conf: Option<PathBuf>,
    pub hostname: Option<PathBuf>,
    pub shm: PathBuf,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct MountOptions {
    pub privileged: bool,
    pub host_ipc: bool,
    pub readonly_rootfs: bool,
    /// The container sees no /sys/fs/cgroup.
    pub without_cgroups: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    #[error("mount of {0:?}: the container path must be absolute")]
    RelativePath(String),
    #[error("mount of {0:?}: recursive read-only mounts need readonly and private propagation")]
    RecursiveReadOnly(String),
    #[error("mount of {0:?}: id-mapped mounts are not supported")]
    IdMapped(String),
}

/// The mounts in order, and the propagation that the root needs for them.
pub fn mounts(
    given: &[Mount],
    files: &SandboxFiles,
    volumes: &[(String, PathBuf)],
    options: MountOptions,
) -> Result<(Vec<Value>, Option<&'static str>), MountError> {
    let is_given = |target: &str| given.iter().any(|mount| same_path(&mount.container_path, target));
    let mut mounts: Vec<(String, Value)> = Vec::new();
    let mut add = |target: &str, mount: Value| {
        if !is_given(target) {
            mounts.push((target.to_owned(), mount));
        }
    };
    for (target, mount) in kernel_file_systems(options) {
        if !(options.without_cgroups && mount["type"] == "cgroup") {
            add(target, mount);
        }
    }
    if !files.shm.as_os_str().is_empty() {
        add("/dev/shm", bind("/dev/shm", &files.shm, &["rbind", "rprivate", "rw", "nosuid", "nodev", "noexec"]));
    }
    let access = if options.readonly_rootfs { "ro" } else { "rw" };
    for (target, file) in
        [("/etc/hosts", &files.hosts), ("/etc/hostname", &files.hostname), ("/etc/resolv.conf", &files.resolv_conf)]
    {
        if let Some(file) = file {
            add(target, bind(target, file, &["rbind", "rprivate", access]));
        }
    }
    for (target, source) in volumes {
        add(target, bind(target, source, &["rbind", "rprivate", "rw"]));
    }
    // A mount below another must come after it.
    let mut sorted: Vec<&Mount> = given.iter().collect();
    sorted.sort_by_key(|mount| Path::new(&mount.container_path).components().count());
    let mut root_propagation = None;
    for mount in sorted {
        let (value, propagation) = cri_mount(mount)?;
        mounts.push((mount.container_path.clone(), value));
        // One shared mount needs a shared root; that serves the slaves too.
        root_propagation = propagation.filter(|_| root_propagation != Some("shared")).or(root_propagation);
    }
    Ok((mounts.into_iter().map(|(_, mount)| mount).collect(), root_propagation))
}

fn same_path(one: &str, other: &str) -> bool {
    Path::new(one).components().eq(Path::new(other).components())
}

fn kernel_file_systems(options: MountOptions) -> Vec<(&'static str, Value)> {
    let access = if options.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        ("/proc", special("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"])),
        ("/dev", special("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"])),
        (
            "/dev/pts",
            special(
                "/dev/pts",
                "devpts",
                "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ),
        ),
        ("/sys", special("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", access])),
        (
            "/sys/fs/cgroup",
            special("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", access]),
        ),
    ];
    let queue = if options.host_ipc {
        bind("/dev/mqueue", Path::new("/dev/mqueue"), &["rbind", "nosuid", "noexec", "nodev"])
    } else {
        special("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"])
    };
    if !options.host_ipc || Path::new("/dev/mqueue").exists() {
        mounts.insert(3, ("/dev/mqueue", queue));
    }
    mounts
}

fn special(target: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({"destination": target, "type": kind, "source": source, "options": options})
}

fn bind(target: &str, source: &Path, options: &[&str]) -> Value {
    json!({"destination": target, "type": "bind", "source": source, "options": options})
}

fn cri_mount(mount: &Mount) -> Result<(Value, Option<&'static str>), MountError> {
    if !mount.container_path.starts_with('/') {
        return Err(MountError::RelativePath(mount.container_path.clone()));
    }
    if !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        return Err(MountError::IdMapped(mount.container_path.clone()));
    }
    let (propagation, root) = match mount.propagation() {
        MountPropagation::PropagationPrivate => ("rprivate", None),
        MountPropagation::PropagationHostToContainer => ("rslave", Some("slave")),
        MountPropagation::PropagationBidirectional => ("rshared", Some("shared")),
    };
    let access = match (mount.readonly, mount.recursive_read_only) {
        (true, true) if propagation == "rprivate" => "rro",
        (_, true) => return Err(MountError::RecursiveReadOnly(mount.container_path.clone())),
        (true, false) => "ro",
        (false, false) => "rw",
    };
    let mut options = vec!["rbind", propagation, access];
    options.extend(mount.mount_options.iter().map(String::as_str));
    Ok((bind(&mount.container_path, Path::new(&mount.host_path), &options), root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(container_path: &str, propagation: MountPropagation) -> Mount {
        Mount {
            container_path: container_path.into(),
            host_path: "/host".into(),
            propagation: propagation.into(),
            ..Mount::default()
        }
    }

    fn targets(values: &[Value]) -> Vec<&str> {
        values.iter().filter_map(|mount| mount["destination"].as_str()).collect()
    }

    #[test]
    fn given_mounts_replace_ours_and_are_nested_in_order() {
        let given = [
            mount("/data/a/b", MountPropagation::PropagationPrivate),
            mount("/data", MountPropagation::PropagationHostToContainer),
            mount("/dev/shm/", MountPropagation::PropagationPrivate),
        ];
        let files = SandboxFiles {
            shm: "/run/shm".into(),
            resolv_conf: Some("/run/resolv.conf".into()),
            ..SandboxFiles::default()
        };
        let (values, propagation) = mounts(&given, &files, &[], MountOptions::default()).expect("valid mounts");
        let expected = [
            "/proc",
            "/dev",
            "/dev/pts",
            "/dev/mqueue",
            "/sys",
            "/sys/fs/cgroup",
            "/etc/resolv.conf",
            "/data",
            "/dev/shm/",
            "/data/a/b",
        ];
        assert_eq!(targets(&values), expected);
        assert_eq!(propagation, Some("slave"));
    }

    #[test]
    fn one_shared_mount_makes_the_root_shared() {
        let given = [
            mount("/a", MountPropagation::PropagationBidirectional),
            mount("/b", MountPropagation::PropagationHostToContainer),
            mount("/c", MountPropagation::PropagationPrivate),
        ];
        let (_, propagation) =
            mounts(&given, &SandboxFiles::default(), &[], MountOptions::default()).expect("valid mounts");
        assert_eq!(propagation, Some("shared"));
    }
}
