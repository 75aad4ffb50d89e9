//! `cluster-info`, `api-resources`, `version`.

use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::Result;
use crate::flags::Global;
use crate::output::{Table, print_table};
use crate::sayln;

const CLIENT: &str = "v1.37.0";

pub async fn run(cluster: &Cluster) -> Result<u8> {
    sayln!("Kubernetes control plane is running at {}", cluster.server);
    sayln!("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.");
    Ok(0)
}

pub async fn api_resources(cluster: &Cluster) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let headers = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"].map(str::to_owned).to_vec();
    let rows = discovery
        .served
        .iter()
        .map(|served| {
            let resource = &served.resource;
            let short_names = served.short_names.join(",");
            vec![
                resource.plural.to_string(),
                short_names,
                resource.api_version(),
                served.namespaced.to_string(),
                resource.kind.to_string(),
            ]
        })
        .collect();
    print_table(&Table { headers, rows }, true)?;
    Ok(0)
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
pub async fn version(global: &Global, now: Timestamp) -> Result<u8> {
    sayln!("Client Version: {CLIENT}");
    let cluster = Cluster::open(global, now)?;
    let version: Value = cluster.rest.read("/version").await?;
    sayln!("Server Version: {}", version["gitVersion"].as_str().unwrap_or_default());
    Ok(0)
}
