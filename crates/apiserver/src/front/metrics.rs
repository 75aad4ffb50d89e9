//! Prometheus metrics of the server, under upstream's names.

use std::sync::atomic::{AtomicI64, AtomicU64};

use http::{HeaderMap, header};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::kinds::Kinds;
use crate::request::RequestInfo;

#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    subresource: &'static str,
    scope: &'static str,
    component: &'static str,
    /// Of requests only.
    dry_run: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    #[prometheus(flatten)]
    asked: Asked,
    code: u16,
}

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter<u64, AtomicU64>>,
    durations: Family<Asked, Histogram, fn() -> Histogram>,
    in_flight: Gauge<i64, AtomicI64>,
    watches: Family<Asked, Gauge<i64, AtomicI64>>,
}

const COMPONENT: &str = "apiserver";
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 5.0, 15.0, 60.0];

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let in_flight = Gauge::default();
        let watches = Family::default();
        registry.register("apiserver_request", "Requests by verb, resource, scope and response code", requests.clone());
        registry.register(
            "apiserver_request_duration_seconds",
            "Latency of answers in seconds",
            Family::clone(&durations),
        );
        registry.register("apiserver_current_inflight_requests", "Requests being served", in_flight.clone());
        registry.register("apiserver_longrunning_requests", "Watches being served", watches.clone());
        Self { registry, requests, durations, in_flight, watches }
    }
}

impl Metrics {
    /// Counts a request in; the answer counts it out.
    pub(crate) fn begin(&self, info: &RequestInfo, headers: &HeaderMap, kinds: &Kinds) -> UnderWay<'_> {
        self.in_flight.inc();
        let applies = headers.get(header::CONTENT_TYPE).is_some_and(|name| name == APPLY);
        UnderWay { metrics: self, asked: Asked { dry_run: dry_run(info), ..asked(info, applies, kinds) } }
    }

    /// Counts a watch in for as long as the guard lives.
    pub(crate) fn watch(&self, info: &RequestInfo, kinds: &Kinds) -> WatchGuard {
        let gauge = self.watches.get_or_create(&asked(info, false, kinds)).clone();
        gauge.inc();
        WatchGuard(gauge)
    }

    /// The exposition text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing to a String does not fail");
        out
    }
}

/// A watch in the count of watches.
pub(crate) struct WatchGuard(Gauge<i64, AtomicI64>);

impl Drop for WatchGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request being served.
pub(crate) struct UnderWay<'a> {
    metrics: &'a Metrics,
    asked: Asked,
}

impl UnderWay<'_> {
    pub(crate) fn end(self, code: u16, seconds: f64) {
        let answered = Answered { asked: self.asked, code };
        self.metrics.requests.get_or_create(&answered).inc();
        self.metrics.durations.get_or_create(&answered.asked).observe(seconds);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

/// What upstream counts as subresources of nothing.
const HEALTH: [&str; 3] = ["/healthz", "/livez", "/readyz"];
const APPLY: &str = "application/apply-patch+yaml";
/// Subresources that are connections, whatever the method (upstream's validConnectRequests).
const CONNECTS: [&str; 5] = ["log", "exec", "portforward", "attach", "proxy"];

/// Upstream's CanonicalVerb and CleanVerb: the method, but for what it does not tell apart; what it does not know is `other`.
fn verb(info: &RequestInfo, applies: bool) -> &'static str {
    if info.is_resource && CONNECTS.contains(&info.subresource.as_str()) {
        return "CONNECT";
    }
    match info.verb.as_str() {
        "get" | "head" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" if applies => "APPLY",
        "patch" => "PATCH",
        "delete" | "deletecollection" => "DELETE",
        "connect" => "CONNECT",
        _ => "other",
    }
}

/// Upstream's CleanScope.
fn scope(info: &RequestInfo) -> &'static str {
    match (info.name.is_empty() && info.verb != "create", info.namespace.is_empty()) {
        (false, _) => "resource",
        (true, false) => "namespace",
        (true, true) if info.is_resource => "cluster",
        (true, true) => "",
    }
}

/// Upstream's cleanDryRun: there is one value.
fn dry_run(info: &RequestInfo) -> &'static str {
    let mut values = info.query.all("dryRun");
    match values.next() {
        None => "",
        Some("All") if values.all(|value| value == "All") => "All",
        Some(_) => "invalid",
    }
}

