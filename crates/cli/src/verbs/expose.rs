//! `expose`: a Service in front of a workload, a Pod or another Service.

use clap::Args;
use serde_json::{Map, Value, json};

use super::select::{Choice, objects, report};
use super::{target, write};
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::flags::FileArgs;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE NAME or TYPE/NAME
    pub resources: Vec<String>,
    #[arg(long)]
    pub name: Option<String>,
    #[arg(long)]
    pub port: Option<String>,
    #[arg(long)]
    pub target_port: Option<String>,
    #[arg(long, default_value = "")]
    pub protocol: String,
    #[arg(long = "type", default_value = "")]
    pub kind: String,
    #[arg(long)]
    pub selector: Option<String>,
    #[arg(short, long)]
    pub labels: Option<String>,
    #[arg(long)]
    pub cluster_ip: Option<String>,
    #[arg(long)]
    pub external_ip: Option<String>,
    #[arg(long)]
    pub load_balancer_ip: Option<String>,
    #[arg(long)]
    pub session_affinity: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

const EXPOSABLE: [&str; 5] = ["Pod", "Service", "ReplicationController", "Deployment", "ReplicaSet"];

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let choice = Choice { resources: &flags.resources, files: &flags.from.files, ..Choice::default() };
    let (found, errors) = objects(cluster, &discovery, &choice).await?;
    for (served, live) in found {
        if !EXPOSABLE.contains(&served.resource.kind.as_ref()) {
            let (kind, group) = (&served.resource.kind, &served.resource.group);
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            return usage(format!("cannot expose a {kind}{group}"));
        }
        let service = service(&flags, &live)?;
        write::create(cluster, &flags.from.write, "kubectl-expose", service, "exposed").await?;
    }
    report(errors)
}

fn service(flags: &Flags, live: &Value) -> Result<Value> {
    let selector = match &flags.selector {
        Some(selector) => labels(selector)?,
        None => selector(live)?,
    };
    let name = flags.name.as_deref().or(live["metadata"]["name"].as_str()).unwrap_or_default();
    let ports = ports(flags, live)?;
    let labels = match &flags.labels {
        Some(text) => Value::Object(labels(text)?),
        None => live["metadata"]["labels"].clone(),
    };
    let mut spec = json!({"ports": ports, "selector": selector});
    for (field, value) in [
        ("clusterIP", &flags.cluster_ip),
        ("loadBalancerIP", &flags.load_balancer_ip),
        ("sessionAffinity", &flags.session_affinity),
    ] {
        if let Some(value) = value {
            spec[field] = value.as_str().into();
        }
    }
    if let Some(address) = &flags.external_ip {
        spec["externalIPs"] = json!([address]);
    }
    if !flags.kind.is_empty() {
        spec["type"] = flags.kind.as_str().into();
    }
    let mut metadata = json!({"creationTimestamp": null, "name": name});
    if labels.is_object() {
        metadata["labels"] = labels;
    }
    Ok(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}

/// `a=b,c=d` as a map.
pub fn labels(text: &str) -> Result<Map<String, Value>> {
    let mut labels = Map::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else { return usage(format!("unexpected label spec: {pair}")) };
        labels.insert(key.to_owned(), value.into());
    }
    Ok(labels)
}

fn selector(live: &Value) -> Result<Map<String, Value>> {
    if live["kind"] == "Pod" {
        return match live["metadata"]["labels"].as_object().filter(|labels| !labels.is_empty()) {
            Some(labels) => Ok(labels.clone()),
            None => usage(
                "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed",
            ),
        };
    }
    match target::selector(live) {
        Some(text) => labels(&text),
        None => usage("couldn't retrieve selectors via --selector flag or introspection: no selector was found"),
    }
}

fn ports(flags: &Flags, live: &Value) -> Result<Vec<Value>> {
    let known = known_ports(live);
    let wanted: Vec<String> = match &flags.port {
        Some(text) => text.split(',').map(str::to_owned).collect(),
        None => known.iter().map(|(port, _)| port.to_string()).collect(),
    };
    if wanted.is_empty() {
        return usage(
            "couldn't find port via --port flag or introspection\nSee 'kubectl expose -h' for help and examples",
        );
    }
    let several = wanted.len() > 1;
    let mut ports = Vec::new();
    for (at, text) in wanted.iter().enumerate() {
        let Ok(number) = text.parse::<u16>() else {
            return usage(format!("invalid port {text:?}: it must be a number"));
        };
        let of_known = known.iter().find(|(port, _)| *port == i64::from(number)).map(|(_, protocol)| protocol.as_str());
        let protocol = if flags.protocol.is_empty() { of_known.unwrap_or("TCP") } else { &flags.protocol };
        let target = match &flags.target_port {
            Some(target) => target.parse::<u16>().map_or_else(|_| Value::from(target.as_str()), Value::from),
            None => number.into(),
        };
        let mut port = json!({"port": number, "protocol": protocol, "targetPort": target});
        if several {
            port["name"] = format!("port-{}", at + 1).into();
        }
        ports.push(port);
    }
    Ok(ports)
}

/// Ports and protocols that the object names itself.
fn known_ports(live: &Value) -> Vec<(i64, String)> {
    let (list, field): (Vec<&Value>, &str) = if live["kind"] == "Service" {
        (live["spec"]["ports"].as_array().into_iter().flatten().collect(), "port")
    } else {
        let spec = if live["kind"] == "Pod" { &live["spec"] } else { &live["spec"]["template"]["spec"] };
        let containers = spec["containers"].as_array().into_iter().flatten();
        (
            containers.flat_map(|container| container["ports"].as_array().into_iter().flatten()).collect(),
            "containerPort",
        )
    };
    let known = |port: &&Value| Some((port[field].as_i64()?, port["protocol"].as_str().unwrap_or("TCP").to_owned()));
    list.iter().filter_map(known).collect()
}
