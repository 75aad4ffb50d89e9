//! Custom resources with real kubectl: the CronTab of Kubernetes' documentation from its definition to its deletion.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;

pub const STORY: Story = Story {
    name: "custom_resources",
    shows: "a definition is served at once: explain, columns, short names, validation, status, scale, apply, deletion",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

const DEFINITION: &str = r#"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What runs when.
            required: [cronSpec]
            properties:
              cronSpec: {type: string, description: When it runs., pattern: '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'}
              image: {type: string}
              replicas: {type: integer, minimum: 0, maximum: 10, default: 1}
          status:
            type: object
            properties: {replicas: {type: integer}, labelSelector: {type: string}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.labelSelector}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
"#;

const CRONTAB: &str = r#"apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: mine}
spec: {cronSpec: "* * * * */5", image: my-awesome-cron-image}
"#;

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    cluster.apply(DEFINITION)?;
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=10s", "crd/crontabs.stable.example.com"])?;
    says(&cluster, &["explain", "crontab.spec"], &["What runs when.", "cronSpec", "-required-"])?;
    says(&cluster, &["api-resources", "--api-group=stable.example.com"], &["crontabs", "ct", "CronTab"])?;
    cluster.apply(CRONTAB)?;
    says(&cluster, &["get", "ct"], &["NAME", "SPEC", "REPLICAS", "AGE", "mine", "* * * * */5"])?;
    says(&cluster, &["get", "all"], &["crontab.stable.example.com/mine"])?;
    refused(&cluster)?;
    cluster.kubectl(&["scale", "--replicas=3", "ct/mine"])?;
    let status = r#"{"status":{"replicas":3,"labelSelector":"app=cron"}}"#;
    cluster.kubectl(&["patch", "ct/mine", "--subresource=status", "--type=merge", "-p", status])?;
    let shown = cluster.kubectl(&["get", "ct/mine", "-o", "jsonpath={.spec.replicas} {.status.replicas}"])?;
    ensure!(shown == "3 3", "replicas in spec and status: {shown}");
    cluster.kubectl(&["wait", "--for=jsonpath={.status.replicas}=3", "--timeout=10s", "ct/mine"])?;
    cluster.kubectl(&["delete", "-f", &written(&cluster, DEFINITION)?, "--timeout=20s"])?;
    let gone = cluster.try_kubectl(&["get", "crontabs"])?;
    // What kubectl says depends on how old its idea of the served resources is.
    let says = ["resource type", "could not find the requested resource"];
    ensure!(gone.code == 1 && says.iter().any(|text| gone.err.contains(text)), "after the deletion: {gone:?}");
    cluster.stop()
}

fn written(cluster: &Cluster, yaml: &str) -> Result<String> {
    let file = cluster.at("object.yaml");
    std::fs::write(&file, yaml)?;
    Ok(file)
}

fn says(cluster: &Cluster, arguments: &[&str], texts: &[&str]) -> Result<()> {
    let printed = cluster.kubectl(arguments)?;
    for text in texts {
        ensure!(printed.contains(text), "kubectl {} does not say {text:?}: {printed}", arguments.join(" "));
    }
    Ok(())
}

fn refused(cluster: &Cluster) -> Result<()> {
    let wrong = [
        ("replicas: 15", "spec.replicas in body should be less than or equal to 10"),
        ("replicas: many", "spec.replicas in body must be of type integer: \"string\""),
        ("replica: 2", "unknown field \"spec.replica\""),
    ];
    for (line, says) in wrong {
        let yaml = CRONTAB.replace("image: my-awesome-cron-image", line).replace("mine", "other");
        let printed = cluster.try_kubectl(&["create", "-f", &written(cluster, &yaml)?])?;
        ensure!(printed.code == 1 && printed.err.contains(says), "{line} gave {printed:?}, expected {says:?}");
    }
    Ok(())
}
