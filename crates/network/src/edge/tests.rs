//! The edge on real sockets in a private namespace, asked by our own client and, where the machine has it, by dig.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::Informers;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::arguments::{Arguments, ArgumentsError};
use super::forward::Forwarder;
use super::objects::objects;
use super::process::{bind, main};
use super::server::Server;
use super::state::State;
use super::watch::watch;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::dns::{PortRecord, Records, ServiceRecord, Zone};
use crate::protocol::Protocol;
use crate::tests::fake_api::FakeApi;
use crate::tests::{as_host, eventually, output};

const EDGE: &str = "127.0.0.1:5300";

fn env() -> Env {
    let spawn = |_: &'static str, task| drop(tokio::spawn(task));
    Env::new(jiff::Timestamp::now, |buffer| buffer.fill(7), spawn)
}

fn fill(records: &mut Records) {
    let cluster = ServiceRecord::Cluster {
        addresses: vec!["10.43.0.7".parse().unwrap()],
        ports: vec![PortRecord { name: "http".into(), protocol: Protocol::Tcp, number: 80 }],
    };
    records.set_service("shop", "web", Some(cluster));
    records.set_namespaces(["shop".to_owned()].into());
    records.set_service("shop", "out", Some(ServiceRecord::External { name: "www.example.com".into() }));
}

/// Runs a server at EDGE in the current namespace for as long as the test lives.
fn serve(data_dir: &std::path::Path, upstreams: Vec<SocketAddr>) {
    let state = Arc::new(State::load(data_dir).unwrap());
    state.change(fill);
    let (udp, tcp) = bind(EDGE.parse().unwrap()).unwrap();
    udp.set_nonblocking(true).unwrap();
    tcp.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let zone = Zone { domain: Name::from_ascii("cluster.local.").unwrap(), server: None };
            let server = Arc::new(Server { state, zone, forwarder: Forwarder::new(upstreams, 42) });
            let probing = server.clone();
            tokio::spawn(async move { probing.forwarder.probe().await });
            let udp = Arc::new(tokio::net::UdpSocket::from_std(udp).unwrap());
            tokio::spawn(server.clone().serve_datagrams(udp, env()));
            server.serve_streams(tokio::net::TcpListener::from_std(tcp).unwrap(), env()).await.unwrap();
        });
    });
}

/// An upstream that answers every question with one address.
fn upstream(address: &str) -> SocketAddr {
    let socket = UdpSocket::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let mut message = Message::from_vec(&buffer[..length]).unwrap().into_response();
            let name = message.queries[0].name().clone();
            message.add_answer(Record::from_rdata(name, 60, RData::A(std::net::Ipv4Addr::new(192, 0, 2, 1).into())));
            socket.send_to(&message.to_vec().unwrap(), client).unwrap();
        }
    });
    address
}

fn request(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

fn ask(name: &str) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(&request(name), EDGE).unwrap();
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

fn addresses(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

#[test]
fn the_cluster_is_answered_and_the_world_asked() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        serve(data_dir.path(), vec![upstream("127.0.0.2:53")]);
        let message = ask("web.shop.svc.cluster.local.");
        assert_eq!(addresses(&message), ["10.43.0.7"]);
        assert!(message.metadata.authoritative);
        assert_eq!(ask("no.shop.svc.cluster.local.").metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(addresses(&ask("www.example.org.")), ["192.0.2.1"]);
        assert_eq!(addresses(&ask("out.shop.svc.cluster.local.")), ["www.example.com.", "192.0.2.1"]);
        let mut stream = TcpStream::connect(EDGE).unwrap();
        for _ in 0..2 {
            let request = request("web.shop.svc.cluster.local.");
            stream.write_all(&(request.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&request).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut reply).unwrap();
            assert_eq!(addresses(&Message::from_vec(&reply).unwrap()), ["10.43.0.7"]);
        }
    });
}

