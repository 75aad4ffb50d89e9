//! The table in a real kernel, read back by `nft` where the machine has it.

use super::{Cidrs, Delta, Ruleset, Table, skeleton};
use crate::ledger::memory::MemoryLedger;
use crate::nft::{Element, Key, Value};
use crate::tests::{as_host, output};

fn cidrs() -> Cidrs {
    let parse = |text: &str| text.parse().unwrap();
    Cidrs {
        cluster: vec![parse("10.42.0.0/16"), parse("fd42::/48")],
        services: vec![parse("10.43.0.0/16"), parse("fd43::/112")],
        node: vec![parse("10.42.0.0/24"), parse("fd42::/64")],
    }
}

#[test]
fn the_skeleton_is_accepted_by_the_kernel() {
    as_host(|| {
        let ledger = MemoryLedger::default();
        let table = Table::open("oxkube test".into(), skeleton(&cidrs(), "oxabcde"), &ledger).unwrap();
        assert!(ledger.0.lock().contains("nft-table inet oxkube"));
        if let Some(text) = output("nft", &["list", "ruleset"]) {
            println!("{text}");
        }
        drop(table);
    });
}

#[test]
fn a_flush_is_noticed_by_the_next_change_and_undone() {
    as_host(|| {
        let table = Table::open("oxkube test".into(), skeleton(&cidrs(), "oxabcde"), &MemoryLedger::default()).unwrap();
        crate::ledger::undo(crate::ledger::Made::Table, "inet oxkube").unwrap();
        let key = Key::new().ip("10.43.0.1".parse().unwrap()).protocol(6).port(443).mark(0);
        let value = Value::Data(Key::new().ip("10.0.0.1".parse().unwrap()).port(6443));
        let delta = Delta { added: vec![("endpoints4".into(), Element::new(key, value))], ..Delta::default() };
        table.apply(delta).unwrap();
        let mut connection = crate::nft::Connection::open().unwrap();
        assert_eq!(connection.elements(table.id(), "endpoints4").unwrap().len(), 1);
        assert_eq!(connection.base_chains().unwrap().len(), 11);
    });
}

#[test]
fn only_real_differences_are_sent() {
    let element = |port: u16| Element::new(Key::new().port(1), Value::Data(Key::new().port(port)));
    let mut ruleset = Ruleset::default();
    let change = |removed: &[u16], added: &[u16]| {
        let list = |ports: &[u16]| ports.iter().map(|port| ("s".to_owned(), element(*port))).collect::<Vec<_>>();
        Delta { removed: list(removed), added: list(added), ..Delta::default() }
    };
    assert_eq!(ruleset.take(change(&[], &[5])), change(&[], &[5]));
    assert_eq!(ruleset.take(change(&[], &[5])), Delta::default());
    assert_eq!(ruleset.take(change(&[5], &[5])), Delta::default());
    assert_eq!(ruleset.take(change(&[], &[6])), change(&[5], &[6]));
    assert_eq!(ruleset.take(change(&[6], &[])), change(&[6], &[]));
    assert_eq!(ruleset.take(change(&[6], &[])), Delta::default());
}
