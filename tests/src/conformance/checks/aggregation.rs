//! An API that another server has: this process serves `flunders`, an APIService leads to it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::collection::{items, names};
use super::super::ctx::Ctx;
use super::super::expect::{condition, is};
use super::super::hook::{Asked, Hook, Reply};
use super::super::lifecycle;
use super::super::wait::until;
use super::checks;

checks! {
    "aggregator-sample" => flunders;
}

const VERSION: &str = "v1alpha1";

/// The other server: discovery, and objects in memory, by namespace and name: namespaces that end have theirs deleted.
struct Server {
    group: String,
    objects: Mutex<BTreeMap<(String, String), Value>>,
}

impl Server {
    fn group_version(&self) -> String {
        format!("{}/{VERSION}", self.group)
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let path = asked.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let root = format!("/apis/{}", self.group_version());
        let version = json!({"groupVersion": self.group_version(), "version": VERSION});
        if path == "/apis" || path == format!("/apis/{}", self.group) {
            let group = json!({
                "kind": "APIGroup", "apiVersion": "v1", "name": self.group, "versions": [version], "preferredVersion": version,
            });
            let all = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]});
            return Reply::json(if path == "/apis" { all } else { group });
        }
        if path == root {
            let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
            let resource = json!({"name": "flunders", "singularName": "flunder", "namespaced": true, "kind": "Flunder", "verbs": verbs});
            return Reply::json(json!({
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": self.group_version(), "resources": [resource],
            }));
        }
        match path.strip_prefix(&format!("{root}/namespaces/")).and_then(|rest| rest.split_once("/flunders")) {
            Some((namespace, name)) => self.flunders(asked, namespace, name.trim_start_matches('/')),
            None => not_found(),
        }
    }

    fn flunders(&self, asked: &Asked, namespace: &str, name: &str) -> Reply {
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        let mut objects = self.objects.lock().expect("no holder panics");
        match (asked.method.as_str(), name) {
            ("POST", "") => {
                let name = asked.body["metadata"]["name"].as_str().unwrap_or_default();
                objects.insert(key(name), asked.body.clone());
                Reply { code: 201, body: asked.body.clone(), after: Duration::ZERO }
            }
            ("GET", "") => {
                let own = objects.iter().filter(|((place, _), _)| place == namespace);
                let items: Vec<&Value> = own.map(|(_, object)| object).collect();
                let metadata = json!({"resourceVersion": "1"});
                Reply::json(
                    json!({"kind": "FlunderList", "apiVersion": self.group_version(), "metadata": metadata, "items": items}),
                )
            }
            ("GET", name) => objects.get(&key(name)).map_or_else(not_found, |object| Reply::json(object.clone())),
            ("DELETE", "") => {
                objects.retain(|(place, _), _| place != namespace);
                Reply::json(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            ("DELETE", name) => match objects.remove(&key(name)) {
                Some(_) => Reply::json(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
                None => not_found(),
            },
            _ => not_found(),
        }
    }
}

fn not_found() -> Reply {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found"});
    Reply { code: 404, body, after: Duration::ZERO }
}

async fn flunders(ctx: &Ctx) -> Result<()> {
    let group = format!("wardle-{}.example.com", ctx.tag);
    let server = Server { group: group.clone(), objects: Mutex::default() };
    let hook = Hook::serve(ctx, move |asked| server.answer(asked)).await?;
    let services = ctx.everywhere("apiregistration.k8s.io/v1", "apiservices");
    let name = format!("{VERSION}.{group}");
    let spec = json!({
        "group": group, "version": VERSION, "groupPriorityMinimum": 2000, "versionPriority": 200, "caBundle": hook.ca_bundle,
        "service": {"name": hook.service, "namespace": hook.namespace, "port": 443},
    });
    let labels = json!({"conformance": ctx.tag});
    ctx.create_outside(&services, json!({"metadata": {"name": name, "labels": labels}, "spec": spec})).await?;
    services
        .when(60, &name, |it| {
            ensure!(condition(it, "Available") == "True", "its conditions are {}", it["status"]["conditions"]);
            Ok(())
        })
        .await?;
    let all = ctx.here(&format!("{group}/{VERSION}"), "flunders").of_kind("Flunder");
    until(60, "the aggregated API to answer", async || all.list("").await).await?;
    all.create(json!({"metadata": {"name": "flunder"}, "spec": {"reference": "some"}})).await.context("create")?;
    let found = names(&items(&all.list("").await?));
    ensure!(found == ["flunder"], "the list has {found:?}");
    is(&all.get("flunder").await?, "/spec/reference", "some")?;
    until(60, "the group in discovery", async || lifecycle::group_is_listed(ctx, &group, VERSION).await).await?;
    all.delete("flunder").await.context("delete")?;
    refused(all.get("flunder").await, 404)?;
    registration(ctx, &name).await
}

/// The APIService as an object: its status, and deletion by label.
async fn registration(ctx: &Ctx, name: &str) -> Result<()> {
    let services = ctx.everywhere("apiregistration.k8s.io/v1", "apiservices");
    let condition = |reason: &str| json!({"status": {"conditions": [{"type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check"}]}});
    let found = services.get(&format!("{name}/status")).await?;
    let mut patched = condition("Patched");
    let kept = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
    patched["status"]["conditions"].as_array_mut().context("a list")?.extend(kept);
    lifecycle::status(&services, name, [patched, condition("Updated")]).await?;
    let selector = format!("conformance={}", ctx.tag);
    services.delete_collection(&selector).await?;
    services.none_left(60, &selector).await
}
