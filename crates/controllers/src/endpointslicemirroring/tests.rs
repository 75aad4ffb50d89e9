//! The mirroring's golden cases.

use client::runtime::Action;
use serde_json::json;

use super::*;
use crate::world::check_cases;

#[test]
fn cases() {
    check_cases("endpointslicemirroring", |world, key, _| {
        let slices = world.lister();
        index(&slices);
        plan(&world.lister(), &world.lister(), &slices, key)
    });
}

/// Subsets with equal ports share slices of a thousand (upstream's --mirroring-max-endpoints-per-subset, and what validation lets in); an
/// address that is in both is mirrored once.
#[test]
fn a_slice_holds_a_thousand_addresses() {
    let subset = |from: u32, to: u32| {
        let addresses: Vec<_> =
            (from..to).map(|n| json!({"ip": std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string()})).collect();
        json!({"addresses": addresses, "ports": [{"port": 80, "protocol": "TCP"}]})
    };
    let endpoints =
        json!({"metadata": {"name": "db", "namespace": "ns"}, "subsets": [subset(0, 700), subset(600, 1300)]});
    let endpoints = serde_json::from_value(endpoints).expect("Endpoints");
    let plan = reconcile::reconcile(Some(&endpoints), &[]);
    let created = plan.actions.iter().filter_map(|action| match action {
        Action::Create { object, .. } => Some(object["endpoints"].as_array().map_or(0, Vec::len)),
        _ => None,
    });
    let sizes: Vec<_> = created.collect();
    assert_eq!(sizes, [1000, 300]);
}
