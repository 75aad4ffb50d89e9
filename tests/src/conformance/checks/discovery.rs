//! What the server says it serves: plain and aggregated discovery, versions, and the one Service every cluster has.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{contains, has};
use super::super::lifecycle::group_is_listed;
use super::super::wait::until;
use super::{checks, custom_resources};

checks! {
    "aggdisc-client" => aggregated_is_whole;
    "aggdisc-client-crd" => aggregated_has_custom_resources;
    "aggdisc-accept" => aggregated_media_type;
    "wh-discovery" => webhook_configurations;
    "crd-discovery" => definitions;
    "disc-preferred" => preferred_versions;
    "server-version" => version;
    "net-apiserver-service" => kubernetes_service;
    "svc-find-kubernetes" => find_kubernetes;
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Resources that every cluster has.
const BUILT_IN: [(&str, &str, &str); 12] = [
    ("", "v1", "namespaces"),
    ("", "v1", "pods"),
    ("", "v1", "services"),
    ("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "v1", "apiservices"),
    ("apps", "v1", "deployments"),
    ("authentication.k8s.io", "v1", "tokenreviews"),
    ("authorization.k8s.io", "v1", "subjectaccessreviews"),
    ("autoscaling", "v2", "horizontalpodautoscalers"),
    ("batch", "v1", "jobs"),
    ("rbac.authorization.k8s.io", "v1", "clusterroles"),
];

/// The two documents: the core group's and the others'.
async fn aggregated(ctx: &Ctx) -> Result<[Value; 2]> {
    let mut documents = [Value::Null, Value::Null];
    for (document, path) in documents.iter_mut().zip(["/api", "/apis"]) {
        let answer = ctx.api.ask("GET", path).header("accept", AGGREGATED).done().await?;
        let media =
            answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        for part in ["application/json", "g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"] {
            contains(&media, part).with_context(|| format!("the content type of {path}"))?;
        }
        *document = answer.json()?;
        has(document, &json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2"}))?;
    }
    Ok(documents)
}

/// A resource in aggregated discovery.
fn find<'a>(documents: &'a [Value; 2], group: &str, version: &str, resource: &str) -> Result<&'a Value> {
    let groups = documents.iter().flat_map(|document| document["items"].as_array().into_iter().flatten());
    let mut versions = groups
        .filter(|item| item["metadata"]["name"].as_str().unwrap_or_default() == group)
        .flat_map(|item| item["versions"].as_array().into_iter().flatten());
    let found =
        versions.find(|it| it["version"] == version).with_context(|| format!("{group}/{version} is missing"))?;
    let mut resources = found["resources"].as_array().into_iter().flatten();
    resources
        .find(|it| it["resource"] == resource)
        .with_context(|| format!("{resource} of {group}/{version} is missing"))
}

async fn aggregated_media_type(ctx: &Ctx) -> Result<()> {
    let documents = aggregated(ctx).await?;
    for (group, version, resource) in BUILT_IN {
        find(&documents, group, version, resource)?;
    }
    Ok(())
}

/// Everything that plain discovery lists stands in the aggregated documents, with the same kind and verbs.
async fn aggregated_is_whole(ctx: &Ctx) -> Result<()> {
    aggregated_media_type(ctx).await?;
    let documents = aggregated(ctx).await?;
    let groups = ctx.api.get("/apis").await?;
    // Other checks add groups meanwhile: only those of upstream's domain, and without a domain, count.
    let built_in = |name: &str| !name.contains('.') || name.ends_with(".k8s.io");
    let mut paths = vec!["/api/v1".to_owned()];
    for group in groups["groups"].as_array().into_iter().flatten() {
        let versions = group["versions"].as_array().into_iter().flatten();
        if built_in(group["name"].as_str().unwrap_or_default()) {
            paths.extend(versions.flat_map(|it| it["groupVersion"].as_str()).map(|it| format!("/apis/{it}")));
        }
    }
    for path in paths {
        let document = ctx.api.get(&path).await?;
        let group_version = document["groupVersion"].as_str().unwrap_or_default();
        let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
        for resource in document["resources"].as_array().into_iter().flatten() {
            let name = resource["name"].as_str().unwrap_or_default();
            if !name.contains('/') {
                let found = find(&documents, group, version, name)?;
                let scope = if resource["namespaced"] == true { "Namespaced" } else { "Cluster" };
                has(
                    found,
                    &json!({"verbs": resource["verbs"], "scope": scope, "responseKind": {"kind": resource["kind"]}}),
                )
                .with_context(|| format!("{name} of {group_version}"))?;
            }
        }
    }
    Ok(())
}

async fn aggregated_has_custom_resources(ctx: &Ctx) -> Result<()> {
    let widgets = custom_resources::install(ctx, custom_resources::plain(ctx, "Widget")).await?;
    let group = widgets.group_version.split('/').next().unwrap_or_default().to_owned();
    let verbs = json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]);
    until(30, "the custom resource in aggregated discovery", async || {
        let documents = aggregated(ctx).await?;
        let mut found = find(&documents, &group, "v1", "widgets")?.clone();
        if let Some(verbs) = found["verbs"].as_array_mut() {
            verbs.sort_by_key(ToString::to_string);
        }
        let kind = json!({"group": group, "version": "v1", "kind": "Widget"});
        has(&found, &json!({"verbs": verbs, "scope": "Namespaced", "responseKind": kind, "singularResource": "widget"}))
    })
    .await
}

