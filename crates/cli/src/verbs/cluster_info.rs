//! `cluster-info`, `api-resources`, `version`.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::Result;
use crate::flags::Global;
use crate::output::{Table, print_table};

const CLIENT: &str = "v1.37.0";

pub async fn run(cluster: &Cluster) -> Result<u8> {
    println!("Kubernetes control plane is running at {}", cluster.server);
    println!("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.");
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

/// The client's version is told even where no server answers.
pub async fn version(global: &Global) -> Result<u8> {
    println!("Client Version: {CLIENT}");
    let cluster = Cluster::open(global)?;
    let version: Value = cluster.rest.read("/version").await?;
    println!("Server Version: {}", version["gitVersion"].as_str().unwrap_or_default());
    Ok(0)
}
