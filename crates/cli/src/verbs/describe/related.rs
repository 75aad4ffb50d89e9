//! What a description needs besides its object.

use jiff::Timestamp;
use serde_json::Value;

use super::text::{at, selector, text};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::verbs::get::escape;

/// Something to read besides the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Events,
    Lease,
    PodsOfNode,
    PodsOfNamespace,
    PodsSelected,
    ReplicaSets,
    Slices,
    SlicesOfNamespace,
    Quotas,
    Limits,
    Secrets,
}

/// What was read. None: it was not asked for, or the server does not show it.
pub struct Related {
    pub now: Timestamp,
    pub events: Option<Vec<Value>>,
    pub lease: Option<std::result::Result<Value, String>>,
    pub pods: Vec<Value>,
    pub replica_sets: Vec<Value>,
    pub slices: Vec<Value>,
    pub quotas: Vec<Value>,
    pub limits: Vec<Value>,
    pub secrets: Vec<Value>,
}

pub async fn read(cluster: &Cluster, object: &Value, needs: &[Need], show_events: bool) -> Result<Related> {
    let mut related = Related {
        now: cluster.now,
        events: None,
        lease: None,
        pods: Vec::new(),
        replica_sets: Vec::new(),
        slices: Vec::new(),
        quotas: Vec::new(),
        limits: Vec::new(),
        secrets: Vec::new(),
    };
    let (namespace, name) = (text(object, "metadata.namespace"), text(object, "metadata.name"));
    let labels = || escape(&selector(at(object, "spec.selector"))).replace("%3Cnone%3E", "");
    for need in needs {
        match need {
            Need::Events if show_events => related.events = Some(events(cluster, object).await?),
            Need::Events => {}
            Need::Lease => {
                let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}");
                let lease = cluster.get_json(&path, "application/json").await;
                related.lease = Some(lease.map_err(|error| match error {
                    Error::Server(error) => error.to_string(),
                    other => other.to_string(),
                }));
            }
            Need::PodsOfNode => {
                let fields = escape(&format!("spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"));
                related.pods = list(cluster, &format!("/api/v1/pods?fieldSelector={fields}")).await?;
            }
            Need::PodsOfNamespace => {
                related.pods = list(cluster, &format!("/api/v1/namespaces/{namespace}/pods")).await?;
            }
            Need::PodsSelected => {
                let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", labels());
                related.pods = list(cluster, &path).await?;
            }
            Need::ReplicaSets => {
                let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets?labelSelector={}", labels());
                related.replica_sets = list(cluster, &path).await?;
            }
            Need::Secrets => {
                related.secrets = list(cluster, &format!("/api/v1/namespaces/{namespace}/secrets")).await?
            }
            Need::Slices => {
                let labels = escape(&format!("kubernetes.io/service-name={name}"));
                related.slices = slices(cluster, namespace, &format!("?labelSelector={labels}")).await?;
            }
            Need::SlicesOfNamespace => related.slices = slices(cluster, namespace, "").await?,
            Need::Quotas => {
                related.quotas = list(cluster, &format!("/api/v1/namespaces/{name}/resourcequotas")).await?
            }
            Need::Limits => related.limits = list(cluster, &format!("/api/v1/namespaces/{name}/limitranges")).await?,
        }
    }
    Ok(related)
}

async fn list(cluster: &Cluster, path: &str) -> Result<Vec<Value>> {
    let mut list = cluster.get_json(path, "application/json").await?;
    Ok(match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

async fn slices(cluster: &Cluster, namespace: &str, query: &str) -> Result<Vec<Value>> {
    list(cluster, &format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices{query}")).await
}

/// The Events of an object. Those of a Node carry its uid when controllers write them and its name when its kubelet does: they come in
/// this order, which is also that of one second.
async fn events(cluster: &Cluster, object: &Value) -> Result<Vec<Value>> {
    let mut found = events_of(cluster, object, text(object, "metadata.uid")).await?;
    if text(object, "kind") == "Node" {
        found.extend(events_of(cluster, object, text(object, "metadata.name")).await?);
    }
    Ok(found)
}

async fn events_of(cluster: &Cluster, object: &Value, uid: &str) -> Result<Vec<Value>> {
    let namespace = text(object, "metadata.namespace");
    let place = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let mut fields = format!("involvedObject.name={}", text(object, "metadata.name"));
    if !namespace.is_empty() {
        fields.push_str(&format!(",involvedObject.namespace={namespace}"));
    }
    fields.push_str(&format!(",involvedObject.kind={},involvedObject.uid={uid}", text(object, "kind")));
    list(cluster, &format!("/api/v1{place}/events?fieldSelector={}", escape(&fields))).await
}

impl Related {
    /// The Pods that an object is in control of.
    pub fn owned_pods(&self, object: &Value) -> Vec<Value> {
        let uid = text(object, "metadata.uid");
        let owns = |owner: &Value| owner["controller"] == true && text(owner, "uid") == uid;
        let owned = |pod: &&Value| pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(owns);
        self.pods.iter().filter(owned).cloned().collect()
    }
}
