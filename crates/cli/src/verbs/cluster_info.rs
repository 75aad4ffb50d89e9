//! `cluster-info`, `api-resources`, `version`.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::write::resource_name;
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Result, usage};
use crate::flags::Global;
use crate::output::{self, Table, print_table};
use crate::sayln;

#[derive(Debug, Args)]
pub struct Resources {
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub namespaced: Option<bool>,
    #[arg(long)]
    pub api_group: Option<String>,
    #[arg(long, value_delimiter = ',')]
    pub verbs: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub categories: Vec<String>,
    #[arg(long)]
    pub sort_by: Option<String>,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(long)]
    pub no_headers: bool,
    #[arg(long, hide = true)]
    pub cached: bool,
}

#[derive(Debug, Args)]
pub struct Version {
    /// Of the client only
    #[arg(long)]
    pub client: bool,
    #[arg(short, long, default_value = "")]
    pub output: String,
}

const CLIENT: &str = "v1.37.0";

pub async fn run(cluster: &Cluster) -> Result<u8> {
    sayln!("Kubernetes control plane is running at {}", cluster.server);
    let path = "/api/v1/namespaces/kube-system/services?labelSelector=kubernetes.io%2Fcluster-service%3Dtrue";
    let services = cluster.get_json(path, "application/json").await?;
    for service in services["items"].as_array().into_iter().flatten() {
        let own = service["metadata"]["name"].as_str().unwrap_or_default();
        let name = service["metadata"]["labels"]["kubernetes.io/name"].as_str().unwrap_or(own);
        sayln!("{name} is running at {}", address(cluster, service, own));
    }
    sayln!("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.");
    Ok(0)
}

/// Where a Service of the cluster answers: at its load balancer, else through the server.
fn address(cluster: &Cluster, service: &Value, name: &str) -> String {
    let ports = service["spec"]["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let outside = service["status"]["loadBalancer"]["ingress"][0].as_object();
    if let Some(at) = outside.and_then(|outside| outside.get("ip").or(outside.get("hostname"))?.as_str()) {
        return ports.iter().map(|port| format!("http://{at}:{} ", port["port"])).collect();
    }
    let through = match ports.first() {
        None => name.to_owned(),
        Some(port) => {
            let port_name = port["name"].as_str().unwrap_or_default();
            match (port_name == "https" || port["port"] == 443, port_name) {
                (true, port) => format!("https:{name}:{port}"),
                (false, "") => name.to_owned(),
                (false, port) => format!("{name}:{port}"),
            }
        }
    };
    format!("{}/api/v1/namespaces/kube-system/services/{through}/proxy", cluster.server)
}

pub async fn api_resources(cluster: &Cluster, flags: &Resources) -> Result<u8> {
    if !["", "wide", "name"].contains(&flags.output.as_str()) {
        return usage(format!("--output {} is not available", flags.output));
    }
    let discovery = cluster.discovery().await?;
    let mut served: Vec<&Served> = discovery.served.iter().filter(|served| flags.wants(served)).collect();
    match flags.sort_by.as_deref() {
        Some("name") => served.sort_by(|left, right| left.resource.plural.cmp(&right.resource.plural)),
        Some("kind") => served.sort_by(|left, right| left.resource.kind.cmp(&right.resource.kind)),
        Some(other) => return usage(format!("--sort-by accepts only name or kind, not {other:?}")),
        None => served.sort_by(|left, right| {
            (&left.resource.group, &left.resource.plural).cmp(&(&right.resource.group, &right.resource.plural))
        }),
    }
    if flags.output == "name" {
        served.iter().for_each(|served| sayln!("{}", resource_name(served)));
        return Ok(0);
    }
    let wide = flags.output == "wide";
    let mut headers = vec!["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
    headers.extend(wide.then_some(["VERBS", "CATEGORIES"]).into_iter().flatten());
    let row = |served: &&Served| {
        let resource = &served.resource;
        let mut row = vec![
            resource.plural.to_string(),
            served.short_names.join(","),
            resource.api_version(),
            served.namespaced.to_string(),
            resource.kind.to_string(),
        ];
        row.extend(wide.then(|| [served.verbs.join(","), served.categories.join(",")]).into_iter().flatten());
        row
    };
    let headers = headers.into_iter().map(str::to_owned).collect();
    print_table(&Table { headers, rows: served.iter().map(row).collect() }, !flags.no_headers)?;
    Ok(0)
}

impl Resources {
    fn wants(&self, served: &Served) -> bool {
        let all = |wanted: &[String], has: &[String]| wanted.iter().all(|wanted| has.contains(wanted));
        self.namespaced.is_none_or(|namespaced| namespaced == served.namespaced)
            && self.api_group.as_ref().is_none_or(|group| *group == served.resource.group)
            && all(&self.verbs, &served.verbs)
            && all(&self.categories, &served.categories)
            && !served.verbs.is_empty()
    }
}

/// `group/version` of all that is served, sorted.
pub async fn api_versions(cluster: &Cluster) -> Result<u8> {
    let groups: Value = cluster.rest.read("/apis").await?;
    let versions = groups["groups"].as_array().into_iter().flatten().flat_map(|group| group["versions"].as_array());
    let named = versions.flatten().filter_map(|version| version["groupVersion"].as_str());
    let all: std::collections::BTreeSet<&str> = named.chain(["v1"]).collect();
    all.into_iter().for_each(|version| sayln!("{version}"));
    Ok(0)
}

/// The client's version is told even where no server answers.
pub async fn version(global: &Global, now: Timestamp, flags: &Version) -> Result<u8> {
    if flags.output.is_empty() {
        sayln!("Client Version: {CLIENT}");
    }
    let mut both = json!({"clientVersion": {"gitVersion": CLIENT, "major": "1", "minor": "37"}});
    if !flags.client {
        let cluster = Cluster::open(global, now)?;
        let version: Value = cluster.rest.read("/version").await?;
        if flags.output.is_empty() {
            sayln!("Server Version: {}", version["gitVersion"].as_str().unwrap_or_default());
        }
        both["serverVersion"] = version;
    }
    match flags.output.as_str() {
        "" => Ok(()),
        "json" | "yaml" => output::print(&both, &flags.output, &[]),
        _ => usage("--output must be 'yaml' or 'json'"),
    }?;
    Ok(0)
}
