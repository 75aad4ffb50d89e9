//! Exec, attach and port-forward through the streaming server, in the protocols of kubectl before and after 1.31. Expectations: the
//! channel protocols' documentation (remotecommand) and what a shell does.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::harness::{Cri, World, isolated, pod, script};
use super::image;
use crate::cri::v1::*;
use crate::streaming::{spdy::tests::Client, tunnel};

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Redeems an address as kubelets do.
async fn upgrade(url: &str, upgrade: &str, protocol: &str) -> Upgraded {
    let uri: http::Uri = url.parse().expect("a URL");
    let authority = uri.authority().expect("a host").to_string();
    let stream = TcpStream::connect(&authority).await.expect("it listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection.with_upgrades());
    let name = if upgrade == "websocket" { "sec-websocket-protocol" } else { "x-stream-protocol-version" };
    let request = Request::post(uri.path()).header("host", authority).header("connection", "Upgrade");
    let request = request.header("upgrade", upgrade).header(name, protocol);
    let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let response =
        sender.send_request(request.body(Empty::<Bytes>::new()).expect("a request")).await.expect("an answer");
    assert_eq!((response.status().as_u16(), response.headers()[name].as_bytes()), (101, protocol.as_bytes()));
    TokioIo::new(hyper::upgrade::on(response).await.expect("it is upgraded"))
}

async fn websocket(url: &str, protocol: &str) -> WebSocketStream<Upgraded> {
    WebSocketStream::from_raw_socket(upgrade(url, "websocket", protocol).await, Role::Client, None).await
}

/// What comes on every channel until the server closes.
async fn channels(socket: &mut WebSocketStream<Upgraded>) -> [String; 4] {
    let mut received = [const { String::new() }; 4];
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(bytes) = message {
            received[usize::from(bytes[0])].push_str(&String::from_utf8_lossy(&bytes[1..]));
        }
    }
    received
}

fn on(channel: u8, bytes: &[u8]) -> Message {
    Message::Binary([&[channel], bytes].concat().into())
}

async fn running(world: &World, text: &str, change: impl FnOnce(&mut ContainerConfig)) -> (Cri, String, String) {
    crate::supervisor::sandbox::loopback_up().expect("the streams' device");
    let mut cri = world.start().await;
    let archive = image::busybox(&world.directory);
    cri.server.node().images.import(&archive, false).await.expect("the image is imported");
    let sandbox = cri.sandbox(pod("web", &world.directory)).await;
    let mut config = script("main", text);
    change(&mut config);
    let id = cri.run(&sandbox, config).await;
    (cri, sandbox, id)
}

const SLEEP: &str = "trap 'exit 0' TERM; while true; do sleep 0.05; done";

async fn exec_url(cri: &mut Cri, id: &str, text: &str, tty: bool) -> String {
    let cmd = ["sh", "-c", text].map(str::to_owned).to_vec();
    let request = ExecRequest { container_id: id.into(), cmd, tty, stdin: true, stdout: true, stderr: !tty };
    cri.runtime.exec(request).await.expect("an address").into_inner().url
}

