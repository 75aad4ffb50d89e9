//! Our encoding against nft's own: the same ruleset made by both lists the same as JSON.

use std::time::Duration;

use super::*;
use crate::table::{Family, steps};
use crate::tests::{as_host, output};

const ORACLE: &str = r#"
add table inet t
add map inet t services { type ipv4_addr . inet_proto . inet_service : verdict; }
add map inet t endpoints { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
add map inet t affinity { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; size 1000; flags timeout, dynamic; }
add set inet t ranges { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
add set inet t ports { type inet_service; }
add chain inet t target
add chain inet t nat { type nat hook prerouting priority -100; }
add chain inet t filter { type filter hook forward priority 0; }
add chain inet t post { type nat hook postrouting priority 100; }
add element inet t services { 10.43.0.1 . tcp . 443 : goto target }
add element inet t services { 10.43.0.2 . udp . 53 : drop }
add element inet t endpoints { 10.43.0.1 . tcp . 443 : 10.0.0.1 . 6443 }
add element inet t ranges { 10.43.0.1 . tcp . 443 . 10.0.0.0-10.255.255.255 }
add element inet t ports { 80 }
add rule inet t nat ip daddr . meta l4proto . th dport vmap @services
add rule inet t nat fib daddr type local counter packets 0 bytes 0 jump target
add rule inet t nat dnat ip to ip daddr . meta l4proto . th dport map @endpoints
add rule inet t filter ct state new ct status dnat fib daddr . iif oif != 0 meta mark set meta mark | 0x4000
add rule inet t filter iifname "ox123*" accept comment "oxkube"
add rule inet t filter ip saddr 10.0.0.0/12 ip daddr != 10.43.0.0/16 drop
add rule inet t filter meta l4proto tcp reject with tcp reset
add rule inet t filter reject with icmpx port-unreachable
add rule inet t post meta mark & 0x4000 == 0x4000 masquerade fully-random
"#;

fn ours() -> Batch {
    let family = Family::V4;
    let table = TableId { family: FAMILY_INET, name: "t".into() };
    let mut batch = Batch::new(table, 1);
    let frontend = family.frontend();
    batch.add_table("");
    batch.add_set(&Set::new("services", &frontend, Some(SetData::Verdict)));
    batch.add_set(&Set::new("endpoints", &frontend, Some(family.endpoint())));
    batch.add_set(&Set::new("affinity", &frontend, Some(family.endpoint())).dynamic(1000));
    batch.add_set(&Set::new("ranges", &[&frontend[..], &[Field::Ipv4]].concat(), None).interval());
    batch.add_set(&Set::new("ports", &[Field::Port], None));
    for chain in [
        Chain::new("target", vec![]),
        Chain::base("nat", ChainKind::Nat, Hook::Prerouting, -100, nat_rules(family)),
        Chain::base("filter", ChainKind::Filter, Hook::Forward, 0, filter_rules(family)),
        Chain::base("post", ChainKind::Nat, Hook::Postrouting, 100, vec![]),
    ] {
        batch.add_chain(&chain);
        chain.rules.iter().for_each(|rule| batch.add_rule(&chain.name, rule));
    }
    batch.add_rule("post", &Rule::new([steps::has_mark(0x4000), vec![Expression::Masquerade]].concat()));
    elements(&mut batch);
    batch
}

fn elements(batch: &mut Batch) {
    let ip = |text: &str| text.parse().unwrap();
    let https = || Key::new().ip(ip("10.43.0.1")).protocol(6).port(443);
    let dns = Key::new().ip(ip("10.43.0.2")).protocol(17).port(53);
    let goto = Value::Verdict(Verdict::Goto("target".into()));
    let range = Element::new(https().ip(ip("10.0.0.0")), Value::None);
    let range = Element { end: Some(https().ip(ip("10.255.255.255"))), ..range };
    let port = Element::new(Key(80_u16.to_be_bytes().to_vec()), Value::None);
    let drop = Element::new(dns, Value::Verdict(Verdict::Drop));
    batch.add_elements("services", &[&Element::new(https(), goto), &drop]);
    batch.add_elements("endpoints", &[&Element::new(https(), Value::Data(steps::endpoint(ip("10.0.0.1"), 6443)))]);
    batch.add_elements("ranges", &[&range]);
    batch.add_elements("ports", &[&port]);
}

fn nat_rules(family: Family) -> Vec<Rule> {
    let frontend = [family.only().to_vec(), vec![family.load_address()], family.load_port().to_vec()].concat();
    let dnat = Expression::Dnat { family: 2, address: family.endpoint_address(), port: family.endpoint_port() };
    let look_up = steps::data_map("endpoints", family.address(), family.endpoint_address());
    vec![
        Rule::new([frontend.clone(), vec![steps::verdict_map("services", family.address())]].concat()),
        Rule::new([steps::local(false), vec![Expression::Counter, steps::jump("target")]].concat()),
        Rule::new([frontend, vec![look_up, dnat]].concat()),
    ]
}

fn filter_rules(family: Family) -> Vec<Rule> {
    let back = Expression::Fib { fib: Fib { result: FibResult::Output, source: false, by_input: true }, into: Reg(15) };
    let new = steps::conntrack(Conntrack::State, STATE_NEW);
    let rewritten = steps::conntrack(Conntrack::Status, CT_STATUS_DNAT);
    let hairpin = [new, rewritten, vec![back, steps::differs(Reg(15), vec![0; 4])], steps::add_mark(0x4000)].concat();
    let accept = vec![Expression::Verdict(Verdict::Accept)];
    let inside = steps::prefix(family.source(), "10.0.0.0/12".parse().unwrap(), Comparison::Equal);
    let elsewhere = steps::prefix(family.address(), "10.43.0.0/16".parse().unwrap(), Comparison::NotEqual);
    let drop = vec![Expression::Verdict(Verdict::Drop)];
    let ranges =
        [family.only().to_vec(), vec![family.load_source()], inside, vec![family.load_address()], elsewhere, drop]
            .concat();
    let tcp = vec![Expression::Meta { key: Meta::Protocol, into: Reg(0) }, steps::equal(Reg(0), vec![6])];
    vec![
        Rule::new(hairpin),
        Rule::new([steps::link_begins(Meta::InputName, "ox123"), accept].concat()).comment("oxkube"),
        Rule::new(ranges),
        Rule::new([tcp, vec![Expression::Reject(Reject::TcpReset)]].concat()),
        Rule::new(vec![Expression::Reject(Reject::PortUnreachable)]),
    ]
}

/// The table as nft lists it, without numbers that depend on history.
fn listing() -> Vec<String> {
    let text = output("nft", &["-j", "list", "table", "inet", "t"]).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut objects: Vec<serde_json::Value> = value["nftables"].as_array_mut().unwrap().drain(..).skip(1).collect();
    for object in &mut objects {
        for inner in object.as_object_mut().unwrap().values_mut() {
            inner.as_object_mut().unwrap().remove("handle");
            inner.as_object_mut().unwrap().remove("comment").filter(|comment| comment != "oxkube");
        }
    }
    let mut lines: Vec<String> = objects.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn nft_lists_our_ruleset_as_its_own() {
    let theirs = as_host(|| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("oracle.nft");
        std::fs::write(&file, ORACLE).unwrap();
        output("nft", &["-f", file.to_str().unwrap()]).map(|_| listing())
    });
    let Some(theirs) = theirs else {
        eprintln!("no nft on this machine: nothing to check against");
        return;
    };
    let ours = as_host(|| {
        Connection::open().unwrap().commit(ours()).unwrap();
        listing()
    });
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_refusal_names_the_step_and_nothing_is_applied() {
    as_host(|| {
        let mut connection = Connection::open().unwrap();
        let table = TableId { family: FAMILY_INET, name: "t".into() };
        let mut batch = connection.batch(&table);
        batch.add_table("");
        batch.add_set(&Set::new("s", &[Field::Port], None));
        let dynamic = Expression::Dynamic {
            set: "nowhere".into(),
            operation: DynamicOperation::Add,
            key: Reg(0),
            data: None,
            timeout: Some(Duration::from_secs(1)),
        };
        batch.add_chain(&Chain::new("c", vec![]));
        batch.add_rule("c", &Rule::new(vec![dynamic]));
        batch.add_chain(&Chain::new("d", vec![]));
        let error = connection.commit(batch).unwrap_err();
        assert!(error.to_string().starts_with("nftables refused to add a rule to chain c: No such file"), "{error}");
        assert!(error.missing());
        assert!(!connection.has_table(&table).unwrap(), "all or nothing");
        let mut batch = connection.batch(&table);
        batch.add_table("");
        connection.commit(batch).expect("the connection is still in step");
    });
}
