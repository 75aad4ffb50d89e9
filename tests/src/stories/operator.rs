//! An operator of controller-runtime's making (`tests/clients/operator`) as two Pods of the cluster: conversion and validation by its
//! webhooks, reconciliation by its leader, and by the next one when that is killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use base64::Engine;

use crate::certificate::Certified;
use crate::cluster::{Cluster, beside_kubectl};
use crate::images;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "operator",
    shows: "a controller-runtime operator in the cluster converts, validates and reconciles; a killed leader is followed by the other",
    tier: Tier::Nightly,
    deadline_seconds: 300,
    run,
};

const DEPLOY: &str = include_str!("../../clients/operator/deploy.yaml");

fn run(folder: &Path) -> Result<()> {
    images::of_program(&beside_kubectl("operator")?, "test/operator")?;
    let cluster = Cluster::start(folder)?;
    deploy(&cluster)?;
    both_versions(&cluster)?;
    denied(&cluster)?;
    leader_killed(&cluster)?;
    cluster.kubectl(&["delete", "garden", "first", "--timeout=20s"])?;
    cluster.kubectl(&["wait", "--for=delete", "configmap/garden-first", "--timeout=20s"])?;
    cluster.uninstall()
}

fn deploy(cluster: &Cluster) -> Result<()> {
    let certified = Certified::new("operator.gardens.svc")?;
    let (certificate, key) = (cluster.at("tls.crt"), cluster.at("tls.key"));
    fs::write(&certificate, &certified.chain)?;
    fs::write(&key, &certified.key)?;
    cluster
        .apply(&DEPLOY.replace("CA_BUNDLE", &base64::engine::general_purpose::STANDARD.encode(&certified.authority)))?;
    let (certificate, key) = (format!("--cert={certificate}"), format!("--key={key}"));
    cluster.kubectl(&["create", "secret", "tls", "operator-certs", "-n", "gardens", &certificate, &key])?;
    cluster.kubectl(&["rollout", "status", "deployment/operator", "-n", "gardens", "--timeout=90s"])?;
    Ok(())
}

/// Written in one version, read and changed in the other.
fn both_versions(cluster: &Cluster) -> Result<()> {
    cluster.apply(&garden("v1", "first", "rows: 3, columns: 4"))?;
    cluster.apply(&garden("v2", "second", "size: 5x6"))?;
    let is = |object: &str, path: &str, value: &str| cluster.wait_value(object, path, value, 20);
    is("gardens.v2.example.com/first", "{.spec.size}", "3x4")?;
    is("gardens.v1.example.com/second", "{.spec.rows} {.spec.columns}", "5 6")?;
    is("gardens.v1.example.com/first", "{.status.plants}", "12")?;
    is(
        "gardens.v1.example.com/first",
        "{.status.conditions[0].type} {.status.conditions[0].observedGeneration}",
        "Planted 1",
    )?;
    is("configmap/garden-second", "{.data.plants}", "30")?;
    is("gardens.v1.example.com", "{.items[*].spec.columns}", "4 6")?;
    cluster.kubectl(&[
        "patch",
        "gardens.v1.example.com",
        "first",
        "--type=merge",
        "-p",
        r#"{"spec":{"columns":5}}"#,
    ])?;
    is("gardens.v2.example.com/first", "{.spec.size} {.status.plants} {.metadata.generation}", "3x5 15 2")?;
    is("configmap/garden-first", "{.data.plants}", "15")?;
    let table = cluster.kubectl(&["get", "garden", "second"])?;
    ensure!(table.contains("SIZE") && table.contains("5x6"), "the table is {table}");
    // Applied in both versions by one manager, whose fields follow the conversion.
    for (version, spec) in [("v1", "rows: 2, columns: 7"), ("v2", "size: 2x8"), ("v1", "rows: 2, columns: 9")] {
        let file = cluster.at("applied.yaml");
        fs::write(&file, garden(version, "third", spec))?;
        cluster.kubectl(&["apply", "--server-side", "-f", &file])?;
    }
    is("gardens.v2.example.com/third", "{.spec.size} {.status.plants}", "2x9 18")
}

fn denied(cluster: &Cluster) -> Result<()> {
    let refused = |arguments: &[&str], says: &str| -> Result<()> {
        let printed = cluster.try_kubectl(arguments)?;
        let webhook = "admission webhook \"gardens.example.com\" denied the request: ";
        ensure!(printed.code == 1 && printed.err.contains(&format!("{webhook}{says}")), "{arguments:?}: {printed:?}");
        Ok(())
    };
    for (version, spec) in [("v2", "size: 20x6"), ("v1", "rows: 20, columns: 6")] {
        let file = cluster.at("denied.yaml");
        fs::write(&file, garden(version, "denied", spec))?;
        refused(&["create", "-f", &file], "120 plants are more than 100")?;
    }
    let less = r#"{"spec":{"rows":4}}"#;
    refused(&["patch", "gardens.v1.example.com", "second", "--type=merge", "-p", less], "6 plants would have to go")?;
    cluster.kubectl(&["label", "garden", "second", "keep=true"])?;
    refused(&["delete", "garden", "second"], "garden second is to be kept")?;
    let warned = cluster.try_kubectl(&["annotate", "garden", "second", "note=seen"])?;
    ensure!(warned.code == 0 && warned.err.contains("Warning: plants need water"), "it warned of nothing: {warned:?}");
    Ok(())
}

fn leader_killed(cluster: &Cluster) -> Result<()> {
    let first = leader(cluster)?;
    cluster.kubectl(&["delete", "pod", &first, "-n", "gardens", "--force", "--grace-period=0"])?;
    let second = wait_for("another leader", Duration::from_secs(30), || {
        let holder = leader(cluster)?;
        ensure!(holder != first, "it is still {first}");
        Ok(holder)
    })?;
    cluster.apply(&garden("v1", "fourth", "rows: 2, columns: 2"))?;
    cluster.wait_value("garden/fourth", "{.status.plants}", "4", 20)?;
    cluster.wait_logs(&[&second, "-n", "gardens"], r#""garden":"fourth","plants":4"#)?;
    cluster.kubectl(&["rollout", "status", "deployment/operator", "-n", "gardens", "--timeout=60s"])?;
    Ok(())
}

/// The Pod that holds the lease.
fn leader(cluster: &Cluster) -> Result<String> {
    let path = "jsonpath={.spec.holderIdentity}";
    let holder = cluster.kubectl(&["get", "lease", "gardens.example.com", "-n", "gardens", "-o", path])?;
    let (pod, _) = holder.split_once('_').with_context(|| format!("the holder is {holder:?}"))?;
    Ok(pod.to_owned())
}

fn garden(version: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: example.com/{version}\nkind: Garden\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}
