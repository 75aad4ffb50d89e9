//! Validation of NetworkPolicies (pkg/apis/networking/validation): selectors, ports and blocks of addresses.

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::selector_rules::label_selector;
use crate::{ip, names};

pub(super) fn policy(policy: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(policy, |policy| {
        let spec = policy.get("spec");
        label_selector(&spec.get("podSelector"));
        for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
            for rule in spec.get(rules).items() {
                rule.get("ports").items().for_each(|port| self::port(&port));
                rule.get(peers).items().for_each(|peer| self::peer(&peer));
            }
        }
        let types = spec.get("policyTypes");
        if types.len() > 2 {
            types.invalid("may not specify more than two policyTypes");
        } else {
            types.items().for_each(|kind| kind.one_of(&["Ingress", "Egress"]));
        }
    })
}

fn port(entry: &Field) {
    entry.get("protocol").check_one_of(&["TCP", "UDP", "SCTP"]);
    let (port, end) = (entry.get("port"), entry.get("endPort"));
    match port.value {
        Value::Null if end.is_set() => end.invalid("may not be specified when `port` is not specified"),
        Value::Null => {}
        Value::String(name) => {
            if end.is_set() {
                end.invalid("may not be specified when `port` is non-numeric");
            }
            port.invalid_all(names::port_name(name));
        }
        number => {
            let first = number.as_i64().unwrap_or_default();
            port.invalid_all(names::port_number(first));
            if let Some(last) = end.int() {
                if last < first {
                    end.invalid("must be greater than or equal to `port`");
                }
                end.invalid_all(names::port_number(last));
            }
        }
    }
}

fn peer(peer: &Field) {
    let (pods, namespaces, block) = (peer.get("podSelector"), peer.get("namespaceSelector"), peer.get("ipBlock"));
    let selectors = [pods, namespaces];
    let selected = selectors.iter().filter(|selector| selector.is_set());
    selected.clone().for_each(label_selector);
    if block.is_set() {
        self::block(&block);
    }
    match (selected.count(), block.is_set()) {
        (0, false) => peer.required("must specify a peer"),
        (1.., true) => peer.forbidden("may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn block(block: &Field) {
    let range = block.get("cidr");
    if range.text().is_empty() {
        return range.required("");
    }
    let wrong = ip::canonical_range(range.text());
    let Some(whole) = ip::parse_range_sloppy(range.text()).filter(|_| wrong.is_empty()) else {
        return range.invalid_all(wrong);
    };
    for part in block.get("except").items() {
        part.invalid_all(ip::canonical_range(part.text()));
        let inside = |(address, length)| length > whole.1 && ip::network(address, whole.1) == whole.0;
        if ip::parse_range_sloppy(part.text()).is_some_and(|part| !inside(part)) {
            part.invalid("must be a strict subset of `cidr`");
        }
    }
}
