//! Job's golden cases; that every Job comes to an end and counts each Pod once, whatever its Pods do.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

fn step(world: &World, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let pods = world.lister();
    index(&pods);
    plan(&world.lister(), &pods, key, attempt)
}

#[test]
fn cases() {
    check_cases("job", step);
}

fn end(pod: &mut serde_json::Value, succeeds: bool) {
    let (phase, code) = if succeeds { ("Succeeded", 0) } else { ("Failed", 1) };
    let state = json!({"terminated": {"exitCode": code, "finishedAt": "2026-01-01T10:00:00Z"}});
    let status = json!({"name": "c", "image": "i", "imageID": "i", "ready": false, "restartCount": 0, "state": state});
    pod["status"] = json!({"phase": phase, "containerStatuses": [status]});
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_job_ends_and_counts_right(
        completions in 1..6_i32,
        parallelism in 1..4_i32,
        is_indexed: bool,
        outcomes in proptest::collection::vec(proptest::bool::weighted(0.8), 1..40),
    ) {
        let key = ObjectKey::new("default", "sum");
        let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
        let labels = json!({"batch.kubernetes.io/controller-uid": "u"});
        let spec = json!({
            "completions": completions, "parallelism": parallelism, "backoffLimit": 2,
            "completionMode": if is_indexed { "Indexed" } else { "NonIndexed" },
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}},
        });
        world.add(json!({"kind": "Job", "name": "sum", "spec": spec}));
        let mut outcomes = outcomes.into_iter().chain(std::iter::repeat(true));
        let (mut succeeded, mut failed) = (0_i64, 0_i64);
        for _ in 0..80 {
            let plan = step(&world, &key, &Attempt { now: world.now, failure: None });
            world.apply(&plan);
            let active = world.of_kind("Pod").filter(|pod| pod["status"]["phase"].is_null()).count();
            prop_assert!(active <= usize::try_from(parallelism).expect("positive"));
            let next = world.objects.iter_mut().find(|((kind, _), pod)| kind == "Pod" && pod["status"]["phase"].is_null());
            if let Some((_, pod)) = next {
                let succeeds = outcomes.next().expect("endless");
                end(pod, succeeds);
                if succeeds { succeeded += 1 } else { failed += 1 }
            }
        }
        let job = world.get("Job", "sum").clone();
        let has = |condition: &str| job["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == condition));
        prop_assert!(has("Complete") != has("Failed"), "{}", job);
        prop_assert_eq!(has("Failed"), failed > 2);
        prop_assert_eq!(job["status"]["failed"].as_i64().unwrap_or(0), failed);
        prop_assert_eq!(job["status"]["succeeded"].as_i64().unwrap_or(0), succeeded);
        let last = step(&world, &key, &Attempt { now: world.now, failure: None });
        prop_assert!(last.is_empty(), "{}", last);
    }
}
