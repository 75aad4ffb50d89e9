//! Requests through a whole server to a kubelet that is a few lines of hyper: what it is asked, and that upgraded bytes go both ways.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use super::target::{self, ProxyName};
use super::*;
use crate::body::full;
use crate::dialer::{DialError, Dialer, Endpoint, Stream};
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::{Query, RequestInfo};
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;
use crate::testing;
use crate::tests::support::AllButNobody;

/// Notes what it is asked, echoes what is upgraded.
#[derive(Default)]
struct Backend {
    asked: Arc<Mutex<Vec<String>>>,
}

async fn serve(
    asked: Arc<Mutex<Vec<String>>>,
    mut request: Request<hyper::body::Incoming>,
) -> Response<Full<bytes::Bytes>> {
    let credentials = request.headers().contains_key("authorization");
    asked.lock().push(format!(
        "{} {}{}",
        request.method(),
        request.uri(),
        if credentials { " with credentials" } else { "" }
    ));
    if request.headers().contains_key("upgrade") {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut buffer = [0; 4];
            stream.read_exact(&mut buffer).await.unwrap();
            buffer.reverse();
            stream.write_all(&buffer).await.unwrap();
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        return response.header("connection", "Upgrade").header("upgrade", "SPDY/3.1").body(Full::default()).unwrap();
    }
    let (code, text) = if request.uri().path().contains("waiting") {
        (400, "container is waiting to start")
    } else {
        (200, "a line\n")
    };
    Response::builder().status(code).body(Full::from(text)).unwrap()
}

#[async_trait]
impl Dialer for Backend {
    async fn dial(&self, to: &Endpoint) -> Result<Stream, DialError> {
        let (near, far) = tokio::io::duplex(4096);
        let node = to.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
        self.asked.lock().push(format!("dial {}{node}", to.address()));
        let asked = self.asked.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let asked = asked.clone();
                async move { Ok::<_, std::convert::Infallible>(serve(asked, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
            connection.with_upgrades().await.unwrap();
        });
        Ok(Box::new(near))
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError> {
        self.dial(&Endpoint { host: format!("kubelet {}", to.host), ..to.clone() }).await
    }
}

async fn cluster() -> Objects {
    let objects = testing::objects();
    let node = json!({"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.5"}]}});
    let pod = |name: &str, node: &str| {
        json!({
            "metadata": {"name": name, "namespace": "web"},
            "spec": {"nodeName": node, "containers": [{"name": "main", "ports": [{"containerPort": 8080}]}]},
            "status": {"podIP": "10.42.0.9"},
        })
    };
    objects.create(row("", "v1", "nodes"), node).await.unwrap();
    for (name, node) in [("p", "n1"), ("waiting", "n1"), ("loose", "")] {
        objects.create(row("", "v1", "pods"), pod(name, node)).await.unwrap();
    }
    let service =
        json!({"metadata": {"name": "s", "namespace": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}});
    objects.create(row("", "v1", "services"), service).await.unwrap();
    let slice = json!({
        "metadata": {"name": "s-1", "namespace": "web", "labels": {"kubernetes.io/service-name": "s"}},
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [{"addresses": ["10.42.0.8"], "conditions": {"ready": false}}, {"addresses": ["10.42.0.9"], "nodeName": "n1", "conditions": {"ready": true}}],
    });
    objects.create(row("discovery.k8s.io", "v1", "endpointslices"), slice).await.unwrap();
    objects
}

fn call(objects: &Objects, http: Request<crate::body::Body>) -> Call {
    let info = RequestInfo::new(http.method(), http.uri());
    let kind = row(&info.api_group, &info.api_version, &info.resource);
    let subresource = kind.subresources.iter().find(|sub| sub.name == info.subresource);
    Call {
        info,
        identity: Identity::server(),
        kind,
        subresource,
        objects: objects.clone(),
        drain: crate::drain::Drain::default(),
        format: crate::negotiate::Format::PLAIN,
        http,
    }
}

async fn get(service: &dyn Service, objects: &Objects, path: &str) -> Result<(u16, String), Status> {
    let http = Request::get(path).header("authorization", "Bearer secret").body(full("")).unwrap();
    let response = service.handle(call(objects, http)).await?;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Ok((code, String::from_utf8(bytes.to_vec()).unwrap()))
}

