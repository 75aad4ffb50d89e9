//! One check for every kind: discovery at three levels and the eight verbs, each seen by a watch, and the status subresource.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::collection::{Collection, by_label, name_of, names};
use super::ctx::Ctx;
use super::expect::has;
use super::watch::Watch;

/// The verbs that a resource shows in discovery.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A kind, as data.
pub struct Kind {
    pub group_version: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
    /// The body of the nth object, without its metadata.
    pub body: fn(&Ctx, usize) -> Value,
    /// What a merge patch and then an update of /status bring.
    pub status: Option<[fn() -> Value; 2]>,
    /// The nth object's name where it is not free.
    pub name: Option<fn(usize) -> String>,
}

impl Kind {
    fn collection(&self, ctx: &Ctx) -> Collection {
        match self.namespaced {
            true => ctx.here(self.group_version, self.plural),
            false => ctx.everywhere(self.group_version, self.plural),
        }
    }

    fn object(&self, ctx: &Ctx, at: usize) -> Value {
        let mut body = (self.body)(ctx, at);
        let name = self.name.map_or_else(|| format!("{}-{at}", ctx.tag), |name| name(at));
        body["metadata"] = json!({"name": name, "labels": {"conformance": ctx.tag}});
        body
    }
}

/// The whole life of a kind.
pub async fn lifecycle(ctx: &Ctx, kind: &Kind) -> Result<()> {
    let collection = kind.collection(ctx);
    discovery(ctx, kind).await.context("discovery")?;
    let selector = format!("conformance={}", ctx.tag);
    let before = collection.list(&by_label(&selector)).await.context("list before")?;
    let revision = before["metadata"]["resourceVersion"].as_str().context("a list has a resourceVersion")?;
    let mut watch = collection.watch(&format!("{}&resourceVersion={revision}", by_label(&selector))).await?;
    for at in 0..3 {
        let object = kind.object(ctx, at);
        let made = ctx.create_outside(&collection, object.clone()).await.context("create")?;
        has(&made, &object).context("the answer to create")?;
        watch.see(20, "ADDED", |seen| name_of(seen) == name_of(&object)).await.context("watch of a create")?;
    }
    let name = name_of(&kind.object(ctx, 0)).to_owned();
    read(ctx, kind, &selector).await?;
    change(&collection, &name, &mut watch).await?;
    if let Some([patched, updated]) = kind.status {
        status(&collection, &name, [patched(), updated()]).await.context("/status")?;
    }
    remove(&collection, &name, &selector, &mut watch).await
}

/// `/apis`, the group's document, the version's.
pub async fn discovery(ctx: &Ctx, kind: &Kind) -> Result<()> {
    let wanted: Vec<&str> = match kind.status {
        Some(_) => vec![kind.plural, "status"],
        None => vec![kind.plural],
    };
    if let Some((group, version)) = kind.group_version.split_once('/') {
        group_is_listed(ctx, group, version).await?;
    }
    let document = ctx.api.get(&super::kinds::root(kind.group_version)).await?;
    let resources = document["resources"].as_array().context("the version's document has resources")?;
    let find =
        |name: &str| resources.iter().find(|it| it["name"] == name).with_context(|| format!("{name} is missing"));
    let mut verbs: Vec<&str> =
        find(kind.plural)?["verbs"].as_array().into_iter().flatten().flat_map(Value::as_str).collect();
    verbs.sort_unstable();
    ensure!(verbs == VERBS, "verbs of {} are {verbs:?}", kind.plural);
    if wanted.len() > 1 {
        find(&format!("{}/status", kind.plural))?;
    }
    Ok(())
}

/// A group is in `/apis` and has the version in its own document.
pub async fn group_is_listed(ctx: &Ctx, group: &str, version: &str) -> Result<()> {
    let all = ctx.api.get("/apis").await?;
    let groups = all["groups"].as_array().context("/apis has groups")?;
    let listed = groups.iter().find(|it| it["name"] == group).with_context(|| format!("{group} is not in /apis"))?;
    let own = ctx.api.get(&format!("/apis/{group}")).await?;
    for (document, place) in [(listed, "/apis"), (&own, "the group's document")] {
        let versions = document["versions"].as_array().with_context(|| format!("{place} has versions"))?;
        ensure!(
            versions.iter().any(|it| it["version"] == version && it["groupVersion"] == format!("{group}/{version}")),
            "{place} has {versions:?} for {group}"
        );
    }
    Ok(())
}

async fn read(ctx: &Ctx, kind: &Kind, selector: &str) -> Result<()> {
    let collection = kind.collection(ctx);
    let object = kind.object(ctx, 1);
    has(&collection.get(name_of(&object)).await.context("get")?, &object).context("the answer to get")?;
    let mut wanted: Vec<String> = (0..3).map(|at| name_of(&kind.object(ctx, at)).to_owned()).collect();
    wanted.sort();
    let listed = names(&collection.labelled(selector).await.context("list")?);
    ensure!(listed == wanted, "the list has {listed:?}, expected {wanted:?}");
    if kind.namespaced {
        let all = names(&ctx.everywhere(kind.group_version, kind.plural).labelled(selector).await?);
        ensure!(all == wanted, "the list over all namespaces has {all:?}, expected {wanted:?}");
    }
    Ok(())
}