#[test]
fn exec_in_all_protocols() {
    isolated("tests::streams::exec_in_all_protocols", |world| async move {
        let (mut cri, sandbox, id) = running(&world, SLEEP, |_| {}).await;
        let text = "cat; echo err >&2; exit 3";

        let url = exec_url(&mut cri, &id, text, false).await;
        let mut client = Client::new(upgrade(&url, "SPDY/3.1", "v4.channel.k8s.io").await);
        let mut streams = Vec::new();
        for kind in ["error", "stdin", "stdout", "stderr"] {
            streams.push(client.open(&[("streamtype", kind)]).await);
        }
        client.send(streams[1], b"through SPDY", true).await;
        client.read_until(|_| false).await.expect("it reads to the end");
        assert_eq!((client.text(streams[2]), client.text(streams[3])), ("through SPDY".to_owned(), "err\n".to_owned()));
        let status: serde_json::Value = serde_json::from_str(&client.text(streams[0])).expect("a Status");
        assert_eq!(
            (&status["reason"], &status["details"]["causes"][0]["message"]),
            (&"NonZeroExitCode".into(), &"3".into())
        );
        assert!([0, 2, 3].iter().all(|at| client.ended.contains(&streams[*at])), "every stream is ended");

        let url = exec_url(&mut cri, &id, text, false).await;
        let mut socket = websocket(&url, "v5.channel.k8s.io").await;
        socket.send(on(0, b"through WebSocket")).await.expect("sent");
        socket.send(on(255, &[0])).await.expect("sent");
        let [_, stdout, stderr, error] = channels(&mut socket).await;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("through WebSocket", "err\n"));
        assert!(error.contains("\"NonZeroExitCode\""), "{error}");

        // More than any buffer holds arrives whole, and before the status.
        let url = exec_url(&mut cri, &id, "seq 200000", false).await;
        let [_, stdout, _, error] = channels(&mut websocket(&url, "v4.channel.k8s.io").await).await;
        assert_eq!((stdout.lines().count(), error.as_str()), (200_000, r#"{"metadata":{},"status":"Success"}"#));

        let url = exec_url(&mut cri, &id, "read line; stty size; echo got $line", true).await;
        let mut socket = websocket(&url, "v5.channel.k8s.io").await;
        socket.send(on(4, br#"{"Width":101,"Height":42}"#)).await.expect("sent");
        socket.send(on(0, b"typed\n")).await.expect("sent");
        let [_, stdout, ..] = channels(&mut socket).await;
        assert_eq!(stdout, "typed\r\n42 101\r\ngot typed\r\n");

        let url = exec_url(&mut cri, &id, "exec nosuch", false).await;
        let used = channels(&mut websocket(&url, "v4.channel.k8s.io").await).await;
        assert!(used[3].contains("\"127\""), "{used:?}");
        cri.remove_sandbox(&sandbox).await;
    });
}

/// `kubectl run -i`: what the container says before its client is there is not lost, and nobody after it gets it again.
#[test]
fn the_first_client_of_a_container_that_waits_for_one_hears_all() {
    isolated("tests::streams::the_first_client_of_a_container_that_waits_for_one_hears_all", |world| async move {
        let change = |config: &mut ContainerConfig| (config.stdin, config.stdin_once) = (true, true);
        let (mut cri, sandbox, id) =
            running(&world, "echo early; echo warned >&2; read line; echo got $line", change).await;
        world.file_has(&world.directory.join("web/main.log"), |text| text.lines().count() == 2).await;
        let url = async |cri: &mut Cri, stdin: bool| {
            let request = AttachRequest { container_id: id.clone(), stdin, tty: false, stdout: true, stderr: true };
            cri.runtime.attach(request).await.expect("an address").into_inner().url
        };
        let address = url(&mut cri, true).await;
        let mut socket = websocket(&address, "v5.channel.k8s.io").await;
        let address = url(&mut cri, false).await;
        let mut looks = websocket(&address, "v4.channel.k8s.io").await;
        socket.send(on(0, b"one\n")).await.expect("sent");
        let [_, stdout, stderr, _] = channels(&mut socket).await;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("early\ngot one\n", "warned\n"));
        assert_eq!(channels(&mut looks).await[1], "got one\n");
        cri.remove_sandbox(&sandbox).await;
    });
}

#[test]
fn attach_sees_output_and_gives_input() {
    isolated("tests::streams::attach_sees_output_and_gives_input", |world| async move {
        let change = |config: &mut ContainerConfig| (config.stdin, config.stdin_once) = (true, true);
        let (mut cri, sandbox, id) =
            running(&world, "while read line; do echo got $line; done; echo end >&2", change).await;
        let url = async |cri: &mut Cri, stdin: bool| {
            let request = AttachRequest { container_id: id.clone(), stdin, tty: false, stdout: true, stderr: true };
            cri.runtime.attach(request).await.expect("an address").into_inner().url
        };
        // Who only looks does not end stdin, and sees what everybody sees.
        let address = url(&mut cri, false).await;
        let mut looks = websocket(&address, "v4.channel.k8s.io").await;
        let address = url(&mut cri, true).await;
        let mut socket = websocket(&address, "v5.channel.k8s.io").await;
        socket.send(on(0, b"one\ntwo\n")).await.expect("sent");
        socket.send(on(255, &[0])).await.expect("sent");
        let [_, stdout, stderr, error] = channels(&mut socket).await;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("got one\ngot two\n", "end\n"));
        assert!(error.contains("Success"), "{error}");
        assert_eq!(channels(&mut looks).await[1], stdout);
        assert_eq!(cri.ended(&id).await.exit_code, 0);
        cri.remove_sandbox(&sandbox).await;
    });
}

#[test]
fn ports_are_forwarded() {
    isolated("tests::streams::ports_are_forwarded", |world| async move {
        let server = format!("nc -ll -p 8080 -e cat & {SLEEP}");
        let (mut cri, sandbox, id) = running(&world, &server, |_| {}).await;
        cri.shell(&id, "until cat /proc/net/tcp* | grep -q ':1F90 '; do sleep 0.02; done").await;
        let url = async |cri: &mut Cri| {
            let request = PortForwardRequest { pod_sandbox_id: sandbox.clone(), port: vec![8080] };
            cri.runtime.port_forward(request).await.expect("an address").into_inner().url
        };
        let address = url(&mut cri).await;
        let mut client = Client::new(upgrade(&address, "SPDY/3.1", "portforward.k8s.io").await);
        let headers = |kind, port| [("streamtype", kind), ("port", port), ("requestid", port)];
        let closed = (client.open(&headers("error", "81")).await, client.open(&headers("data", "81")).await);
        client.read_until(|client| client.ended.contains(&closed.0)).await.expect("it answers");
        let text = client.text(closed.0);
        assert!(
            text.starts_with("error forwarding port 81 to pod web, uid uid-web: ") && text.contains("refused"),
            "{text}"
        );
        let open = (client.open(&headers("error", "8080")).await, client.open(&headers("data", "8080")).await);
        client.send(open.1, b"ping", true).await;
        client.read_until(|client| client.ended.contains(&open.0)).await.expect("it answers");
        assert_eq!((client.text(open.1).as_str(), client.text(open.0).as_str()), ("ping", ""));
        drop(client);

        // The same streams, inside of a WebSocket.
        let address = url(&mut cri).await;
        let mut client = Client::new(tunnel::open(websocket(&address, "SPDY/3.1+portforward.k8s.io").await));
        let open = (client.open(&headers("error", "8080")).await, client.open(&headers("data", "8080")).await);
        client.send(open.1, b"tunnelled", true).await;
        client.read_until(|client| client.ended.contains(&open.0)).await.expect("it answers");
        assert_eq!(client.text(open.1), "tunnelled");

        let address = url(&mut cri).await;
        let mut socket = websocket(&address, "v4.channel.k8s.io").await;
        socket.send(on(0, b"by channel")).await.expect("sent");
        let mut data = Vec::new();
        while data.len() < 2 + "by channel".len() {
            let message = socket.next().await.expect("more").expect("a message").into_data();
            if message[0] == 0 {
                data.extend_from_slice(&message[1..]);
            }
        }
        assert_eq!(data, [&8080_u16.to_le_bytes()[..], b"by channel"].concat());
        drop(socket);
        cri.stop(&id, 1).await;
        cri.remove_sandbox(&sandbox).await;
    });
}
