//! /livez, /readyz and /healthz: named checks, each on its own path too, as upstream prints them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Response, StatusCode, header};
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, full};
use crate::request::Query;

type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The registered checks.
pub struct Health {
    checks: RwLock<Vec<Registered>>,
    /// Of readiness, after all others: whether the server ends.
    ending: CancellationToken,
}

/// Something that has to be done before the server is ready.
pub struct Pending(Arc<AtomicBool>);

impl Pending {
    pub fn done(self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Registered {
    name: String,
    /// Whether only readiness depends on it.
    ready_only: bool,
    check: Check,
}

impl Health {
    pub(crate) fn new(ending: CancellationToken) -> Self {
        Self { checks: RwLock::default(), ending }
    }

    /// Adds a check; `ready_only` ones do not fail /livez.
    pub fn add(&self, name: &str, ready_only: bool, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.checks.write().push(Registered { name: name.to_owned(), ready_only, check: Arc::new(check) });
    }

    /// Adds a check of readiness that fails until it is told that what it waits for is done.
    pub fn pending(&self, name: &str) -> Pending {
        let done = Arc::new(AtomicBool::new(false));
        let seen = done.clone();
        let check = move || if seen.load(Ordering::Acquire) { Ok(()) } else { Err("not finished".to_owned()) };
        self.add(name, true, check);
        Pending(done)
    }

    /// Answers a path below /livez, /readyz or /healthz; `None`: there is no such check.
    pub fn answer(&self, path: &str, query: &Query) -> Option<Response<Body>> {
        let mut parts = path.strip_prefix('/')?.splitn(2, '/');
        let endpoint = parts.next().filter(|endpoint| matches!(*endpoint, "livez" | "readyz" | "healthz"))?;
        let checks: Vec<(String, Check)> = {
            let all = self.checks.read();
            let wanted = all.iter().filter(|check| endpoint == "readyz" || !check.ready_only);
            let ping: Check = Arc::new(|| Ok(()));
            let ending = self.ending.clone();
            let last: Check =
                Arc::new(
                    move || if ending.is_cancelled() { Err("process is shutting down".to_owned()) } else { Ok(()) },
                );
            std::iter::once(("ping".to_owned(), ping))
                .chain(wanted.map(|check| (check.name.clone(), check.check.clone())))
                .chain((endpoint == "readyz").then(|| ("shutdown".to_owned(), last)))
                .collect()
        };
        match parts.next() {
            None => Some(report(endpoint, &checks, query)),
            Some(name) => {
                let (_, check) = checks.iter().find(|(known, _)| known == name)?;
                Some(match check() {
                    Ok(()) => text(StatusCode::OK, "ok".to_owned()),
                    Err(why) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal server error: {why}\n")),
                })
            }
        }
    }
}

fn report(endpoint: &str, checks: &[(String, Check)], query: &Query) -> Response<Body> {
    let mut excluded: BTreeSet<&str> = query.all("exclude").collect();
    let mut lines = String::new();
    let mut failed = false;
    for (name, check) in checks {
        if excluded.remove(name.as_str()) {
            lines += &format!("[+]{name} excluded: ok\n");
            continue;
        }
        match check() {
            Ok(()) => lines += &format!("[+]{name} ok\n"),
            Err(why) => {
                tracing::info!(check = name, why, "{endpoint} check failed");
                failed = true;
                lines += &format!("[-]{name} failed: reason withheld\n");
            }
        }
    }
    if !excluded.is_empty() {
        let names: Vec<String> = excluded.iter().map(|name| format!("{name:?}")).collect();
        lines += &format!("warn: some health checks cannot be excluded: no matches for {}\n", names.join(","));
    }
    match (failed, query.get("verbose").is_some()) {
        (true, _) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{endpoint} check failed\n")),
        (false, true) => text(StatusCode::OK, format!("{lines}{endpoint} check passed\n")),
        (false, false) => text(StatusCode::OK, "ok".to_owned()),
    }
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("x-content-type-options", header::HeaderValue::from_static("nosniff"));
    response
}
