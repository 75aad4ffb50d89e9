//! Prometheus metrics of the server, under upstream's names.

use std::sync::atomic::{AtomicI64, AtomicU64};

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
    pub(crate) fn begin(&self, info: &RequestInfo, kinds: &Kinds) -> UnderWay<'_> {
        self.in_flight.inc();
        UnderWay { metrics: self, asked: asked(info, kinds) }
    }

    /// Counts a watch in for as long as the guard lives.
    pub(crate) fn watch(&self, info: &RequestInfo, kinds: &Kinds) -> WatchGuard {
        let gauge = self.watches.get_or_create(&asked(info, kinds)).clone();
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

/// Verbs and methods that are labels, as they are written there; every other one is `other`, as upstream's cleanVerb has it.
const VERBS: [(&str, &str); 10] = [
    ("get", "GET"),
    ("list", "LIST"),
    ("watch", "WATCH"),
    ("create", "CREATE"),
    ("update", "UPDATE"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("deletecollection", "DELETECOLLECTION"),
    ("post", "POST"),
    ("put", "PUT"),
];

/// Labels from what was asked. Requests are counted before anybody knows whose they are, so that only what is served makes labels: what
/// clients make up has none.
fn asked(info: &RequestInfo, kinds: &Kinds) -> Asked {
    let verb = VERBS.iter().find(|(verb, _)| *verb == info.verb).map_or("other", |(_, label)| *label);
    let kind = kinds.find(&info.api_group, &info.api_version, &info.resource);
    let Some(kind) = kind.filter(|_| info.is_resource) else { return Asked { verb, ..Asked::default() } };
    let subresource = kind.subresources.iter().find(|known| known.name == info.subresource);
    let scope = match (info.name.is_empty(), info.namespace.is_empty()) {
        (false, _) => "resource",
        (true, false) => "namespace",
        (true, true) => "cluster",
    };
    Asked {
        verb,
        group: kind.group,
        version: kind.version,
        resource: kind.plural,
        subresource: subresource.map_or("", |known| known.name),
        scope,
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
            metrics.begin(&info, &kinds).end(404, 0.1);
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
