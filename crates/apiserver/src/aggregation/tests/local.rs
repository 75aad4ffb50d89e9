//! APIServices of this server's own groups. The steps are the table of kube-aggregator's v0.37 autoregister_controller.go, the rest what
//! crdregistration_controller.go and its test ask for.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::aggregation::local::{Step, step};

const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

#[test]
fn each_apiservice_takes_upstreams_step() {
    let service = |managed: &str, priority: u32| json!({"metadata": {"labels": {MANAGED: managed}}, "spec": {"versionPriority": priority}});
    let (on_start, always, free) = (service("onstart", 1), service("true", 1), json!({"spec": {"versionPriority": 2}}));
    let (old_start, old_always) = (service("onstart", 2), service("true", 2));
    // wanted, current, there at the start, looked at before: what is done.
    for (case, (wanted, current, at_start, synced, expected)) in [
        (None, None, false, false, None),
        (Some(&on_start), None, false, false, Some(Step::Create)),
        (Some(&on_start), None, false, true, None),
        (Some(&always), None, false, true, Some(Step::Create)),
        (None, Some(&free), true, false, None),
        (Some(&on_start), Some(&free), true, false, None),
        (Some(&always), Some(&free), true, false, None),
        (None, Some(&old_start), false, false, None),
        (Some(&always), Some(&old_start), false, false, None),
        (None, Some(&old_start), true, false, Some(Step::Delete)),
        (Some(&on_start), Some(&old_start), true, false, Some(Step::Update)),
        (Some(&always), Some(&old_start), true, false, Some(Step::Update)),
        (None, Some(&old_start), true, true, None),
        (Some(&on_start), Some(&old_start), true, true, None),
        (None, Some(&old_always), false, true, Some(Step::Delete)),
        (Some(&on_start), Some(&old_always), false, false, Some(Step::Update)),
        (Some(&on_start), Some(&old_always), false, true, None),
        (Some(&always), Some(&old_always), false, true, Some(Step::Update)),
        (Some(&always), Some(&always), false, true, None),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(step(wanted, current, at_start, synced), expected, "case {case}");
    }
}

