//! What a sandbox holds: addresses, link, host ports; one file per sandbox in the data dir, written before anything is made.
//! A file survives kill -9; after a reboot (another boot id) it says nothing and is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::protocol::Protocol;

/// A container port reachable on the node's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostPort {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// Port in the Pod.
    pub container_port: u16,
    /// Port on the host.
    pub host_port: u16,
    /// Only on this address of the host; none means all.
    pub host_ip: Option<IpAddr>,
}

/// What one sandbox holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The sandbox's id.
    pub sandbox: String,
    /// `namespace/name` of the Pod, for people.
    pub pod: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The host's end of its veth pair.
    pub link: String,
    /// Its host ports.
    pub host_ports: Vec<HostPort>,
    /// The boot it belongs to.
    pub boot_id: String,
}

/// All leases of this boot, in memory and on disk.
pub struct Leases {
    directory: PathBuf,
    by_sandbox: BTreeMap<String, Lease>,
}

impl Leases {
    /// Reads the leases of this boot from `directory`; files of an earlier boot and torn temporary files are removed.
    pub fn load(directory: PathBuf, boot_id: &str) -> Result<Self, NetworkError> {
        fs::create_dir_all(&directory).map_err(NetworkError::file("create directory", &directory))?;
        let mut by_sandbox = BTreeMap::new();
        for entry in fs::read_dir(&directory).map_err(NetworkError::file("list", &directory))? {
            let path = entry.map_err(NetworkError::file("list", &directory))?.path();
            let bytes = fs::read(&path).map_err(NetworkError::file("read", &path))?;
            let lease = serde_json::from_slice::<Lease>(&bytes).ok().filter(|lease| lease.boot_id == boot_id);
            match lease.filter(|_| path.extension().is_some_and(|extension| extension == "json")) {
                Some(lease) => drop(by_sandbox.insert(lease.sandbox.clone(), lease)),
                None => fs::remove_file(&path).map_err(NetworkError::file("remove", &path))?,
            }
        }
        Ok(Self { directory, by_sandbox })
    }

    /// Writes a lease: the file appears whole or not at all.
    pub fn put(&mut self, lease: Lease) -> Result<(), NetworkError> {
        let path = self.path(&lease.sandbox);
        let bytes = serde_json::to_vec(&lease).expect("a lease is plain data");
        replace_file(&path, &bytes).map_err(NetworkError::file("write", &path))?;
        self.by_sandbox.insert(lease.sandbox.clone(), lease);
        Ok(())
    }

    /// Removes a lease; one that is not there is no error.
    pub fn remove(&mut self, sandbox: &str) -> Result<(), NetworkError> {
        let path = self.path(sandbox);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(NetworkError::file("remove", &path)(error));
            }
            _ => self.by_sandbox.remove(sandbox),
        };
        Ok(())
    }

    /// The lease of a sandbox.
    pub fn get(&self, sandbox: &str) -> Option<&Lease> {
        self.by_sandbox.get(sandbox)
    }

    /// All leases.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.by_sandbox.values()
    }

    /// Sandbox ids come from the runtime: hexadecimal, but nothing else may walk the directory either.
    fn path(&self, sandbox: &str) -> PathBuf {
        let safe: String =
            sandbox.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        self.directory.join(format!("{safe}.json"))
    }
}

/// Writes a file beside and renames it.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