#[tokio::test]
async fn logs_come_from_the_kubelet_of_the_pods_node() {
    let objects = cluster().await;
    let backend = Backend::default();
    let asked = backend.asked.clone();
    let pods = PodConnect::new(Arc::new(backend), Arc::new(AllButNobody));
    let logs = async |path: &str| get(&pods, &objects, &format!("/api/v1/namespaces/web/pods/{path}")).await;
    assert_eq!(logs("p/log?follow=true&tailLines=5&unknown=1").await.unwrap(), (200, "a line\n".to_owned()));
    assert_eq!(
        *asked.lock(),
        ["dial kubelet 10.0.0.5:10250 on n1", "GET /containerLogs/web/p/main?follow=true&tailLines=5"]
    );
    let waiting = logs("waiting/log").await.unwrap_err();
    assert_eq!((waiting.code, waiting.message.as_str()), (400, "container is waiting to start"));
    assert_eq!(logs("loose/log").await.unwrap(), (204, String::new()), "a Pod without a node has no log yet");
    assert_eq!(logs("p/log?container=x").await.unwrap_err().message, "container x is not valid for pod p");
    assert_eq!(logs("none/log").await.unwrap_err().code, 404);
    assert_eq!(logs("p/log?tailLines=-1").await.unwrap_err().code, 422);
    assert_eq!(logs("p/exec?command=ls").await.unwrap_err().message, "Upgrade request required");
}

/// A server port on which the service answers, so that upgrades are real.
fn port(objects: Objects, backend: Backend) -> tokio::io::DuplexStream {
    let pods = Arc::new(PodConnect::new(Arc::new(backend), Arc::new(AllButNobody)));
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (pods, objects) = (pods.clone(), objects.clone());
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            async move {
                let answered = pods.handle(call(&objects, request)).await;
                let refused = |status: Status| Response::builder().status(status.code).body(full("")).unwrap();
                Ok::<_, std::convert::Infallible>(answered.unwrap_or_else(refused))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
        connection.with_upgrades().await.unwrap();
    });
    near
}

#[tokio::test]
async fn upgraded_bytes_go_both_ways() {
    let objects = cluster().await;
    let backend = Backend::default();
    let asked = backend.asked.clone();
    let mut near = port(objects, backend);
    let head = "POST /api/v1/namespaces/web/pods/p/exec?command=sh&command=-c&command=echo%20hi&stdin=true&tty=true&stderr=false HTTP/1.1\r\n\
                Host: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nAuthorization: Bearer secret\r\n\r\n";
    near.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(near.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 101") && answer.contains("upgrade: spdy/3.1"), "{answer}");
    near.write_all(b"abcd").await.unwrap();
    let mut echoed = [0; 4];
    near.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"dcba");
    assert_eq!(asked.lock()[1], "POST /exec/web/p/main?input=1&output=1&tty=1&command=sh&command=-c&command=echo%20hi");
}

/// What a browser reads of a log: the subprotocol that was chosen, and all messages.
async fn read_log(path: &str, protocols: &str) -> Result<(String, Vec<Message>), u16> {
    let backend = Backend::default();
    let asked = backend.asked.clone();
    let near = port(cluster().await, backend);
    let mut request = format!("ws://x/api/v1/namespaces/web/pods/{path}").into_client_request().unwrap();
    if !protocols.is_empty() {
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    }
    let (mut socket, answer) = match tokio_tungstenite::client_async(request, near).await {
        Ok(opened) => opened,
        Err(WebSocketError::Http(answer)) => return Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(asked.lock()[1], "GET /containerLogs/web/p/main?follow=true", "the kubelet is asked for a plain log");
    let chosen = answer.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap().to_owned());
    let mut messages = Vec::new();
    while let Some(message) = socket.next().await {
        messages.push(message.unwrap());
    }
    Ok((chosen.unwrap_or_default(), messages))
}

/// Upstream sends an empty message first, so that clients see the connection stand before the first line.
#[tokio::test]
async fn logs_come_over_websockets() {
    let end = || {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        Message::Close(Some(frame))
    };
    let bytes = |text: &'static str| Message::Binary(text.into());
    let text = |text: &'static str| Message::Text(text.into());
    let read = async |protocols: &str| read_log("p/log?follow=true", protocols).await;
    let plain = vec![bytes(""), bytes("a line\n"), end()];
    assert_eq!(read("binary.k8s.io").await, Ok(("binary.k8s.io".to_owned(), plain.clone())));
    assert_eq!(read("").await, Ok((String::new(), plain)));
    let base64 = vec![text(""), text("YSBsaW5lCg=="), end()];
    assert_eq!(read("base64.binary.k8s.io").await, Ok(("base64.binary.k8s.io".to_owned(), base64)));
    assert_eq!(read("v4.channel.k8s.io").await, Err(403));
    assert_eq!(read_log("waiting/log", "binary.k8s.io").await, Err(400), "a refusal is no log");
    assert_eq!(read_log("loose/log", "binary.k8s.io").await, Err(204));
}

