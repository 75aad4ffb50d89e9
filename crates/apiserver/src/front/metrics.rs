//! Prometheus metrics of the server, under upstream's names.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::request::RequestInfo;

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: String,
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
    pub(crate) fn begin(&self, info: &RequestInfo) -> UnderWay<'_> {
        self.in_flight.inc();
        UnderWay { metrics: self, asked: asked(info) }
    }

    /// Counts a watch in for as long as the guard lives.
    pub(crate) fn watch(&self, info: &RequestInfo) -> WatchGuard {
        let gauge = self.watches.get_or_create(&asked(info)).clone();
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
    pub(crate) fn end(mut self, code: u16, seconds: f64) {
        let answered = Answered { asked: std::mem::take(&mut self.asked), code };
        self.metrics.requests.get_or_create(&answered).inc();
        self.metrics.durations.get_or_create(&answered.asked).observe(seconds);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

/// Labels from what was asked; unserved paths are folded so that clients cannot make labels.
fn asked(info: &RequestInfo) -> Asked {
    let scope = match (info.is_resource, info.name.is_empty(), info.namespace.is_empty()) {
        (false, ..) => "",
        (true, false, _) => "resource",
        (true, true, false) => "namespace",
        (true, true, true) => "cluster",
    };
    let known = info.is_resource && info.resource.len() < 64 && info.resource.bytes().all(|b| b.is_ascii_lowercase());
    let keep = |text: &str| if known { text.to_owned() } else { String::new() };
    Asked {
        verb: info.verb.to_uppercase(),
        group: keep(&info.api_group),
        version: keep(&info.api_version),
        resource: keep(&info.resource),
        subresource: keep(&info.subresource),
        scope: scope.to_owned(),
    }
}
