//! Validation of Endpoints (pkg/apis/core/validation): addresses that mean the same to everybody, ports with names.

use serde_json::Value;

use crate::discovery::v1::endpoint_slice::validate::{ordinary, protocol};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::{ip, names};

/// Subsets that an update leaves alone stay as they are: older rules let them in.
pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    if new.get("subsets") == old.get("subsets") { Vec::new() } else { create(new, context) }
}

pub(super) fn create(endpoints: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(endpoints, |endpoints| {
        for subset in endpoints.get("subsets").items() {
            let (ready, others) = (subset.get("addresses"), subset.get("notReadyAddresses"));
            if ready.len() + others.len() == 0 {
                subset.required("must specify `addresses` or `notReadyAddresses`");
            }
            ready.items().for_each(|address| self::address(&address));
            others.items().for_each(|address| self::address(&address));
            let ports = subset.get("ports");
            ports.items().for_each(|port| self::port(&port, ports.len() > 1));
        }
    })
}

fn address(address: &Field) {
    let place = address.get("ip");
    match ip::parse_sloppy(place.text()) {
        Some(ip) => ordinary(&place, ip),
        None => {
            place.invalid_all(ip::legacy(place.text()));
            place.invalid("must be a valid IP address");
        }
    }
    address.get("hostname").check(names::dns1123_label);
    address.get("nodeName").check(names::dns1123_subdomain);
}

fn port(port: &Field, named: bool) {
    let (name, number) = (port.get("name"), port.get("port"));
    if named && name.text().is_empty() {
        name.required("");
    }
    name.check(names::dns1123_label);
    let value = number.int().unwrap_or_default();
    names::port_number(value).iter().for_each(|why| number.invalid_value(&value.into(), why));
    protocol(port);
}
