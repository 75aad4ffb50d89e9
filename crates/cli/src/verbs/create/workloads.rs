//! `create deployment`, `create job`, `create cronjob`.

use clap::Args;
use client::{ObjectKey, ResourceType};
use k8s_openapi::api::batch::v1::CronJob as CronJobKind;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::error::{Result, usage};

#[derive(Debug, Args)]
pub struct Deployment {
    pub name: String,
    #[arg(long, required = true)]
    pub image: Vec<String>,
    #[arg(short, long, default_value_t = 1)]
    pub replicas: i32,
    #[arg(long)]
    pub port: Option<u16>,
    /// The command, after --
    #[arg(last = true)]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Job {
    pub name: String,
    #[arg(long)]
    pub image: Option<String>,
    #[arg(long)]
    pub from: Option<String>,
    /// The command, after --
    #[arg(last = true)]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CronJob {
    pub name: String,
    #[arg(long)]
    pub image: String,
    #[arg(long)]
    pub schedule: String,
    #[arg(long, default_value = "OnFailure")]
    pub restart: String,
    /// The command, after --
    #[arg(last = true)]
    pub command: Vec<String>,
}

fn container(name: &str, image: &str, command: &[String]) -> Value {
    let mut container = json!({"image": image, "name": name, "resources": {}});
    if !command.is_empty() {
        container["command"] = command.into();
    }
    container
}

pub fn deployment(flags: &Deployment) -> Result<Value> {
    if flags.image.len() > 1 && !flags.command.is_empty() {
        return usage("cannot specify multiple --image options and command");
    }
    let labels = json!({"app": flags.name});
    let mut containers: Vec<Value> =
        flags.image.iter().map(|image| container(&short(image), image, &flags.command)).collect();
    if let Some(port) = flags.port {
        // kubectl gives the port to the first container alone.
        containers.iter_mut().take(1).for_each(|container| container["ports"] = json!([{"containerPort": port}]));
    }
    let template =
        json!({"metadata": {"creationTimestamp": null, "labels": labels}, "spec": {"containers": containers}});
    let spec =
        json!({"replicas": flags.replicas, "selector": {"matchLabels": labels}, "strategy": {}, "template": template});
    let metadata = json!({"creationTimestamp": null, "labels": labels, "name": flags.name});
    Ok(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec, "status": {}}))
}

/// A container's name from its image: the last part of the path, without tag and digest.
fn short(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let plain = last.split(['@', ':']).next().unwrap_or(last);
    plain.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

pub async fn job(cluster: &Cluster, flags: &Job) -> Result<Value> {
    let metadata = json!({"creationTimestamp": null, "name": flags.name});
    let object = |metadata: Value, spec: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": {}});
    match (&flags.image, &flags.from) {
        (Some(image), None) => {
            let pod = json!({"containers": [container(&flags.name, image, &flags.command)], "restartPolicy": "Never"});
            Ok(object(metadata, json!({"template": {"metadata": {"creationTimestamp": null}, "spec": pod}})))
        }
        (None, Some(from)) => {
            let Some(("cronjob" | "cronjobs" | "cj" | "cronjob.batch" | "cronjobs.batch", name)) = from.split_once('/')
            else {
                return usage("from must be an existing cronjob");
            };
            let key = ObjectKey::new(cluster.namespace.clone(), name);
            let cron = cluster.rest.get(&ResourceType::of::<CronJobKind>(), &key).await?;
            let template = &cron["spec"]["jobTemplate"];
            let mut metadata = metadata;
            metadata["annotations"] = template["metadata"]["annotations"].clone();
            if !metadata["annotations"].is_object() {
                metadata["annotations"] = json!({});
            }
            metadata["annotations"]["cronjob.kubernetes.io/instantiate"] = "manual".into();
            if template["metadata"]["labels"].is_object() {
                metadata["labels"] = template["metadata"]["labels"].clone();
            }
            metadata["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": name,
                "uid": cron["metadata"]["uid"], "controller": true}]);
            let mut spec = template["spec"].clone();
            if spec["template"]["metadata"].get("creationTimestamp").is_none() {
                spec["template"]["metadata"]["creationTimestamp"] = Value::Null;
            }
            for container in spec["template"]["spec"]["containers"].as_array_mut().into_iter().flatten() {
                if container.get("resources").is_none() {
                    container["resources"] = json!({});
                }
            }
            Ok(object(metadata, spec))
        }
        _ => usage("either --image or --from must be specified"),
    }
}

pub fn cron_job(flags: &CronJob) -> Value {
    let pod =
        json!({"containers": [container(&flags.name, &flags.image, &flags.command)], "restartPolicy": flags.restart});
    let job = json!({"template": {"metadata": {"creationTimestamp": null}, "spec": pod}});
    let spec = json!({"jobTemplate": {"metadata": {"creationTimestamp": null, "name": flags.name}, "spec": job}, "schedule": flags.schedule});
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"creationTimestamp": null, "name": flags.name}, "spec": spec, "status": {}})
}