async fn change(collection: &Collection, name: &str, watch: &mut Watch) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"patched": "true"}}});
    has(&collection.merge(name, patch.clone()).await.context("patch")?, &patch).context("the answer to patch")?;
    let patched = |seen: &Value| name_of(seen) == name && seen["metadata"]["annotations"]["patched"] == "true";
    watch.see(20, "MODIFIED", patched).await.context("watch of a patch")?;
    let patch = json!([{"op": "add", "path": "/metadata/annotations/by-json", "value": "true"}]);
    let answer = collection.json_patch(name, patch).await.context("JSON patch")?;
    has(&answer, &json!({"metadata": {"annotations": {"by-json": "true", "patched": "true"}}}))
        .context("JSON patch")?;
    let updated = collection.edit(name, |object| object["metadata"]["annotations"]["updated"] = json!("true")).await;
    let wanted = json!({"metadata": {"annotations": {"patched": "true", "updated": "true"}}});
    has(&updated.context("update")?, &wanted).context("the answer to update")?;
    has(&collection.get(name).await?, &wanted).context("after an update")?;
    let updated = |seen: &Value| name_of(seen) == name && seen["metadata"]["annotations"]["updated"] == "true";
    watch.see(20, "MODIFIED", updated).await.context("watch of an update").map(drop)
}

/// A patch and an update of the status stay, and are read through /status too.
pub async fn status(collection: &Collection, name: &str, [patched, updated]: [Value; 2]) -> Result<()> {
    let part = format!("{name}/status");
    let spec = collection.get(name).await?["spec"].clone();
    has(&collection.get(&part).await.context("get")?, &json!({"metadata": {"name": name}}))?;
    let answer = collection.merge(&part, patched.clone()).await.context("patch")?;
    has(&answer, &patched).context("the answer to patch")?;
    has(&collection.get(name).await?, &patched).context("after a patch")?;
    let change = |object: &mut Value| merge_into(object, &updated);
    let answer = collection.edit(&part, change).await.context("update")?;
    has(&answer, &updated).context("the answer to update")?;
    let after = collection.get(&part).await?;
    has(&after, &updated).context("after an update")?;
    ensure!(after["spec"] == spec, "the spec was changed through /status to {}", after["spec"]);
    Ok(())
}

/// Objects are merged, all else is replaced.
pub fn merge_into(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(object), Value::Object(change)) => {
            for (key, value) in change {
                merge_into(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, change) => *object = change.clone(),
    }
}

/// A kind that upstream checks with every sort of patch: strategic and server-side apply besides the others.
pub async fn with_every_patch(ctx: &Ctx, kind: &Kind) -> Result<()> {
    let collection = kind.collection(ctx);
    let mut object = kind.object(ctx, 9);
    ctx.create_outside(&collection, object.clone()).await.context("create")?;
    let name = name_of(&object).to_owned();
    let patch = json!({"metadata": {"labels": {"strategic": "true"}}});
    has(&collection.strategic(&name, patch.clone()).await.context("strategic merge patch")?, &patch)?;
    let patch = json!({
        "apiVersion": kind.group_version, "kind": collection.kind,
        "metadata": {"name": name, "labels": {"applied": "true"}},
    });
    let path = format!("{name}?fieldManager=conformance&force=true");
    has(&collection.patch(&path, super::api::APPLY, &patch).await.context("server-side apply")?, &patch)?;
    object["metadata"]["labels"] = json!({"strategic": "true", "applied": "true"});
    has(&collection.get(&name).await?, &object).context("after the patches")?;
    collection.delete(&name).await?;
    collection.gone(60, &name).await?;
    lifecycle(ctx, kind).await
}

/// Objects with a label are listed and removed by it; another stays.
pub async fn by_selector(ctx: &Ctx, kind: &Kind) -> Result<()> {
    let collection = kind.collection(ctx);
    let selector = format!("conformance={}", ctx.tag);
    for at in 0..3 {
        ctx.create_outside(&collection, kind.object(ctx, at)).await.context("create")?;
    }
    let mut other = kind.object(ctx, 3);
    other["metadata"]["labels"] = json!({"other": ctx.tag});
    ctx.create_outside(&collection, other.clone()).await.context("create another")?;
    read(ctx, kind, &selector).await?;
    collection.delete_collection(&selector).await.context("deletecollection")?;
    collection.none_left(90, &selector).await.context("after deletecollection")?;
    collection.get(name_of(&other)).await.context("the one without the label").map(drop)
}

async fn remove(collection: &Collection, name: &str, selector: &str, watch: &mut Watch) -> Result<()> {
    collection.delete(name).await.context("delete")?;
    watch.see(60, "DELETED", |seen| name_of(seen) == name).await.context("watch of a delete")?;
    collection.gone(20, name).await?;
    collection.delete_collection(selector).await.context("deletecollection")?;
    collection.none_left(60, selector).await.context("after deletecollection")?;
    for _ in 0..2 {
        watch.see(20, "DELETED", |_| true).await.context("watch of a deletecollection")?;
    }
    Ok(())
}
