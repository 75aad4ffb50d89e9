//! What the edge process is told on its command line.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;

/// The arguments of `oxkube internal edge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The node's data dir; state is kept in `edge/` below.
    pub data_dir: PathBuf,
    /// The edge's own identity towards the API.
    pub kubeconfig: PathBuf,
    /// Where DNS listens.
    pub listen: SocketAddr,
    /// An inherited UDP socket to use instead of making one.
    pub udp_fd: Option<RawFd>,
    /// An inherited listening TCP socket to use instead of making one.
    pub tcp_fd: Option<RawFd>,
    /// The cluster's domain.
    pub domain: String,
    /// The Service address of DNS.
    pub cluster_dns: Option<IpAddr>,
    /// Where upstream nameservers are read from.
    pub resolv_conf: PathBuf,
    /// Answer Pods' searches at the first name.
    pub search: bool,
}

/// A command line that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// An argument nobody knows.
    #[error("unknown argument {0}")]
    Unknown(String),
    /// An argument without its value, or with an impossible one.
    #[error("argument {name}: invalid value {value:?}")]
    Invalid { name: String, value: String },
    /// A needed argument is not there.
    #[error("argument {0} is missing")]
    Missing(&'static str),
}

impl Arguments {
    /// Reads `--name value` pairs.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, ArgumentsError> {
        let mut given = Given::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            given.take(&name, value)?;
        }
        Ok(Self {
            data_dir: given.data_dir.ok_or(ArgumentsError::Missing("--data-dir"))?,
            kubeconfig: given.kubeconfig.ok_or(ArgumentsError::Missing("--kubeconfig"))?,
            listen: given.listen.ok_or(ArgumentsError::Missing("--listen"))?,
            udp_fd: given.udp_fd,
            tcp_fd: given.tcp_fd,
            domain: given.domain.unwrap_or_else(|| "cluster.local".to_owned()),
            cluster_dns: given.cluster_dns,
            search: given.search.unwrap_or(false),
            resolv_conf: given.resolv_conf.unwrap_or_else(|| PathBuf::from("/etc/resolv.conf")),
        })
    }
}

#[derive(Default)]
struct Given {
    data_dir: Option<PathBuf>,
    kubeconfig: Option<PathBuf>,
    listen: Option<SocketAddr>,
    udp_fd: Option<RawFd>,
    tcp_fd: Option<RawFd>,
    domain: Option<String>,
    cluster_dns: Option<IpAddr>,
    resolv_conf: Option<PathBuf>,
    search: Option<bool>,
}

impl Given {
    fn take(&mut self, name: &str, value: String) -> Result<(), ArgumentsError> {
        match name {
            "--data-dir" => self.data_dir = Some(read(name, value)?),
            "--kubeconfig" => self.kubeconfig = Some(read(name, value)?),
            "--listen" => self.listen = Some(read(name, value)?),
            "--udp-fd" => self.udp_fd = Some(read(name, value)?),
            "--tcp-fd" => self.tcp_fd = Some(read(name, value)?),
            "--cluster-domain" => self.domain = Some(read(name, value)?),
            "--cluster-dns" => self.cluster_dns = Some(read(name, value)?),
            "--answer-searches" => self.search = Some(read(name, value)?),
            "--resolv-conf" => self.resolv_conf = Some(read(name, value)?),
            _ => return Err(ArgumentsError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

fn read<T: std::str::FromStr>(name: &str, value: String) -> Result<T, ArgumentsError> {
    let invalid = || ArgumentsError::Invalid { name: name.to_owned(), value: value.clone() };
    if value.is_empty() { Err(invalid()) } else { value.parse().map_err(|_| invalid()) }
}