/// Certificates of Pods are nobody's business but theirs: upstream's proxy checks none.
#[tokio::test]
async fn proxies_speak_tls_to_https_names() {
    let objects = testing::objects();
    let backend =
        testing::backend::Backend::start(&["somebody.example"], |asked| testing::backend::answer(&json!(asked.line)))
            .await;
    backend.publish(&objects, "web", "s").await;
    let pod = json!({
        "metadata": {"name": "p", "namespace": "web"},
        "spec": {"containers": [{"name": "main", "ports": [{"containerPort": backend.port}]}]},
        "status": {"podIP": "10.42.0.9"},
    });
    objects.create(row("", "v1", "pods"), pod).await.unwrap();
    let node =
        json!({"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.5"}]}});
    objects.create(row("", "v1", "nodes"), node).await.unwrap();
    let proxy = Proxy::new(Arc::new(testing::backend::Direct), objects.clone()).unwrap();
    let node = format!("/api/v1/nodes/https:n1:{}/proxy/x?y=z", backend.port);
    for path in [
        "/api/v1/namespaces/web/services/https:s:443/proxy/x?y=z",
        "/api/v1/namespaces/web/services/https:s:/proxy/x?y=z",
        "/api/v1/namespaces/web/pods/https:p:/proxy/x?y=z",
        &node,
    ] {
        let answered = get(&proxy, &objects, path).await;
        assert_eq!(answered.unwrap(), (200, json!("GET /x?y=z").to_string()), "{path}");
    }
    let plain = get(&proxy, &objects, "/api/v1/namespaces/web/services/s:443/proxy/x").await;
    assert!(plain.is_err(), "without https: nobody speaks TLS");
}

#[test]
fn a_pods_port_is_asked_for_or_its_first_or_the_schemes() {
    let pod = |ports: Value| json!({"spec": {"containers": [{"ports": ports}]}, "status": {"podIP": "10.42.0.9"}});
    let endpoint = |pod: &Value, name: &str| {
        target::pod_endpoint(pod, &ProxyName::parse(name).unwrap())
            .map(|endpoint| endpoint.port)
            .map_err(|error| error.code)
    };
    let (with, without) = (pod(json!([{"containerPort": 8080}])), pod(json!([])));
    assert_eq!(endpoint(&with, "p"), Ok(8080));
    assert_eq!(endpoint(&with, "https:p:"), Ok(8080));
    assert_eq!(endpoint(&with, "https:p:99"), Ok(99));
    assert_eq!(endpoint(&without, "http:p:"), Ok(80));
    assert_eq!(endpoint(&without, "https:p:"), Ok(443));
    assert_eq!(endpoint(&with, "p:web"), Err(400));
}

