//! What no node may serve under, whatever it says of itself: the authority that signs kubelets' certificates signs the API server's as well.
//! Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::ip::in_range;

use crate::config::{self, Config};
use crate::pki::{PkiError, serving_names};

/// The API server's names and addresses, and those of Services and Pods.
pub struct Reserved {
    names: BTreeSet<String>,
    ranges: Vec<(IpAddr, u8)>,
    domain: String,
}

impl Reserved {
    pub fn of(config: &Config) -> Result<Self, PkiError> {
        let names = serving_names(config)?.iter().map(|name| name.to_lowercase()).collect();
        // A range that cannot be read would be open to all nodes.
        let ranges = config::ranges(config.service_cidrs.iter().chain(&config.cluster_cidrs))?;
        Ok(Self { names, ranges, domain: config.cluster_domain.clone() })
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        let within =
            |domain: &str| name.strip_suffix(domain).is_some_and(|host| host.is_empty() || host.ends_with('.'));
        let wild = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        within("svc")
            || within(&self.domain)
            || self.names.contains(name)
            || wild.is_some_and(|wild| self.names.contains(&wild))
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        let nobodys = address.is_loopback() || address.is_unspecified() || address.is_multicast();
        nobodys
            || self.names.contains(&address.to_string())
            || self.ranges.iter().any(|range| in_range(*range, address))
    }
}
