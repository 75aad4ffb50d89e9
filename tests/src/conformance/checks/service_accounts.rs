//! ServiceAccounts: tokens, where they are mounted, the cluster's CA in every namespace.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{contains, has, is, text};
use super::super::pods;
use super::super::wait::until;
use super::checks;

checks! {
    "sa-optout" => opting_out;
    "sa-tokenreview" => review;
    "sa-rootca" => root_ca;
    "sa-mount" => mounted;
    "sa-update" => update;
}

const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

async fn review(ctx: &Ctx) -> Result<()> {
    let accounts = ctx.here("v1", "serviceaccounts");
    accounts.create(json!({"metadata": {"name": "account"}})).await?;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let answer = accounts.post("account/token", request).await?;
    let token = text(&answer, "/status/token")?;
    let reviews = ctx.everywhere("authentication.k8s.io/v1", "tokenreviews");
    let answer = reviews.create(json!({"metadata": {"name": ctx.unique("token")}, "spec": {"token": token}})).await?;
    is(&answer, "/status/authenticated", true)?;
    is(&answer, "/status/error", Value::Null)?;
    is(&answer, "/status/user/username", format!("system:serviceaccount:{}:account", ctx.ns))
}

async fn update(ctx: &Ctx) -> Result<()> {
    let accounts = ctx.here("v1", "serviceaccounts");
    accounts.create(json!({"metadata": {"name": "account"}, "automountServiceAccountToken": false})).await?;
    accounts.edit("account", |it| it["automountServiceAccountToken"] = json!(true)).await?;
    is(&accounts.get("account").await?, "/automountServiceAccountToken", true)
}

async fn root_ca(ctx: &Ctx) -> Result<()> {
    const NAME: &str = "kube-root-ca.crt";
    let maps = ctx.config_maps();
    let found = until(30, "the CA's ConfigMap", async || maps.get(NAME).await).await?;
    let ca = text(&found, "/data/ca.crt")?.to_owned();
    contains(&ca, "BEGIN CERTIFICATE")?;
    maps.delete(NAME).await?;
    let right = |it: &Value| is(it, "/data", json!({"ca.crt": ca}));
    let again = |it: &Value| {
        ensure!(it["metadata"]["uid"] != found["metadata"]["uid"], "it is the one that was deleted");
        right(it)
    };
    maps.when(60, NAME, again).await.context("after it was deleted")?;
    maps.edit(NAME, |it| it["data"] = json!({"ca.crt": ""})).await?;
    maps.when(60, NAME, right).await.context("after it was changed").map(drop)
}

/// What the ServiceAccount says, what the Pod says, and whether a token is mounted then.
const OPTIONS: [(Option<bool>, Option<bool>, bool); 9] = [
    (None, None, true),
    (None, Some(true), true),
    (None, Some(false), false),
    (Some(true), None, true),
    (Some(true), Some(true), true),
    (Some(true), Some(false), false),
    (Some(false), None, false),
    (Some(false), Some(true), true),
    (Some(false), Some(false), false),
];

async fn opting_out(ctx: &Ctx) -> Result<()> {
    for (name, account) in [("unset", None), ("mount", Some(true)), ("nomount", Some(false))] {
        let body = json!({"metadata": {"name": name}, "automountServiceAccountToken": account});
        ctx.here("v1", "serviceaccounts").create(body).await?;
    }
    for (at, (account, pod, wanted)) in OPTIONS.into_iter().enumerate() {
        let name = account.map_or("unset", |mounts| if mounts { "mount" } else { "nomount" });
        let spec = json!({"serviceAccountName": name, "automountServiceAccountToken": pod});
        let body = pods::with_spec(pods::idle(ctx, &format!("pod-{at}")), spec);
        let made = ctx.pods().create(body).await?;
        let mounts = made["spec"]["containers"][0]["volumeMounts"].as_array().cloned().unwrap_or_default();
        let found = mounts.iter().any(|mount| mount["mountPath"] == MOUNT);
        ensure!(found == wanted, "account {account:?}, Pod {pod:?}: mounted is {found}, expected {wanted}");
    }
    Ok(())
}

async fn mounted(ctx: &Ctx) -> Result<()> {
    let script = format!("cat {MOUNT}/namespace; echo; echo token=$(cat {MOUNT}/token); cat {MOUNT}/ca.crt");
    let printed = pods::output(ctx, pods::script(ctx, "pod", &script)).await?;
    ensure!(printed.lines().next() == Some(ctx.ns.as_str()), "the namespace file: {printed:?}");
    let token = printed.lines().find_map(|line| line.strip_prefix("token=")).context("a token")?;
    let reviews = ctx.everywhere("authentication.k8s.io/v1", "tokenreviews");
    let answer = reviews.create(json!({"metadata": {"name": ctx.unique("token")}, "spec": {"token": token}})).await?;
    has(&answer["status"], &json!({"authenticated": true}))?;
    is(&answer, "/status/user/username", format!("system:serviceaccount:{}:default", ctx.ns))?;
    let map = ctx.config_maps().get("kube-root-ca.crt").await?;
    contains(printed.trim_end(), text(&map, "/data/ca.crt")?.trim_end()).context("the CA file")
}
