//! Revisions: of Deployments in their ReplicaSets, of the others in ControllerRevisions.

use client::PatchKind;
use serde_json::{Value, json};

use super::{History, Undo, workloads};
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Error, Result, usage};
use crate::output::{align, named};
use crate::sayln;
use crate::verbs::describe::{same_template, template_text};
use crate::verbs::get::escape;
use crate::verbs::{select, target, write};

const REVISION: &str = "deployment.kubernetes.io/revision";
const CAUSE: &str = "kubernetes.io/change-cause";

/// One state that a workload has been in.
struct Revision {
    number: i64,
    cause: String,
    /// What to set spec.template to.
    template: Value,
    /// The ControllerRevision's patch, or the ReplicaSet.
    source: Value,
}

/// All revisions of a workload, oldest first.
async fn revisions(cluster: &Cluster, served: &Served, live: &Value) -> Result<Vec<Revision>> {
    let namespace = live["metadata"]["namespace"].as_str().unwrap_or_default();
    let resource = match served.resource.kind.as_ref() {
        "Deployment" => "replicasets",
        "StatefulSet" | "DaemonSet" => "controllerrevisions",
        kind => return usage(format!("no history viewer has been implemented for {kind:?}")),
    };
    let labels = escape(&target::selector(live).unwrap_or_default());
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{resource}?labelSelector={labels}");
    let list = cluster.get_json(&path, "application/json").await?;
    let uid = &live["metadata"]["uid"];
    let owned = |object: &&Value| {
        let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.any(|owner| owner["uid"] == *uid && owner["controller"] == true)
    };
    let mut revisions: Vec<Revision> =
        list["items"].as_array().into_iter().flatten().filter(owned).filter_map(revision).collect();
    revisions.sort_by_key(|revision| revision.number);
    Ok(revisions)
}

fn revision(object: &Value) -> Option<Revision> {
    let annotations = &object["metadata"]["annotations"];
    let cause = annotations[CAUSE].as_str().unwrap_or_default().to_owned();
    if let Some(number) = object["revision"].as_i64() {
        // The patch holds the whole template.
        let mut template = object["data"]["spec"]["template"].clone();
        if let Some(template) = template.as_object_mut() {
            template.remove("$patch");
        }
        return Some(Revision { number, cause, template, source: object["data"].clone() });
    }
    let number = annotations[REVISION].as_str()?.parse().ok()?;
    let mut template = object["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    Some(Revision { number, cause, template, source: object.clone() })
}

pub async fn show(cluster: &Cluster, flags: &History) -> Result<u8> {
    if flags.revision < 0 {
        return usage("revision must be a positive integer: ".to_owned() + &flags.revision.to_string());
    }
    let (found, errors) = workloads(cluster, &flags.target).await?;
    for (served, live) in found {
        let revisions = revisions(cluster, &served, &live).await?;
        let name = named(&live);
        if flags.revision > 0 {
            let Some(revision) = revisions.iter().find(|revision| revision.number == flags.revision) else {
                return usage("unable to find the specified revision");
            };
            let mut template = revision.source["spec"]["template"].clone();
            if !revision.cause.is_empty() {
                template["metadata"]["annotations"][CAUSE] = revision.cause.as_str().into();
            }
            sayln!("{name} with revision #{}", revision.number);
            sayln!("{}", template_text(&template));
            continue;
        }
        let mut text = String::from("REVISION\tCHANGE-CAUSE\n");
        for revision in &revisions {
            let cause = if revision.cause.is_empty() { "<none>" } else { &revision.cause };
            text.push_str(&format!("{}\t{cause}\n", revision.number));
        }
        sayln!("{name} \n{}", align(&text));
    }
    select::report(errors)
}

pub async fn undo(cluster: &Cluster, flags: &Undo) -> Result<u8> {
    let (found, mut errors) = workloads(cluster, &flags.target).await?;
    for (served, live) in found {
        if let Err(error) = undo_one(cluster, flags, &served, &live).await {
            errors.push(error);
        }
    }
    select::report(errors)
}

async fn undo_one(cluster: &Cluster, flags: &Undo, served: &Served, live: &Value) -> Result<()> {
    if flags.to_revision < 0 {
        return usage(format!("revision must be a positive integer: {}", flags.to_revision));
    }
    if live["spec"]["paused"] == true {
        let kind = served.resource.kind.to_lowercase();
        return usage(format!(
            "you cannot rollback a paused {kind}; resume it first with 'kubectl rollout resume' and try again"
        ));
    }
    let revisions = revisions(cluster, served, live).await?;
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    let wanted = match flags.to_revision {
        0 if revisions.len() < 2 => {
            return usage(format!("no rollout history found for {} {name:?}", served.resource.kind.to_lowercase()));
        }
        0 => revisions.iter().rev().nth(1),
        number => revisions.iter().find(|revision| revision.number == number),
    };
    let missing = || Error::Use(format!("unable to find specified revision {} in history", flags.to_revision));
    let wanted = wanted.ok_or_else(missing)?;
    let write = &flags.target.from.write;
    if same_template(&wanted.template, &live["spec"]["template"]) {
        sayln!("{} skipped rollback (current template already matches revision {})", named(live), wanted.number);
        return Ok(());
    }
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": wanted.template}]);
    let changed = write::patch(cluster, write, (served, live), (PatchKind::Json, &patch), "kubectl-rollout").await?;
    write.report(&named(live), &changed, "rolled back")
}