/// A version's document has these resources.
async fn listed(ctx: &Ctx, group: &str, version: &str, resources: &[&str]) -> Result<()> {
    group_is_listed(ctx, group, version).await?;
    let document = ctx.api.get(&format!("/apis/{group}/{version}")).await?;
    let found: Vec<&str> =
        document["resources"].as_array().into_iter().flatten().flat_map(|it| it["name"].as_str()).collect();
    for resource in resources {
        ensure!(found.contains(resource), "{resource} is not among {found:?}");
    }
    Ok(())
}

async fn webhook_configurations(ctx: &Ctx) -> Result<()> {
    let resources = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    listed(ctx, "admissionregistration.k8s.io", "v1", &resources).await
}

async fn definitions(ctx: &Ctx) -> Result<()> {
    listed(ctx, "apiextensions.k8s.io", "v1", &["customresourcedefinitions"]).await
}

async fn preferred_versions(ctx: &Ctx) -> Result<()> {
    let all = ctx.api.get("/apis").await?;
    let groups = all["groups"].as_array().context("/apis has groups")?;
    ensure!(!groups.is_empty(), "/apis has no group");
    for group in groups {
        let preferred = &group["preferredVersion"];
        let versions = group["versions"].as_array().context("a group has versions")?;
        ensure!(versions.contains(preferred), "{} prefers {preferred}, which is not among {versions:?}", group["name"]);
    }
    Ok(())
}

async fn version(ctx: &Ctx) -> Result<()> {
    let version = ctx.api.get("/version").await?;
    for field in ["major", "minor"] {
        let text = version[field].as_str().unwrap_or_default();
        ensure!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()), "{field} is {text:?}");
    }
    Ok(())
}

async fn kubernetes_service(ctx: &Ctx) -> Result<()> {
    let service = ctx.inside("default", "v1", "services").get("kubernetes").await?;
    let ports = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
    ensure!(ports.iter().any(|port| port["name"] == "https" && port["port"] == 443), "its ports are {ports:?}");
    Ok(())
}

async fn find_kubernetes(ctx: &Ctx) -> Result<()> {
    let all = items(&ctx.everywhere("v1", "services").list("").await?);
    let found = all.iter().any(|it| name_of(it) == "kubernetes" && it["metadata"]["namespace"] == "default");
    ensure!(found, "default/kubernetes is not among {} Services", all.len());
    Ok(())
}