#[tokio::test]
async fn groups_of_custom_resources_have_apiservices() {
    let world = World::new().await;
    let objects = world.server.objects().clone();
    let definitions = row("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let definition = |name: &str, versions: &[(&str, bool)]| {
        let version = |(name, served): &(&str, bool)| json!({"name": name, "served": served});
        let versions: Vec<Value> = versions.iter().map(version).collect();
        json!({"metadata": {"name": name}, "spec": {"group": "shop.example.com", "versions": versions}})
    };
    let mine = json!({"metadata": {"name": "v3.shop.example.com"}, "spec": {"group": "shop.example.com", "version": "v3", "groupPriorityMinimum": 9, "versionPriority": 9}});
    objects.create(world.aggregator.kind, mine).await.unwrap();
    let carts = definition("carts.shop.example.com", &[("v1", true), ("v2", false), ("v3", true)]);
    objects.create(definitions, carts).await.unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(world.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
    let get = |name: &str| objects.get(world.aggregator.kind, "", name);
    until(|| get("v1.shop.example.com").is_some() && get("v2.autoscaling").is_some()).await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let (code, table) =
        world.ask("GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.shop.example.com", accept, "").await;
    let cells = &table["rows"][0]["cells"];
    assert_eq!(
        (code, &cells[0], &cells[1], &cells[2]),
        (200, &json!("v1.shop.example.com"), &json!("Local"), &json!("True"))
    );
    let service = get("v1.shop.example.com").unwrap();
    assert_eq!(service["metadata"]["labels"], json!({MANAGED: "true"}));
    assert_eq!(
        service["spec"],
        json!({"group": "shop.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 100})
    );
    let condition = &service["status"]["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("Local")));
    assert_eq!(condition["message"], "Local APIServices are always available");
    assert!(get("v2.shop.example.com").is_none(), "it is not served");
    // What nobody manages is left alone, but for its condition.
    until(|| get("v3.shop.example.com").is_some_and(|mine| mine["status"]["conditions"][0]["reason"] == "Local")).await;
    assert_eq!(get("v3.shop.example.com").unwrap()["spec"]["versionPriority"], 9);
    // Another definition holds the group; what is changed or deleted comes back.
    objects.create(definitions, definition("tills.shop.example.com", &[("v1", true)])).await.unwrap();
    objects.remove(definitions, "", "carts.shop.example.com").await.unwrap();
    objects.remove(world.aggregator.kind, "", "v1.shop.example.com").await.unwrap();
    until(|| get("v1.shop.example.com").is_some()).await;
    let mut changed = get("v1.shop.example.com").unwrap();
    changed["spec"]["versionPriority"] = 7.into();
    objects.update(world.aggregator.kind, changed).await.unwrap();
    until(|| get("v1.shop.example.com").is_some_and(|one| one["spec"]["versionPriority"] == 100)).await;
    // The last definition takes it along.
    objects.remove(definitions, "", "tills.shop.example.com").await.unwrap();
    until(|| get("v1.shop.example.com").is_none()).await;
    shutdown.cancel();
    task.await.unwrap();
    assert!(get("v3.shop.example.com").is_some());
}

/// A restart with definitions: their groups are not mistaken for built-in ones.
#[tokio::test]
async fn what_a_server_finds_at_its_start_is_kept() {
    let world = World::new().await;
    let objects = world.server.objects().clone();
    let always = json!({"metadata": {"name": "v1.gone.example.com", "labels": {MANAGED: "true"}}, "spec": {"group": "gone.example.com", "version": "v1"}});
    objects.create(world.aggregator.kind, always).await.unwrap();
    let apps = json!({"metadata": {"name": "v1.apps", "labels": {MANAGED: "onstart"}}, "spec": {"group": "apps", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1, "service": {"namespace": "a", "name": "b", "port": 443}}});
    objects.create(world.aggregator.kind, apps).await.unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(world.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
    let get = |name: &str| objects.get(world.aggregator.kind, "", name);
    until(|| get("v1.gone.example.com").is_none() && get("v2.autoscaling").is_some()).await;
    until(|| get("v1.apps").is_some_and(|apps| apps["status"]["conditions"][0]["reason"] == "Local")).await;
    assert_eq!(
        get("v1.apps").unwrap()["spec"],
        json!({"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15})
    );
    // Until the next start it stays as people want it.
    objects.remove(world.aggregator.kind, "", "v1.batch").await.unwrap();
    let definition = json!({"metadata": {"name": "as.example.com"}, "spec": {"group": "example.com", "versions": [{"name": "v1", "served": true}]}});
    objects.create(row("apiextensions.k8s.io", "v1", "customresourcedefinitions"), definition).await.unwrap();
    until(|| get("v1.example.com").is_some()).await;
    shutdown.cancel();
    task.await.unwrap();
    assert!(get("v1.batch").is_none());
}

#[tokio::test]
async fn own_groups_are_registered_at_the_start() {
    let world = World::new().await;
    let shutdown = CancellationToken::new();
    let stale = json!({"metadata": {"name": "v9.gone", "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"}}, "spec": {"group": "gone", "version": "v9"}});
    world.server.objects().create(world.aggregator.kind, stale).await.unwrap();
    let task = tokio::spawn(world.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
    let get = |name: &str| world.server.objects().get(world.aggregator.kind, "", name);
    until(|| get("v2.autoscaling").is_some() && get("v9.gone").is_none()).await;
    shutdown.cancel();
    task.await.unwrap();
    let apps = get("v1.apps").unwrap();
    assert_eq!(
        apps["spec"],
        json!({"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15})
    );
    assert_eq!(apps["status"]["conditions"][0]["reason"], "Local");
    assert_eq!(apps["metadata"]["labels"]["kube-aggregator.kubernetes.io/automanaged"], "onstart");
    assert_eq!(get("v2.autoscaling").unwrap()["spec"]["versionPriority"], 30);
    assert!(get("v1.apiregistration.k8s.io").is_none());
}

/// A definition went: its APIService is deleted as it was seen, and its finalizers are respected.
#[tokio::test]
async fn what_is_deleted_is_what_was_seen() {
    let world = World::new().await;
    let (objects, kind) = (world.server.objects().clone(), world.aggregator.kind);
    let service = |name: &str| json!({"metadata": {"name": name, "labels": {MANAGED: "true"}}, "spec": {"group": "gone.example.com", "version": "v1"}});
    let seen = objects.create(kind, service("v1.gone.example.com")).await.unwrap();
    let mut taken = seen.clone();
    taken["metadata"]["labels"] = json!({});
    objects.update(kind, taken).await.unwrap();
    let refused = objects.remove_seen(kind, &seen).await.unwrap_err();
    assert_eq!(refused.code, 409, "{refused}");
    assert!(objects.get(kind, "", "v1.gone.example.com").is_some(), "somebody has taken it for himself");
    let mut held = service("v1.held.example.com");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    objects.create(kind, held).await.unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(world.aggregator.clone().run(Kinds::new(api::kinds::ALL), shutdown.clone()));
    let marked = || objects.get(kind, "", "v1.held.example.com").unwrap()["metadata"]["deletionTimestamp"].is_string();
    until(marked).await;
    until(|| objects.get(kind, "", "v2.autoscaling").is_some()).await;
    assert!(marked(), "it waits for its finalizer");
    assert!(objects.get(kind, "", "v1.gone.example.com").is_some());
    shutdown.cancel();
    task.await.unwrap();
}
