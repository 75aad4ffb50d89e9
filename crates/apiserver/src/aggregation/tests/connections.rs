//! How extension servers are asked: over connections that are kept, five times before one counts as unavailable, and for all of the core group
//! where `v1.` has a Service (kube-aggregator's v0.37 handler_proxy.go, remote_available_controller.go and apiserver.go).

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const GAUGES: &str = "/apis/measure.example.com/v1/gauges";

impl World {
    async fn change(&self, change: impl Fn(&mut Value)) {
        let uri = "/apis/apiregistration.k8s.io/v1/apiservices/v1.measure.example.com";
        let (_, mut service) = self.ask("GET", uri, "", "").await;
        change(&mut service);
        let (code, answer) = self.ask("PUT", uri, "", service.to_string()).await;
        assert_eq!(code, 200, "{answer}");
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let world = World::new().await;
    world.available().await;
    let before = world.backend.connections();
    for _ in 0..20 {
        assert_eq!(world.ask("GET", GAUGES, "", "").await.0, 200);
        assert_eq!(world.ask("POST", GAUGES, "", "{}").await.0, 200);
    }
    assert_eq!(world.backend.asked().len(), 40);
    assert!(world.backend.connections() <= before + 1, "{} connections", world.backend.connections());
}

#[tokio::test]
async fn another_bundle_is_another_connection() {
    let world = World::new().await;
    world.available().await;
    assert_eq!(world.ask("GET", GAUGES, "", "").await.0, 200);
    let stranger = Backend::start(&["gauges.measure.svc"], served).await.ca_bundle();
    world.change(|service| service["spec"]["caBundle"] = stranger.clone().into()).await;
    let (code, text) = world.ask("GET", GAUGES, "", "").await;
    let reason = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert_eq!((code, text), (503, json!(format!("error trying to reach service: {reason}\n"))));
    let right = world.backend.ca_bundle();
    world.change(|service| service["spec"]["caBundle"] = right.clone().into()).await;
    assert_eq!(world.ask("GET", GAUGES, "", "").await.0, 200);
}

#[tokio::test]
async fn connections_end_with_the_apiservice() {
    let world = World::new().await;
    world.available().await;
    assert_eq!(world.ask("GET", GAUGES, "", "").await.0, 200);
    assert!(world.backend.open() > 0);
    let uri = "/apis/apiregistration.k8s.io/v1/apiservices/v1.measure.example.com";
    assert_eq!(world.ask("DELETE", uri, "", "").await.0, 200);
    world.aggregator.look().await;
    until(|| world.backend.open() == 0).await;
    assert!(world.aggregator.known().is_empty() && world.aggregator.learnt.lock().is_empty());
}

#[tokio::test]
async fn a_server_without_endpoints_is_not_reached_over_an_old_connection() {
    let world = World::new().await;
    world.available().await;
    assert_eq!(world.ask("GET", GAUGES, "", "").await.0, 200);
    let slices = row("discovery.k8s.io", "v1", "endpointslices");
    world.server.objects().remove(slices, "measure", "gauges-1").await.unwrap();
    let (code, text) = world.ask("GET", GAUGES, "", "").await;
    assert_eq!((code, text), (503, json!("service unavailable\n")));
}

/// Answers the discovery document only from the `nth` time on.
async fn stubborn(nth: usize) -> (World, Arc<AtomicUsize>) {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = times.clone();
    let world = World::answering(move |asked| {
        if asked.line == "GET /apis/measure.example.com/v1" && counted.fetch_add(1, Ordering::Relaxed) + 1 < nth {
            return Response::builder().status(500).body(Full::default()).unwrap();
        }
        served(asked)
    })
    .await;
    world.register().await;
    world.backend.publish(world.server.objects(), "measure", "gauges").await;
    (world, times)
}

#[tokio::test]
async fn one_answer_of_five_is_enough() {
    let (world, times) = stubborn(5).await;
    let looked = world.aggregator.look().await;
    assert!(looked.anything && !looked.failing);
    assert_eq!(world.condition(), ("True".into(), "Passed".into(), "all checks passed".into()));
    assert_eq!(times.load(Ordering::Relaxed), 5);
    // One that is well is asked once.
    world.aggregator.look().await;
    assert_eq!(times.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn five_failures_are_one_too_many() {
    let (world, times) = stubborn(usize::MAX).await;
    assert!(world.aggregator.look().await.failing);
    let (status, reason, message) = world.condition();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "FailedDiscoveryCheck"));
    let url = "https://gauges.measure.svc:443/apis/measure.example.com/v1";
    assert_eq!(message, format!("failing or missing response from {url}: bad status from {url}: 500"));
    assert_eq!(times.load(Ordering::Relaxed), 5);
}

/// While it fails, the server is asked again soon: it need not wait for the next round.
#[tokio::test]
async fn a_server_that_comes_up_late_is_found_soon() {
    let (world, _) = stubborn(12).await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(world.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
    until(|| world.condition().1 == "Passed").await;
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn the_core_group_can_be_served_elsewhere() {
    let world = World::new().await;
    let service = json!({
        "metadata": {"name": "v1."},
        "spec": {
            "version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1,
            "service": {"namespace": "measure", "name": "gauges"}, "caBundle": world.backend.ca_bundle(),
        },
    });
    let (code, answer) =
        world.ask("POST", "/apis/apiregistration.k8s.io/v1/apiservices", "", service.to_string()).await;
    assert_eq!(code, 201, "{answer}");
    assert_eq!(world.ask("GET", "/api/v1/namespaces/default/pods", "", "").await.0, 503);
    world.backend.publish(world.server.objects(), "measure", "gauges").await;
    world.aggregator.look().await;
    assert_eq!(world.backend.asked()[0].line, "GET /api/v1");
    for path in ["/api", "/api/v1", "/api/v1/namespaces/default/pods"] {
        assert_eq!(world.ask("GET", path, "", "").await.1, json!({"line": format!("GET {path}")}));
    }
    let (_, groups) = world.ask("GET", "/apis", "", "").await;
    assert_eq!(groups["kind"], "APIGroupList");
    assert!(groups["groups"].as_array().unwrap().iter().all(|group| group["name"] != ""));
}
