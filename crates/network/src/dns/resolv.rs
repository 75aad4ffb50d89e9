//! Whom to ask for names outside the cluster: the nameservers of resolv.conf, behind systemd-resolved's stub its real ones. Pure.

use std::net::{IpAddr, SocketAddr};

const DNS_PORT: u16 = 53;
/// What resolvers use of a longer list.
const MOST: usize = 3;

/// Nameservers in order, never `own` (our addresses): asking ourselves is a loop. `real` is /run/systemd/resolve/resolv.conf, used when
/// resolv.conf names the stub.
pub fn upstreams(resolv_conf: &str, real: Option<&str>, own: &[IpAddr]) -> Vec<SocketAddr> {
    let servers = nameservers(resolv_conf);
    let stub = servers.iter().any(|server| ["127.0.0.53", "127.0.0.54"].contains(&server.to_string().as_str()));
    let servers = match real.filter(|_| stub) {
        Some(real) => nameservers(real),
        None => servers,
    };
    let foreign = servers.into_iter().filter(|server| !own.contains(server));
    foreign.take(MOST).map(|server| SocketAddr::new(server, DNS_PORT)).collect()
}

fn nameservers(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    // A zone (%eth0) names a link of this host; std reads it only in socket addresses, such a server is left out.
    lines.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
}
