//! clusterroleaggregation_controller_test.go TestSyncClusterRole, row by row.

use serde_json::{Value, json};

use super::*;
use crate::world::World;

fn rules(tools: &[&str]) -> Value {
    let of = |tool: &&str| match *tool {
        "hammer" => vec![("hammer", "nails"), ("hammer", "wedges")],
        "chisel" => vec![("chisel", "mortises")],
        _ => vec![("saw", "boards")],
    };
    let rules = tools.iter().flat_map(of).map(|(verb, resource)| json!({"verbs": [verb], "resources": [resource]}));
    rules.collect()
}

#[test]
fn rules_are_gathered() {
    let (bar, not_bar) = ("bar", "not-bar");
    let (one, both): (&[&str], &[&str]) = (&["bar"], &["bar", "not-bar"]);
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str, &'a str)>, &'a [&'a str], &'a [&'a str], Option<&'a [&'a str]>);
    let table: Vec<Row<'_>> = vec![
        ("remove dead rules", vec![("hammer", bar, "hammer")], one, &["saw"], Some(&["hammer"])),
        ("strip rules", vec![("hammer", not_bar, "hammer")], one, &["hammer"], Some(&[])),
        (
            "select properly and put in order",
            vec![("hammer", bar, "hammer"), ("chisel", bar, "chisel"), ("saw", not_bar, "saw")],
            one,
            &[],
            Some(&["chisel", "hammer"]),
        ),
        (
            "multiple selectors",
            vec![("hammer", bar, "hammer"), ("chisel", bar, "chisel"), ("saw", not_bar, "saw")],
            both,
            &[],
            Some(&["chisel", "hammer", "saw"]),
        ),
        (
            "remove duplicates",
            vec![
                ("hammer", bar, "hammer"),
                ("chisel", bar, "chisel"),
                ("saw", bar, "saw"),
                ("other-saw", not_bar, "saw"),
            ],
            both,
            &[],
            Some(&["chisel", "hammer", "saw"]),
        ),
        ("no diff skip", vec![("hammer", bar, "hammer")], one, &["hammer"], None),
    ];
    for (name, roles, selectors, before, expected) in table {
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        for (name, label, tool) in roles {
            world.add(json!({"kind": "ClusterRole", "name": name, "labels": {"foo": label}, "rules": rules(&[tool])}));
        }
        let selectors: Vec<Value> = selectors.iter().map(|label| json!({"matchLabels": {"foo": label}})).collect();
        let aggregation = json!({"clusterRoleSelectors": selectors});
        let combined =
            json!({"kind": "ClusterRole", "name": "combined", "aggregationRule": aggregation, "rules": rules(before)});
        world.add(combined);
        let key = ObjectKey::cluster("combined");
        let first = plan(&world.lister(), &key);
        assert_eq!(first.actions.len(), usize::from(expected.is_some()), "{name}: {first}");
        world.apply(&first);
        let after = world.objects[&("ClusterRole".to_owned(), key.clone())]["rules"].clone();
        assert_eq!(after, rules(expected.unwrap_or(before)), "{name}");
        assert!(plan(&world.lister(), &key).is_empty(), "{name}");
    }
}
