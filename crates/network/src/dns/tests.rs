//! Answers by table, records over disk, truncation, upstreams.

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::Deserialize;

use super::{Answer, Limit, Records, Reply, Zone, answer, encode, finish, search, service_record, upstreams};

#[derive(Deserialize)]
struct Table {
    services: Vec<Service>,
    slices: Vec<EndpointSlice>,
    namespaces: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ask: String,
    then: Vec<String>,
}

fn table() -> (Records, Vec<Case>) {
    let table: Table = serde_saphyr::from_str(include_str!("../../cases/dns/answers.yaml")).unwrap();
    let mut records = Records::default();
    for service in &table.services {
        let name = service.metadata.name.as_deref().unwrap();
        let of_service =
            |slice: &&EndpointSlice| slice.metadata.labels.as_ref().unwrap()["kubernetes.io/service-name"] == name;
        let slices: Vec<&EndpointSlice> = table.slices.iter().filter(of_service).collect();
        records.set_service(service.metadata.namespace.as_deref().unwrap(), name, service_record(service, &slices));
    }
    records.set_namespaces(table.namespaces.into_iter().collect());
    (records, table.cases)
}

pub fn zone() -> Zone {
    Zone { domain: Name::from_ascii("cluster.local.").unwrap(), server: Some("10.43.0.10".parse().unwrap()) }
}

fn query(text: &str) -> Query {
    let (name, kind) = text.split_once(' ').unwrap();
    Query::query(Name::from_ascii(format!("{name}.")).unwrap(), kind.parse().unwrap())
}

fn text(record: &Record) -> String {
    match &record.data {
        RData::SOA(soa) => format!("SOA {}", soa.mname),
        RData::TXT(txt) => format!("TXT {txt}"),
        data => format!("{} {data}", record.record_type()),
    }
}

fn texts(answer: Answer) -> Vec<String> {
    let mut lines: Vec<String> = match answer {
        Answer::Forward => vec!["forward".into()],
        Answer::Search { alias, target } => vec![text(&alias), format!("search {target}")],
        Answer::Alias { aliases, target } => aliases.iter().map(text).chain([format!("then {target}")]).collect(),
        Answer::Records { code, answers, authorities, additionals } => {
            let code = if code == ResponseCode::NXDomain { "NXDOMAIN" } else { "NOERROR" };
            let negative = authorities.iter().map(|record| format!("{code} {}", record.record_type()));
            answers
                .iter()
                .map(text)
                .chain(negative)
                .chain(additionals.iter().map(|record| format!("+ {}", text(record))))
                .collect()
        }
    };
    lines.sort();
    lines
}

#[test]
fn names_are_answered_as_the_specification_says() {
    let (records, cases) = table();
    let stored = Records::from_json(&serde_json::to_vec(&records).unwrap()).unwrap();
    assert_eq!(stored, records, "what is on disk is all there is");
    for case in cases {
        let mut expected = case.then;
        expected.sort();
        assert_eq!(texts(answer(&stored, &zone(), &query(&case.ask))), expected, "{}", case.ask);
    }
}

#[test]
fn a_circle_of_external_names_ends() {
    let (records, _) = table();
    let Answer::Records { code, .. } = answer(&records, &zone(), &query("loop.shop.svc.cluster.local A")) else {
        panic!("a circle is answered here")
    };
    assert_eq!(code, ResponseCode::ServFail);
}

#[test]
fn a_removed_service_is_forgotten_in_both_directions() {
    let (mut records, _) = table();
    records.set_service("shop", "web", None);
    assert_eq!(texts(answer(&records, &zone(), &query("web.shop.svc.cluster.local A"))), ["NXDOMAIN SOA"]);
    assert_eq!(texts(answer(&records, &zone(), &query("7.0.43.10.in-addr.arpa PTR"))), ["forward"]);
}

