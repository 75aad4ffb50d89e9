//! What of the host a container's specification needs: devices, mount sources, accounts in the image, kernel features.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::cri::v1;
use crate::cri::v1::Mount;
use crate::error::RuntimeError;
use crate::spec::resources::{Abilities, Device};

use super::Node;

impl Node {
    pub(super) fn abilities(&self) -> Abilities {
        let is_v2 = matches!(self.cgroups, crate::cgroups::Cgroups::V2(_));
        let has = |controller: &str, file: &str| {
            self.cgroups.directory(controller, Path::new("")).is_some_and(|directory| directory.join(file).exists())
        };
        Abilities {
            is_v2,
            swap: is_v2 || has("memory", "memory.memsw.limit_in_bytes"),
            hugetlb: is_v2 || has("hugetlb", ""),
        }
    }
}

pub fn apparmor() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

/// Resolves symbolic links of a mount's source and makes a directory that is not there, as other runtimes do.
pub fn prepare_mounts(mounts: &[Mount]) -> Result<Vec<Mount>, RuntimeError> {
    mounts.iter().map(prepare_mount).collect()
}

fn prepare_mount(mount: &Mount) -> Result<Mount, RuntimeError> {
    if mount.image.as_ref().is_some_and(|image| !image.image.is_empty()) {
        return Err(RuntimeError::Unimplemented(format!(
            "mount of image {:?}: image volumes are not supported yet",
            mount.host_path
        )));
    }
    let failed = || RuntimeError::io(format!("mount source {}", mount.host_path));
    if !Path::new(&mount.host_path).exists() {
        fs::create_dir_all(&mount.host_path).map_err(failed())?;
    }
    let source = fs::canonicalize(&mount.host_path).map_err(failed())?;
    Ok(Mount { host_path: source.to_string_lossy().into_owned(), ..mount.clone() })
}

/// The devices of a container; a directory stands for the devices in it.
pub fn devices(given: &[v1::Device], privileged: bool) -> Result<Vec<Device>, RuntimeError> {
    let mut devices = Vec::new();
    if privileged {
        let mut every = Vec::new();
        collect(Path::new("/dev"), Path::new("/dev"), "rwm", &mut every)
            .map_err(RuntimeError::io("list the host's devices"))?;
        devices.extend(every);
    }
    for device in given {
        let (host, inside) = (Path::new(&device.host_path), Path::new(&device.container_path));
        let before = devices.len();
        collect(host, inside, &device.permissions, &mut devices)
            .map_err(RuntimeError::io(format!("device {}", device.host_path)))?;
        if devices.len() == before {
            return Err(RuntimeError::Invalid(format!("{} is not a device", device.host_path)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    devices.reverse();
    devices.retain(|device| seen.insert(device.path.clone()));
    devices.reverse();
    Ok(devices)
}

/// Below /dev these are file systems of their own in every container.
const NOT_DEVICES: [&str; 4] = ["pts", "shm", "mqueue", "fd"];

fn collect(host: &Path, inside: &Path, permissions: &str, devices: &mut Vec<Device>) -> io::Result<()> {
    let metadata = fs::metadata(host)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(host)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_other = NOT_DEVICES.iter().any(|other| name == *other) || name == "console";
            if !is_other && !entry.file_type()?.is_symlink() {
                collect(&entry.path(), &inside.join(name), permissions, devices)?;
            }
        }
        return Ok(());
    }
    let kind = match (kind.is_char_device(), kind.is_block_device()) {
        (true, _) => 'c',
        (_, true) => 'b',
        _ => return Ok(()),
    };
    let number = metadata.rdev();
    devices.push(Device {
        path: inside.to_string_lossy().into_owned(),
        kind,
        major: rustix::fs::major(number).into(),
        minor: rustix::fs::minor(number).into(),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        permissions: if permissions.is_empty() { "rwm".to_owned() } else { permissions.to_owned() },
    });
    Ok(())
}

/// A file of an image as text; empty where it has none.
pub fn image_file(layers: &[PathBuf], path: &str) -> Result<String, RuntimeError> {
    match crate::images::layer::read(layers, Path::new(path)) {
        Ok(bytes) => Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()),
        Err(source) => Err(RuntimeError::Io { step: format!("read /{path} of the image"), source }),
    }
}
