//! Validation of EndpointSlices (pkg/apis/discovery/validation): addresses of one family, ports with names of their own.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::tree::{at, text};
use crate::{ip, names};

const ADDRESSES_MAX: usize = 100;
const ENDPOINTS_MAX: usize = 1000;
const PORTS_MAX: usize = 20_000;
const HINTS_MAX: usize = 8;

pub(super) fn slice(slice: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(slice, |slice| {
        let kind = slice.get("addressType");
        kind.require_one_of(&["FQDN", "IPv4", "IPv6"]);
        let endpoints = slice.get("endpoints");
        if endpoints.len() > ENDPOINTS_MAX {
            return endpoints.report(FieldError::too_many(endpoints.place(), endpoints.len(), ENDPOINTS_MAX));
        }
        endpoints.items().for_each(|endpoint| self::endpoint(&endpoint, kind.text()));
        let ports = slice.get("ports");
        if ports.len() > PORTS_MAX {
            return ports.report(FieldError::too_many(ports.place(), ports.len(), PORTS_MAX));
        }
        let mut seen = HashSet::new();
        for (value, port) in ports.value.as_array().into_iter().flatten().zip(ports.items()) {
            port.get("name").check(names::dns1123_label);
            let name = value["name"].as_str().unwrap_or_default();
            if !seen.insert(name) {
                port.get("name").with(&name.into()).duplicate();
            }
            protocol(&port);
        }
    })
}

/// Protocol and application protocol of a port, here and in Endpoints.
pub(crate) fn protocol(port: &Field) {
    port.get("protocol").require_one_of(&["SCTP", "TCP", "UDP"]);
    port.get("appProtocol").check(names::qualified_name);
}

fn endpoint(endpoint: &Field, kind: &str) {
    let addresses = endpoint.get("addresses");
    match addresses.len() {
        0 => addresses.required(""),
        many if many > ADDRESSES_MAX => {
            addresses.report(FieldError::too_many(addresses.place(), many, ADDRESSES_MAX));
        }
        _ => addresses.items().for_each(|address| self::address(&addresses, &address, kind)),
    }
    endpoint.get("hostname").check(names::dns1123_label);
    endpoint.get("nodeName").check(names::dns1123_subdomain);
    let hints = endpoint.get("hints");
    self::hints(&hints.get("forZones"));
    self::hints(&hints.get("forNodes"));
}

/// A few names, each once.
fn hints(hints: &Field) {
    if hints.len() > HINTS_MAX {
        return hints.report(FieldError::too_many(hints.place(), hints.len(), HINTS_MAX));
    }
    let mut seen = HashSet::new();
    for hint in hints.items() {
        if !seen.insert(text(hint.value, "name")) {
            hint.get("name").duplicate();
        }
    }
}

fn address(all: &Field, address: &Field, kind: &str) {
    let v6 = match kind {
        "IPv4" => false,
        "IPv6" => true,
        "FQDN" => return address.invalid_all(names::dns1123_subdomain(address.text())),
        _ => return,
    };
    match ip::parse_sloppy(address.text()) {
        None => address.invalid_all(ip::legacy(address.text())),
        Some(ip) if ip.is_ipv6() != v6 => {
            all.with(address.value).invalid(if v6 { "must be an IPv6 address" } else { "must be an IPv4 address" });
        }
        Some(ip) => ordinary(address, ip),
    }
}

/// Addresses that mean something of their own are no endpoints.
pub(crate) fn ordinary(address: &Field, ip: IpAddr) {
    let (link_local, link_multicast) = match ip {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if ip.is_unspecified() {
        address.invalid(&format!("may not be unspecified ({:?})", address.text()));
    }
    if ip.is_loopback() {
        address.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if link_local {
        address.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if link_multicast {
        address.invalid("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

pub(super) fn update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |slice| slice.get("addressType").fixed(at(old, "addressType")))
}