#[test]
fn large_answers_are_cut_to_what_the_client_takes() {
    let name = Name::from_ascii("many.shop.svc.cluster.local.").unwrap();
    let record = |n: u8| Record::from_rdata(name.clone(), 5, RData::A(std::net::Ipv4Addr::new(10, 42, 0, n).into()));
    let mut request = Message::query();
    request.metadata.id = 3;
    request.add_query(Query::query(name.clone(), RecordType::A));
    let reply = || Reply { answers: (0..200).map(record).collect(), additionals: vec![record(1)], ..Reply::default() };
    let read = |bytes: &[u8]| Message::from_vec(bytes).unwrap();
    let mut most = 512;
    for _ in 0..2 {
        let bytes = encode(&request, finish(&request, reply()), Limit::Datagram).unwrap();
        let message = read(&bytes);
        assert!(bytes.len() <= most && message.metadata.truncation && !message.answers.is_empty(), "{}", bytes.len());
        assert_eq!(message.edns.is_some(), request.edns.is_some());
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        request.edns = Some(edns);
        most = 1232;
    }
    let whole = read(&encode(&request, finish(&request, reply()), Limit::Stream).unwrap());
    assert_eq!((whole.answers.len(), whole.metadata.truncation), (200, false));
    assert_eq!(text(&whole.answers[0]), "A 10.42.0.3", "addresses take turns");
}

#[test]
fn upstreams_come_from_resolv_conf_without_ourselves() {
    let own = ["192.168.7.1".parse().unwrap(), "10.43.0.10".parse().unwrap()];
    let real = Some("nameserver 9.9.9.9\n");
    for (text, expected) in [
        (
            "nameserver 1.1.1.1\n# nameserver 8.8.8.8\n nameserver 2606:4700::1111\nsearch x",
            "1.1.1.1:53 [2606:4700::1111]:53",
        ),
        ("nameserver 127.0.0.53\noptions edns0", "9.9.9.9:53"),
        ("nameserver 192.168.7.1\nnameserver 10.43.0.10\nnameserver 1.0.0.1", "1.0.0.1:53"),
        (
            "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4",
            "1.1.1.1:53 1.1.1.2:53 1.1.1.3:53",
        ),
        ("", ""),
    ] {
        let found: Vec<String> = upstreams(text, real, &own).iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), expected);
    }
}

#[test]
fn a_search_is_answered_at_its_first_name_for_the_pod_that_begins_there() {
    let (mut records, _) = table();
    let client = "10.42.0.9".parse().unwrap();
    records.set_clients([(client, "shop".to_owned())].into());
    let found =
        |ask: &str, client: &str| search(&records, &zone(), &query(ask), client.parse().unwrap()).map_or(vec![], texts);
    let nothing: [&str; 0] = [];
    for (ask, expected) in [
        ("web.shop.svc.cluster.local A", &nothing[..]),
        ("www.example.com.shop.svc.cluster.local A", &["CNAME www.example.com.", "search www.example.com."]),
        (
            "kubernetes.default.shop.svc.cluster.local A",
            &["A 10.43.0.1", "CNAME kubernetes.default.svc.cluster.local."],
        ),
        (
            "kubernetes.default.svc.shop.svc.cluster.local A",
            &["A 10.43.0.1", "CNAME kubernetes.default.svc.cluster.local."],
        ),
        (
            "kubernetes.default.shop.svc.cluster.local AAAA",
            &["CNAME kubernetes.default.svc.cluster.local.", "NOERROR SOA"],
        ),
        ("www.example.com.shop.svc.cluster.local MX", &nothing),
        ("www.example.com.default.svc.cluster.local A", &nothing),
        ("www.example.com.svc.cluster.local A", &nothing),
    ] {
        assert_eq!(found(ask, "10.42.0.9"), expected, "{ask}");
    }
    assert_eq!(found("www.example.com.shop.svc.cluster.local A", "10.42.0.8"), nothing, "not a Pod we know");
}