#[test]
fn dig_agrees() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        serve(data_dir.path(), vec![upstream("127.0.0.2:53")]);
        let dig = |arguments: &str| {
            let all: Vec<&str> =
                ["@127.0.0.1", "-p", "5300", "+tries=1"].into_iter().chain(arguments.split(' ')).collect();
            output("dig", &all)
        };
        let Some(short) = dig("+short web.shop.svc.cluster.local") else {
            eprintln!("no dig on this machine: nothing to check against");
            return;
        };
        assert_eq!(short, "10.43.0.7\n");
        for (arguments, expected) in [
            ("+tcp +short web.shop.svc.cluster.local A", &["10.43.0.7"][..]),
            ("+noedns web.shop.svc.cluster.local", &["status: NOERROR", "flags: qr aa rd ra"]),
            ("web.shop.svc.cluster.local", &["EDNS: version: 0, flags:; udp: 1232"]),
            (
                "web.shop.svc.cluster.local AAAA",
                &["status: NOERROR", "ANSWER: 0, AUTHORITY: 1", "SOA\tns.dns.cluster.local."],
            ),
            ("gone.shop.svc.cluster.local", &["status: NXDOMAIN", "ANSWER: 0, AUTHORITY: 1"]),
            ("+short _http._tcp.web.shop.svc.cluster.local SRV", &["0 100 80 web.shop.svc.cluster.local."]),
            ("+short -x 10.43.0.7", &["web.shop.svc.cluster.local."]),
            ("+short out.shop.svc.cluster.local", &["www.example.com.\n192.0.2.1"]),
            ("web.shop.svc.cluster.local CH", &["status: REFUSED"]),
        ] {
            let text = dig(arguments).unwrap();
            for part in expected {
                assert!(text.contains(part), "{arguments}: {part:?} is not in {text}");
            }
        }
    });
}

#[test]
fn an_upstream_that_asks_us_is_noticed() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        serve(data_dir.path(), vec![EDGE.parse().unwrap()]);
        assert_eq!(ask("www.example.org.").metadata.response_code, ResponseCode::ServFail);
        assert_eq!(addresses(&ask("web.shop.svc.cluster.local.")), ["10.43.0.7"]);
    });
}

#[test]
fn garbage_gets_an_error_or_silence_and_the_server_lives() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        serve(data_dir.path(), vec![]);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send_to(b"?", EDGE).unwrap();
        socket.send_to(&[1, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0], EDGE).unwrap();
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        let message = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!((message.metadata.id, message.metadata.response_code), (0x0102, ResponseCode::FormErr));
        assert_eq!(addresses(&ask("web.shop.svc.cluster.local.")), ["10.43.0.7"]);
    });
}

#[test]
fn a_new_process_serves_the_last_known_state_on_inherited_sockets_while_the_server_is_away() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        let state = State::load(data_dir.path()).unwrap();
        state.change(fill);
        state.write().unwrap();
        let kubeconfig = data_dir.path().join("kubeconfig");
        let text = "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], \
                    clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {token: t}}]}";
        std::fs::write(&kubeconfig, text).unwrap();
        let (udp, tcp) = bind(EDGE.parse().unwrap()).unwrap();
        let arguments = [
            ("--data-dir", data_dir.path().display().to_string()),
            ("--kubeconfig", kubeconfig.display().to_string()),
            ("--listen", EDGE.to_owned()),
            ("--udp-fd", udp.into_raw_fd().to_string()),
            ("--tcp-fd", tcp.into_raw_fd().to_string()),
            ("--resolv-conf", data_dir.path().join("none").display().to_string()),
        ];
        let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        std::thread::spawn(move || main(arguments, env()));
        assert_eq!(addresses(&ask("web.shop.svc.cluster.local.")), ["10.43.0.7"]);
    });
}

#[test]
fn a_torn_state_file_is_no_reason_not_to_start() {
    let data_dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(data_dir.path().join("edge")).unwrap();
    std::fs::write(data_dir.path().join("edge/state.json"), "{\"services\":").unwrap();
    assert!(State::load(data_dir.path()).unwrap().records().keys().is_empty());
}

