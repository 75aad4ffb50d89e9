//! `autoscale`: a HorizontalPodAutoscaler for something that can be scaled.

use clap::Args;
use serde_json::{Value, json};

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE NAME or TYPE/NAME
    pub resources: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub min: Option<i64>,
    #[arg(long, allow_hyphen_values = true)]
    pub max: i64,
    /// Average use of the requested CPU
    #[arg(long, allow_hyphen_values = true)]
    pub cpu_percent: Option<i64>,
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if flags.max < 1 {
        return usage(format!("--max=MAXPODS is required and must be at least 1, max: {}", flags.max));
    }
    if let Some(min) = flags.min.filter(|min| *min > flags.max) {
        return usage(format!(
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {}, min: {min}",
            flags.max
        ));
    }
    let discovery = cluster.discovery().await?;
    let choice = Choice { resources: &flags.resources, files: &flags.from.files, ..Choice::default() };
    let (found, errors) = objects(cluster, &discovery, &choice).await?;
    for (served, live) in found {
        if !["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"]
            .contains(&served.resource.kind.as_ref())
        {
            let kind = &served.resource.kind;
            return Err(Error::Use(format!(
                "cannot autoscale a {kind}: could not find scale subresource for {}",
                write::resource_name(&served)
            )));
        }
        write::create(cluster, &flags.from.write, "kubectl-autoscale", autoscaler(&flags, &live), "autoscaled").await?;
    }
    report(errors)
}

fn autoscaler(flags: &Flags, live: &Value) -> Value {
    let name = flags.name.as_deref().or(live["metadata"]["name"].as_str()).unwrap_or_default();
    let mut spec = json!({
        "maxReplicas": flags.max,
        "scaleTargetRef": {"apiVersion": live["apiVersion"], "kind": live["kind"], "name": live["metadata"]["name"]},
    });
    if let Some(min) = flags.min.filter(|min| *min > 0) {
        spec["minReplicas"] = min.into();
    }
    if let Some(percent) = flags.cpu_percent.filter(|percent| *percent >= 0) {
        spec["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}}]);
    }
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"creationTimestamp": null, "name": name}, "spec": spec,
        "status": {"currentMetrics": null, "desiredReplicas": 0}})
}