#[tokio::test]
async fn proxies_lead_to_nodes_pods_and_ready_endpoints() {
    let objects = cluster().await;
    let backend = Backend::default();
    let asked = backend.asked.clone();
    let proxy = Proxy::new(Arc::new(backend), objects.clone()).unwrap();
    let ask = async |path: &str| get(&proxy, &objects, path).await;
    let named = json!({"metadata": {"name": "proxy-public", "namespace": "proxy"}, "spec": {"ports": [{"port": 80}]}});
    objects.create(row("", "v1", "services"), named).await.unwrap();
    let slice = json!({
        "metadata": {"name": "p-1", "namespace": "proxy", "labels": {"kubernetes.io/service-name": "proxy-public"}},
        "ports": [{"port": 8000}], "endpoints": [{"addresses": ["10.42.0.7"]}],
    });
    objects.create(row("discovery.k8s.io", "v1", "endpointslices"), slice).await.unwrap();
    for path in [
        "/api/v1/nodes/n1/proxy/stats/summary?a=b",
        "/api/v1/namespaces/web/pods/p/proxy/",
        "/api/v1/namespaces/web/services/s:http/proxy/x%20y",
        "/api/v1/namespaces/web/pods/http:p:99/proxy/z",
        "/api/v1/namespaces/proxy/services/proxy-public/proxy/hub",
        "/api/v1/namespaces/web/services/s:http/proxy/proxy/proxy",
        "/api/v1/nodes/n1:9100/proxy/metrics",
    ] {
        assert_eq!(ask(path).await.unwrap().0, 200, "{path}");
    }
    assert_eq!(
        *asked.lock(),
        [
            "dial kubelet 10.0.0.5:10250 on n1",
            "GET /stats/summary?a=b",
            "dial 10.42.0.9:8080 on n1",
            "GET /",
            "dial 10.42.0.9:8080 on n1",
            "GET /x%20y",
            "dial 10.42.0.9:99 on n1",
            "GET /z",
            "dial 10.42.0.7:8000",
            "GET /hub",
            "dial 10.42.0.9:8080 on n1",
            "GET /proxy/proxy",
            "dial 10.0.0.5:9100 on n1",
            "GET /metrics",
        ]
    );
    for path in ["/api/v1/namespaces/web/pods/p/proxy", "/api/v1/namespaces/proxy/services/proxy-public/proxy"] {
        assert_eq!(ask(path).await.unwrap().0, 301, "{path}");
    }
    for (service, message) in [
        ("s", "no endpoints available for service \"s\""),
        ("s:none", "no endpoints available for service \"s:none\""),
        ("https:s:none", "no endpoints available for service \"https:s:none\""),
        ("s:81", "no service port 81 found for service \"s\""),
    ] {
        let error = ask(&format!("/api/v1/namespaces/web/services/{service}/proxy/")).await.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (503, message), "{service}");
    }
    assert_eq!(ask("/api/v1/namespaces/web/pods/none/proxy/").await.unwrap_err().code, 404);
}