#[test]
fn arguments_are_read_or_refused_by_name() {
    let parse = |text: &str| Arguments::parse(text.split_whitespace().map(str::to_owned));
    let whole = parse("--data-dir /d --kubeconfig /k --listen 192.168.7.1:10053 --cluster-dns 10.43.0.10").unwrap();
    assert_eq!((whole.domain.as_str(), whole.udp_fd), ("cluster.local", None));
    assert_eq!(parse("--data-dir /d").unwrap_err(), ArgumentsError::Missing("--kubeconfig"));
    assert_eq!(parse("--what x").unwrap_err().to_string(), "unknown argument --what");
    assert_eq!(parse("--listen nonsense").unwrap_err().to_string(), "argument --listen: invalid value \"nonsense\"");
}

#[test]
fn the_service_of_dns_points_to_the_edge() {
    let objects = objects("192.168.7.1:10053".parse().unwrap(), "10.43.0.10".parse().unwrap());
    let service: k8s_openapi::api::core::v1::Service = serde_json::from_value(objects.service).unwrap();
    let slice: k8s_openapi::api::discovery::v1::EndpointSlice = serde_json::from_value(objects.endpoint_slice).unwrap();
    let frontends = crate::proxy::desired(&service, &[&slice], &crate::proxy::NodeView::default());
    let targets: Vec<_> =
        frontends.iter().map(|(front, back)| (front.port, back.endpoints.iter().next().copied())).collect();
    assert_eq!(targets, [(53, Some(("192.168.7.1".parse().unwrap(), 10053))); 2]);
}

#[test]
fn the_records_follow_the_api_and_forget_what_went_while_nobody_looked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let data_dir = tempfile::tempdir().unwrap();
        let state = Arc::new(State::load(data_dir.path()).unwrap());
        state.change(fill);
        let api = FakeApi::default();
        api.put("namespaces", json!({"metadata": {"name": "shop", "uid": "n"}}));
        api.put(
            "services",
            json!({"metadata": {"name": "db", "namespace": "shop", "uid": "s"}, "spec": {"clusterIP": "None"}}),
        );
        let informers = Informers::new(api.client(), env(), CancellationToken::new());
        tokio::spawn(watch(informers, state.clone()));
        let known = |state: &State| state.records().keys() == [("shop".to_owned(), "db".to_owned())];
        eventually("only what the API has is known", || known(&state)).await;
        let labels = json!({"kubernetes.io/service-name": "db"});
        api.put(
            "endpointslices",
            json!({
                "metadata": {"name": "db-1", "namespace": "shop", "uid": "e", "labels": labels},
                "addressType": "IPv4", "ports": [], "endpoints": [{"addresses": ["10.42.0.2"], "hostname": "db-0"}],
            }),
        );
        let address = "10.42.0.2".parse().unwrap();
        let named = || state.records().names_of(&address).next().is_some_and(|name| name == "db-0.db.shop.svc");
        eventually("the endpoint has its name", named).await;
    });
}

#[test]
fn a_search_is_answered_at_once_for_a_pod_and_step_by_step_for_others() {
    as_host(|| {
        let data_dir = tempfile::tempdir().unwrap();
        let state = State::load(data_dir.path()).unwrap();
        state.change(|records| records.set_clients([("127.0.0.1".parse().unwrap(), "shop".to_owned())].into()));
        state.write().unwrap();
        serve(data_dir.path(), vec![upstream("127.0.0.2:53")]);
        let found = ask("www.example.org.shop.svc.cluster.local.");
        assert_eq!(addresses(&found), ["www.example.org.", "192.0.2.1"]);
        let other = ask("www.example.org.default.svc.cluster.local.");
        assert_eq!(other.metadata.response_code, ResponseCode::NXDomain);
    });
}
