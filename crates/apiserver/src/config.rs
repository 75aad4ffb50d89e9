//! What the API server is started with.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use api::ip::parse_range_sloppy;

use crate::pki::PkiError;

/// Settings of one API server.
#[derive(Clone, Debug)]
pub struct Config {
    pub data_dir: PathBuf,
    /// What the Service `kubernetes` points at.
    pub advertise_address: IpAddr,
    pub https_port: u16,
    /// More names and addresses for the serving certificate.
    pub tls_sans: Vec<String>,
    /// Name of this node: goes into the serving certificate.
    pub host_name: String,
    /// One or two (dual-stack) ranges of ClusterIPs, the first is the primary family.
    pub service_cidrs: Vec<String>,
    /// Where Pods' addresses come from.
    pub cluster_cidrs: Vec<String>,
    pub cluster_dns: IpAddr,
    pub cluster_domain: String,
    pub node_ports: RangeInclusive<u16>,
    /// `iss` of service account tokens.
    pub service_account_issuer: String,
    /// Accepted audiences; the first is the default of TokenRequests.
    pub api_audiences: Vec<String>,
    /// The flags of the command line and their values, as /flagz shows them: without secrets.
    pub flags: BTreeMap<String, String>,
    /// The token with which agents join.
    pub server_token: String,
    /// Seconds after which an unnamed watch or list stream of a client is ended (upstream: 1800 to 3600).
    pub min_request_timeout_seconds: u64,
    /// How many watches one user may have open; one more is answered with 429.
    pub watches_per_user_max: usize,
}

/// Address ranges as they were given: first addresses and lengths of prefixes.
pub(crate) fn ranges<'r>(given: impl IntoIterator<Item = &'r String>) -> Result<Vec<(IpAddr, u8)>, PkiError> {
    let read = |range: &'r String| parse_range_sloppy(range).ok_or_else(|| PkiError::Range(range.clone()));
    given.into_iter().map(read).collect()
}

impl Config {
    /// Defaults of the command line, for a server that keeps its files in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            advertise_address: IpAddr::from([127, 0, 0, 1]),
            https_port: 6443,
            tls_sans: Vec::new(),
            host_name: "localhost".to_owned(),
            service_cidrs: vec!["10.43.0.0/16".to_owned()],
            cluster_cidrs: vec!["10.42.0.0/16".to_owned()],
            cluster_dns: IpAddr::from([10, 43, 0, 10]),
            cluster_domain: "cluster.local".to_owned(),
            node_ports: 30000..=32767,
            service_account_issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
            api_audiences: vec!["https://kubernetes.default.svc.cluster.local".to_owned()],
            flags: BTreeMap::new(),
            server_token: String::new(),
            min_request_timeout_seconds: 1800,
            watches_per_user_max: 10_000,
        }
    }
}
