//! Extension servers that hang or fail, beside one that is well: neither keeps it waiting nor has it asked again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;

const VERSION: &str = "/apis/measure.example.com/v1";
const FAILING: &str = "/apis/measure.example.com/v9";

/// Counts how often each path is asked for; v9 fails, each time with another text.
async fn counting() -> (World, Arc<[AtomicUsize; 2]>) {
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = counts.clone();
    let world = World::answering(move |asked: &Asked| {
        let line = asked.line.clone();
        if line.ends_with(FAILING) {
            let times = counted[1].fetch_add(1, Ordering::Relaxed);
            let code = u16::try_from(500 + times % 90).unwrap();
            return Response::builder().status(code).body(Full::default()).unwrap();
        }
        if line.ends_with(VERSION) {
            counted[0].fetch_add(1, Ordering::Relaxed);
        }
        served(asked)
    })
    .await;
    (world, counts)
}

impl World {
    /// Registers v9 at another Service of this namespace.
    async fn register_another(&self, namespace: &str, name: &str, available: bool) {
        let status = if available { "True" } else { "False" };
        let service = json!({
            "metadata": {"name": "v9.measure.example.com"},
            "spec": {
                "group": "measure.example.com", "version": "v9", "groupPriorityMinimum": 100, "versionPriority": 9,
                "service": {"namespace": namespace, "name": name, "port": 443}, "caBundle": self.backend.ca_bundle(),
            },
            "status": {"conditions": [{"type": "Available", "status": status}]},
        });
        self.server.objects().create(self.aggregator.kind, service).await.unwrap();
    }

    fn run(&self) -> (tokio_util::sync::CancellationToken, tokio::task::JoinHandle<()>) {
        let shutdown = tokio_util::sync::CancellationToken::new();
        let task = tokio::spawn(self.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
        (shutdown, task)
    }
}

#[tokio::test]
async fn one_that_fails_is_asked_ever_more_slowly_and_alone() {
    let (world, counts) = counting().await;
    world.backend.publish(world.server.objects(), "measure", "gauges").await;
    world.register().await;
    world.register_another("measure", "gauges", false).await;
    let begun = Instant::now();
    let (shutdown, task) = world.run();
    // Five attempts a look: the sixth comes after 5, 10, 20, 40 and 80 ms, though the message of each is another.
    until(|| counts[1].load(Ordering::Relaxed) > 25).await;
    assert!(begun.elapsed() >= Duration::from_millis(155), "{:?}", begun.elapsed());
    assert_eq!(world.condition().1, "Passed");
    assert_eq!(counts[0].load(Ordering::Relaxed), 1, "one that is well is not asked along");
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn one_that_hangs_holds_up_no_other() {
    let (world, _) = counting().await;
    let objects = world.server.objects().clone();
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.backend.publish(&objects, "mute", "mute").await;
    let slices = row("discovery.k8s.io", "v1", "endpointslices");
    let mut slice = objects.get(slices, "mute", "mute-1").unwrap();
    slice["ports"][0]["port"] = mute.local_addr().unwrap().port().into();
    objects.update(slices, slice).await.unwrap();
    // As an earlier server has left it: its documents are to be had.
    world.register_another("mute", "mute", true).await;
    let (shutdown, task) = world.run();
    // Somebody connects, and waits for an answer.
    let _held = mute.accept().await.unwrap();
    let begun = Instant::now();
    world.backend.publish(&objects, "measure", "gauges").await;
    world.register().await;
    until(|| world.condition().1 == "Passed").await;
    until(|| world.aggregator.learnt.lock().get("v1.measure.example.com").is_some_and(|one| !one.openapi.is_empty()))
        .await;
    objects.remove(slices, "measure", "gauges-1").await.unwrap();
    until(|| world.condition().1 == "EndpointsNotFound").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the other is waited for: {:?}", begun.elapsed());
    shutdown.cancel();
    task.await.unwrap();
}
