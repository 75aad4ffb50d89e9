//! ServiceCIDR: a range that Service addresses are taken from.

use serde_json::Value;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::strategy::drop_status;
use crate::tree::items;
use crate::{field, printer::joined};
use crate::{field_error::FieldError, ip};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "ServiceCIDR",
    plural: "servicecidrs",
    singular: "servicecidr",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "servicecidrs",
    storage_version: None,
    subresources: &[Subresource::status("networking.k8s.io", "v1", "ServiceCIDR")],
    columns: &[Column::string("CIDRs", "The ranges addresses are taken from.", |range, _| {
        joined(range, "spec.cidrs").into()
    })],
    service: "",
    hooks: Hooks { validate, validate_update, prepare_create: drop_status, has_status: true, ..Hooks::NONE },
};

fn validate(range: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(range, |range| {
        let spec = range.get("spec");
        let cidrs = spec.get("cidrs");
        match cidrs.len() {
            0 => return cidrs.required("at least one CIDR required"),
            1 | 2 => {}
            _ => return cidrs.invalid_value(spec.value, "may only hold up to 2 values"),
        }
        cidrs.items().for_each(|cidr| cidr.invalid_all(ip::canonical_range(cidr.text())));
        let families: Vec<bool> =
            cidrs.items().filter_map(|cidr| Some(ip::parse_range_sloppy(cidr.text())?.0.is_ipv6())).collect();
        if families.len() == 2 && families[0] == families[1] {
            let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
            cidrs.invalid(why);
        }
    })
}

/// A second range may come; nothing else changes.
fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    const WHY: &str = "field is immutable";
    field::validate(new, |range| {
        let spec = range.get("spec");
        let cidrs = spec.get("cidrs");
        let before = items(old, "spec.cidrs");
        if cidrs.len() != before.len() && !(before.len() == 1 && cidrs.len() == 2) {
            return cidrs.invalid(WHY);
        }
        for (cidr, before) in cidrs.items().zip(before) {
            if cidr.value != before {
                cidr.invalid(WHY);
            }
        }
    })
}
