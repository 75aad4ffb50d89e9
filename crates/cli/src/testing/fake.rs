//! An API server of a few objects, on a port of its own and plain HTTP, for transcripts. It keeps what commands change.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::world::{Asked, World};

pub struct Fake {
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct State {
    discovery: Value,
    world: Mutex<World>,
}

impl Fake {
    pub fn start(cases: &Path, now: jiff::Timestamp) -> Self {
        let text = std::fs::read_to_string(cases.join("discovery.json")).expect("discovery.json");
        let discovery = serde_json::from_str(&text).expect("JSON");
        let state = Arc::new(State { discovery, world: Mutex::new(World::read(&cases.join("world"), now)) });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = listener.local_addr().expect("an address");
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "fake", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}]});
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).expect("write the kubeconfig");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, state, stopped));
        });
        Self { folder, stop: Some(stop), thread: Some(thread) }
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("the server is there");
        }
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends");
        }
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.expect("a connection"),
            ended = &mut stopped => return ended.expect("stopped by the test"),
        };
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            // A client that goes away is none of the server's business.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    if path.ends_with("/log") {
        return respond(
            200,
            "text/plain",
            format!("{}?{query}\n", path.rsplit("/namespaces/").next().unwrap_or_default()),
        );
    }
    if let Some(known) = state.discovery.get(path) {
        return respond(200, "application/json", known.to_string());
    }
    if query.contains("watch=true") {
        return respond(200, "application/json", String::new());
    }
    let Some(target) = World::target(path) else {
        return respond(404, "text/plain", "404 page not found\n".to_owned());
    };
    let asked = Asked {
        method: &parts.method,
        query,
        media_type: header("content-type"),
        body: &body,
        as_table: header("accept").starts_with("application/json;as=Table"),
    };
    let (code, value) = state.world.lock().expect("no panic holds it").answer(&target, &asked);
    respond(code, "application/json", value.to_string())
}

fn respond(code: u16, media_type: &str, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(code)
        .header("content-type", media_type)
        .body(Full::new(body.into()))
        .expect("a response")
}

/// Undoes percent-encoding.
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two hex digits"));
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
