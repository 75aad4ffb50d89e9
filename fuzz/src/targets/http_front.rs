//! Requests: a line, headers and a body, answered by a whole server with an empty store in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use apiserver::{
    ApiServer, AuthError, Authenticate, Authorize, CertificateDer, Config, Decision, Identity, Kinds, Objects, Parts,
    RequestInfo, derive, full,
};
use http_body_util::BodyExt;
use store::{MemoryEngine, Options, Store};
use tower::ServiceExt;

/// A watch has no end; an answer that takes longer than this is a defect.
const DEADLINE: Duration = Duration::from_secs(5);
/// Objects of the requests before pile up; then the server is made anew.
const REQUESTS: usize = 1000;

struct Nobody;

#[async_trait::async_trait]
impl Authenticate for Nobody {
    async fn authenticate(
        &self,
        _: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        Ok(None)
    }
}

struct Everything;

impl Authorize for Everything {
    fn authorize(&self, _: &Identity, _: &RequestInfo) -> Decision {
        Decision::Allow(String::new())
    }
}

thread_local! {
    static SERVER: RefCell<Option<(ApiServer, usize)>> = const { RefCell::new(None) };
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
}

pub fn request(bytes: &[u8]) {
    let Some(request) = parse(bytes) else { return };
    let request = request.map(full);
    RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        let server = current();
        runtime.block_on(async move {
            let answer = server.service(Identity::new("admin", &["system:masters"])).oneshot(request);
            let answer = tokio::time::timeout(DEADLINE, answer).await.expect("an answer in time").expect("no failure");
            let is_endless = answer.headers().get(http::header::CONTENT_LENGTH).is_none();
            // Of a watch, or another stream, only the beginning is read.
            let body = tokio::time::timeout(
                Duration::from_millis(if is_endless { 5 } else { 5000 }),
                answer.into_body().collect(),
            );
            assert!(body.await.is_ok() || is_endless, "the body ends in time");
        });
    });
}

/// `METHOD PATH`, lines of headers, an empty line, the body.
fn parse(bytes: &[u8]) -> Option<http::Request<Vec<u8>>> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut builder = http::Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        builder = builder.header(name, value);
    }
    builder.body(body.as_bytes().to_vec()).ok()
}

fn current() -> ApiServer {
    SERVER.with_borrow_mut(|server| {
        let (api, count) = server.take().filter(|(_, count)| *count < REQUESTS).unwrap_or_else(|| (new(), 0));
        server.insert((api, count + 1)).0.clone()
    })
}

fn new() -> ApiServer {
    let now = "2026-11-21T10:00:00Z".parse().expect("a time");
    let mut number = 0_u64;
    let number = std::sync::Mutex::new(move || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        number.to_be_bytes()
    });
    let fill = move |buffer: &mut [u8]| {
        let mut next = number.lock().expect("nobody panics here");
        buffer.chunks_mut(4).for_each(|chunk| chunk.copy_from_slice(&next()[..chunk.len()]));
    };
    let env = Env::new(move || now, fill, |_, task| drop(tokio::spawn(task)));
    let kinds = Kinds::new(api::kinds::ALL);
    let options = Options {
        derive: derive(kinds.clone()),
        now: Arc::new(|| 1_795_255_200),
        lazy_prefixes: Vec::new(),
        ring_bytes: 1 << 20,
        retention_seconds: 300,
        on_fatal: Arc::new(|why| panic!("the store failed: {why}")),
        threaded: false,
    };
    let store = Store::open(Box::new(MemoryEngine::default()), options).expect("a store in memory opens");
    let parts = Parts {
        objects: Objects::new(store, env),
        kinds,
        authenticator: Arc::new(Nobody),
        authorizer: Arc::new(Everything),
        admission: Vec::new(),
        dialer: None,
        services: BTreeMap::new(),
    };
    ApiServer::new(Config::new("/nowhere"), parts)
}
