//! StatefulSet's golden cases, and that it gets where it should one step at a time.

use serde_json::json;

use super::*;
use crate::world::{World, check_cases};

#[test]
fn cases() {
    check_cases("statefulset", |world, key, attempt| {
        let (sets, pods) = (world.lister(), world.lister());
        Listers { sets, pods, revisions: world.lister(), claims: world.lister() }.plan(key, attempt)
    });
}

/// Lets a perfect kubelet run what there is, and one reconcile; what it has done to Pods.
fn round(world: &mut World) -> Vec<String> {
    let key = ObjectKey::new("default", "web");
    let attempt = Attempt { now: world.now, failure: None };
    let (sets, pods) = (world.lister(), world.lister());
    let plan = Listers { sets, pods, revisions: world.lister(), claims: world.lister() }.plan(&key, &attempt);
    world.apply(&plan);
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    let pods = world.objects.iter_mut().filter(|((kind, _), _)| kind == "Pod");
    pods.for_each(|(_, pod)| pod["status"] = ready.clone());
    plan.actions.iter().map(ToString::to_string).filter(|line| line.contains(" Pod ")).collect()
}

fn rounds(world: &mut World) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        let done = round(world);
        quiet = if done.is_empty() { quiet + 1 } else { 0 };
        all.extend(Some(done).filter(|done| !done.is_empty()));
        assert!(all.len() < 50, "it never ends: {all:?}");
    }
    all
}

// docs "Deployment and Scaling Guarantees" and "Rolling Updates", as a story.
#[test]
fn up_over_and_down_in_order() {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    let template =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a"}]}});
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    world.add(json!({"kind": "StatefulSet", "name": "web", "spec": spec}));
    let one = |verb: &str, ordinal: i32| vec![format!("{verb} Pod default/web-{ordinal}")];
    assert_eq!(rounds(&mut world), [one("create", 0), one("create", 1), one("create", 2)]);
    let set = |world: &mut World, path: &str, value: serde_json::Value| {
        let key = ("StatefulSet".to_owned(), ObjectKey::new("default", "web"));
        *world.objects.get_mut(&key).expect("the set").pointer_mut(path).expect("the field") = value;
    };
    set(&mut world, "/spec/template/spec/containers/0/image", json!("b"));
    let update = [2, 1, 0].into_iter().flat_map(|ordinal| [one("delete", ordinal), one("create", ordinal)]);
    assert_eq!(rounds(&mut world), update.collect::<Vec<_>>());
    let status = &world.get("StatefulSet", "web")["status"];
    assert_eq!((&status["currentRevision"], &status["updatedReplicas"]), (&status["updateRevision"], &json!(3)));
    set(&mut world, "/spec/replicas", json!(1));
    assert_eq!(rounds(&mut world), [one("delete", 2), one("delete", 1)]);
    assert_eq!(world.of_kind("ControllerRevision").count(), 2);
}
