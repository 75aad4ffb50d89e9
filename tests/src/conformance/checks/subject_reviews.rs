//! Reviews of what somebody may do agree with what that one can really do.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::api::is_code;
use super::super::ctx::Ctx;
use super::super::wait::until;
use super::checks;

checks! {
    "sar-crud" => agree;
}

/// What both reviews say about a verb on ConfigMaps of the check's namespace.
async fn reviewed(ctx: &Ctx, user: &str, verb: &str) -> Result<bool> {
    let attributes = json!({"namespace": ctx.ns, "verb": verb, "group": "", "version": "v1", "resource": "configmaps"});
    let spec = json!({"user": user, "resourceAttributes": attributes});
    let everywhere = ctx.everywhere("authorization.k8s.io/v1", "subjectaccessreviews");
    let global = everywhere.create(json!({"spec": spec})).await.context("SubjectAccessReview")?;
    let here = ctx.here("authorization.k8s.io/v1", "localsubjectaccessreviews");
    let body = json!({"metadata": {"namespace": ctx.ns}, "spec": spec});
    let local = here.create(body).await.context("LocalSubjectAccessReview")?;
    let allowed = |review: &Value| review["status"]["allowed"].as_bool().context("status.allowed is a boolean");
    ensure!(allowed(&global)? == allowed(&local)?, "the reviews of {verb} differ: {global}, {local}");
    allowed(&global)
}

async fn agree(ctx: &Ctx) -> Result<()> {
    ctx.here("v1", "serviceaccounts").create(json!({"metadata": {"name": "account"}})).await?;
    let user = format!("system:serviceaccount:{}:account", ctx.ns);
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]);
    let group = "rbac.authorization.k8s.io";
    let roles = ctx.here("rbac.authorization.k8s.io/v1", "roles");
    roles.create(json!({"metadata": {"name": "lists"}, "rules": rules})).await?;
    let subjects = json!([{"kind": "ServiceAccount", "name": "account", "namespace": ctx.ns}]);
    let reference = json!({"apiGroup": group, "kind": "Role", "name": "lists"});
    let bindings = ctx.here("rbac.authorization.k8s.io/v1", "rolebindings");
    bindings.create(json!({"metadata": {"name": "lists"}, "subjects": subjects, "roleRef": reference})).await?;
    let maps = ctx.config_maps().asked_by(&ctx.api.impersonating(&user));
    until(20, "the role to count", async || {
        ensure!(reviewed(ctx, &user, "list").await?, "list is not allowed");
        Ok(())
    })
    .await?;
    maps.list("").await.context("a list, which the reviews allow")?;
    ensure!(!reviewed(ctx, &user, "create").await?, "the reviews allow a create");
    match maps.create(json!({"metadata": {"name": "map"}})).await {
        Err(error) if is_code(&error, 403) => Ok(()),
        other => anyhow::bail!("a create, which the reviews do not allow, gave {other:?}"),
    }
}