/// Go's IsGlobalUnicast, by which upstream's ResourceLocations refuse.
#[tokio::test]
async fn proxies_go_to_no_address_of_one_machine_or_link() {
    let objects = cluster().await;
    let (backend, logs) = (Backend::default(), Backend::default());
    let proxy = Proxy::new(Arc::new(backend), objects.clone()).unwrap();
    let pods = PodConnect::new(Arc::new(logs), Arc::new(AllButNobody));
    let cases = [
        ("127.0.0.1", false),
        ("127.8.8.8", false),
        ("169.254.169.254", false),
        ("0.0.0.0", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("::1", false),
        ("fe80::1", false),
        ("ff02::1", false),
        ("::ffff:127.0.0.1", false),
        ("10.0.0.9", true),
        ("192.168.1.1", true),
        ("8.8.8.8", true),
        ("fd00::9", true),
    ];
    for (at, (address, allowed)) in cases.into_iter().enumerate() {
        let name = format!("at-{at}");
        let node =
            json!({"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}});
        let pod = json!({
            "metadata": {"name": name, "namespace": "web"},
            "spec": {"nodeName": name, "containers": [{"name": "main"}]}, "status": {"podIP": address},
        });
        objects.create(row("", "v1", "nodes"), node).await.unwrap();
        objects.create(row("", "v1", "pods"), pod).await.unwrap();
        let refused = (400, "address not allowed".to_owned());
        let expected = if allowed { (200, "a line\n".to_owned()) } else { refused };
        for path in [
            format!("/api/v1/namespaces/web/pods/{name}/proxy/"),
            format!("/api/v1/nodes/{name}/proxy/"),
            format!("/api/v1/nodes/{name}:80/proxy/"),
        ] {
            let answered = get(&proxy, &objects, &path).await;
            let answered = answered.unwrap_or_else(|status| (status.code, status.message.clone()));
            assert_eq!(answered, expected, "{path} at {address}");
        }
        let log = get(&pods, &objects, &format!("/api/v1/namespaces/web/pods/{name}/log")).await;
        assert_eq!(log.unwrap().0, 200, "a log at {address} comes from the kubelet, wherever that is");
    }
    let node =
        json!({"metadata": {"name": "named"}, "status": {"addresses": [{"type": "Hostname", "address": "localhost"}]}});
    objects.create(row("", "v1", "nodes"), node).await.unwrap();
    assert_eq!(get(&proxy, &objects, "/api/v1/nodes/named/proxy/").await.unwrap_err().message, "address not allowed");
    for (name, host, code) in [("own", "localhost", 400), ("link", "169.254.169.254", 400), ("pod", "10.42.0.9", 200)] {
        let service = json!({"metadata": {"name": name, "namespace": "web"}, "spec": {"ports": [{"port": 80}]}});
        let slice = json!({
            "metadata": {"name": name, "namespace": "web", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "FQDN", "ports": [{"port": 8080}], "endpoints": [{"addresses": [host], "nodeName": "n1"}],
        });
        objects.create(row("", "v1", "services"), service).await.unwrap();
        objects.create(row("discovery.k8s.io", "v1", "endpointslices"), slice).await.unwrap();
        let answered = get(&proxy, &objects, &format!("/api/v1/namespaces/web/services/{name}:80/proxy/")).await;
        let answered = answered.unwrap_or_else(|status| (status.code, status.message.clone()));
        let text = if code == 200 { "a line\n" } else { "address not allowed" };
        assert_eq!(answered, (code, text.to_owned()), "{host}");
    }
}

/// Upstream's feature AuthorizePodWebsocketUpgradeCreatePermission.
#[tokio::test]
async fn what_is_done_through_websockets_needs_create() {
    let objects = cluster().await;
    let resources = ["pods/exec", "pods/attach", "pods/portforward", "pods/log"];
    for (user, verbs) in [("reader", &["get"][..]), ("writer", &["get", "create"])] {
        let role = json!({"metadata": {"name": user, "namespace": "web"}, "rules": [{"verbs": verbs, "apiGroups": [""], "resources": resources}]});
        let binding = json!({"metadata": {"name": user, "namespace": "web"}, "roleRef": {"kind": "Role", "name": user}, "subjects": [{"kind": "User", "name": user}]});
        let kind = |plural| row("rbac.authorization.k8s.io", "v1", plural);
        objects.create(kind("roles"), role).await.unwrap();
        objects.create(kind("rolebindings"), binding).await.unwrap();
    }
    let authorizer = crate::authz::standard(&objects, Arc::new(crate::authz::Rbac::new(objects.clone())));
    let pods = PodConnect::new(Arc::new(Backend::default()), Arc::new(authorizer));
    let ask = async |user: &str, method: &str, path: &str| {
        let path = format!("/api/v1/namespaces/web/pods/p/{path}");
        let http = Request::builder().method(method).uri(path).body(full("")).unwrap();
        let identity = Identity::new(user, &["system:authenticated"]);
        let answered = pods.handle(Call { identity, ..call(&objects, http) }).await;
        answered
            .map_or_else(|status| (status.code, status.message), |response| (response.status().as_u16(), String::new()))
    };
    let refused = |subresource: &str| {
        let who = r#"pods "p" is forbidden: User "reader" cannot create resource"#;
        (403, format!(r#"{who} "pods/{subresource}" in API group "" in the namespace "web""#))
    };
    let plain = (400, "Upgrade request required".to_owned());
    for path in ["exec?command=ls", "attach", "portforward?ports=80"] {
        let subresource = path.split('?').next().unwrap();
        assert_eq!(ask("reader", "GET", path).await, refused(subresource), "{path}");
        assert_eq!(ask("writer", "GET", path).await, plain, "{path}");
        // That was looked at before the service was asked.
        assert_eq!(ask("reader", "POST", path).await, plain, "{path}");
    }
    assert_eq!(ask("reader", "GET", "log").await.0, 200);
}

#[test]
fn containers_are_chosen_as_upstream_chooses() {
    let pod = |main: &[&str], init: &[&str]| {
        let list = |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name})).collect() };
        json!({"metadata": {"name": "p"}, "spec": {"containers": list(main), "initContainers": list(init)}})
    };
    assert_eq!(target::container(&pod(&["a"], &["i"]), "").unwrap(), "a");
    assert_eq!(target::container(&pod(&["a"], &["i"]), "i").unwrap(), "i");
    let several = target::container(&pod(&["a", "b"], &["i"]), "").unwrap_err();
    let expected =
        "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]";
    assert_eq!(several.message, expected);
    let name = |scheme: &str, name: &str, port: &str| {
        Some(ProxyName { scheme: scheme.into(), name: name.into(), port: port.into() })
    };
    assert_eq!(ProxyName::parse("web"), name("", "web", ""));
    assert_eq!(ProxyName::parse("web:80"), name("", "web", "80"));
    assert_eq!(ProxyName::parse("https:web:"), name("https", "web", ""));
    assert_eq!(ProxyName::parse("ftp:web:80"), None);
    let both = Query::parse("sinceSeconds=5&sinceTime=x");
    assert_eq!(target::check_log_options(&both).len(), 1);
}