/// Labels from what was asked. Requests are counted before anybody knows whose they are, so that only what is served makes labels: what
/// clients make up has none.
fn asked(info: &RequestInfo, applies: bool, kinds: &Kinds) -> Asked {
    let verb = verb(info, applies);
    let kind = kinds.find(&info.api_group, &info.api_version, &info.resource);
    let Some(kind) = kind.filter(|_| info.is_resource) else {
        return match HEALTH.iter().find(|path| **path == info.path) {
            Some(path) => Asked { verb, subresource: path, ..Asked::default() },
            None => Asked { verb, component: COMPONENT, ..Asked::default() },
        };
    };
    let subresource = kind.subresources.iter().find(|known| known.name == info.subresource);
    Asked {
        verb,
        component: COMPONENT,
        dry_run: "",
        group: kind.group,
        version: kind.version,
        resource: kind.plural,
        subresource: subresource.map_or("", |known| known.name),
        scope: scope(info),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(requests: &[(&str, &str)]) -> usize {
        let (metrics, kinds) = (Metrics::default(), Kinds::new(api::kinds::ALL));
        for (method, path) in requests {
            let method = http::Method::from_bytes(method.as_bytes()).expect("a method");
            let info = RequestInfo::new(&method, &path.parse().expect("a path"));
            metrics.begin(&info, &HeaderMap::new(), &kinds).end(404, 0.1);
        }
        metrics.text().lines().filter(|line| line.starts_with("apiserver_request_total{")).count()
    }

    #[test]
    fn clients_make_no_labels() {
        let made_up: Vec<(String, String)> = (0..200)
            .flat_map(|n| {
                let get = |path: String| ("GET".to_owned(), path);
                [
                    (format!("M{n}"), "/api/v1/pods".to_owned()),
                    (format!("M{n}"), format!("/x{n}")),
                    get(format!("/apis/g{n}/v1/things")),
                    get(format!("/apis/apps/v{n}/deployments")),
                    get(format!("/api/v1/things{n}")),
                    get(format!("/api/v1/namespaces/n/pods/p/sub{n}")),
                    get(format!("/x{n}")),
                ]
            })
            .collect();
        let made_up: Vec<(&str, &str)> = made_up.iter().map(|(method, path)| (&**method, &**path)).collect();
        // A verb that is none, by Pods in the cluster, in a namespace's place of one, and elsewhere.
        assert!(labels(&made_up) <= 8, "{}", labels(&made_up));
    }

    /// Upstream's metrics_test.go: TestCleanVerb, TestCleanScope, TestCleanDryRun, in what they mean.
    #[test]
    fn verbs_and_scopes_are_upstreams() {
        let cases = [
            ("GET", "/api/v1/namespaces/n/pods", "LIST", "namespace", ""),
            ("GET", "/api/v1/pods", "LIST", "cluster", ""),
            ("GET", "/api/v1/namespaces/n/pods?watch=true", "WATCH", "namespace", ""),
            ("GET", "/api/v1/namespaces/n/pods?watch=false", "LIST", "namespace", ""),
            ("GET", "/api/v1/watch/pods", "WATCH", "cluster", ""),
            ("GET", "/api/v1/namespaces/n/pods/p", "GET", "resource", ""),
            ("HEAD", "/api/v1/namespaces/n/pods/p", "GET", "resource", ""),
            ("POST", "/api/v1/namespaces/n/pods?dryRun=All", "POST", "resource", "All"),
            ("POST", "/api/v1/namespaces", "POST", "resource", ""),
            ("PUT", "/api/v1/namespaces/n/pods/p?dryRun=some", "PUT", "resource", "invalid"),
            ("PATCH", "/api/v1/namespaces/n/pods/p", "PATCH", "resource", ""),
            ("DELETE", "/api/v1/namespaces/n/pods/p", "DELETE", "resource", ""),
            ("DELETE", "/api/v1/namespaces/n/pods", "DELETE", "namespace", ""),
            ("GET", "/api/v1/namespaces/n/pods/p/log", "CONNECT", "resource", ""),
            ("POST", "/api/v1/namespaces/n/pods/p/exec", "CONNECT", "resource", ""),
            ("GET", "/api/v1/namespaces/n/services/s/proxy/x", "CONNECT", "resource", ""),
            ("GET", "/livez", "GET", "", ""),
            ("POST", "/livez", "POST", "", ""),
            ("OPTIONS", "/livez", "other", "", ""),
        ];
        for (method, path, expected_verb, expected_scope, expected_dry_run) in cases {
            let info = RequestInfo::new(&method.parse().expect("a method"), &path.parse().expect("a path"));
            let found = (verb(&info, false), scope(&info), dry_run(&info));
            assert_eq!(found, (expected_verb, expected_scope, expected_dry_run), "{method} {path}");
            let applied = if method == "PATCH" { "APPLY" } else { expected_verb };
            assert_eq!(verb(&info, true), applied, "{method} {path}");
        }
    }

    #[test]
    fn what_is_served_has_labels() {
        let served = [
            ("GET", "/api/v1/namespaces/n/pods/p/log"),
            ("GET", "/api/v1/namespaces/n/pods/p"),
            ("POST", "/apis/apps/v1/namespaces/n/deployments"),
            ("GET", "/livez"),
        ];
        assert_eq!(labels(&served), served.len());
    }
}
