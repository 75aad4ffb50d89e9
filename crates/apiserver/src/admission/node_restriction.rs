//! NodeRestriction: a kubelet writes its own Node, Lease and CSINode, the status of Pods bound to it, mirror Pods, and nothing of others.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::authz::{node_name, pod_references};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

const MIRROR: &str = "kubernetes.io/config.mirror";

pub struct NodeRestriction {
    objects: Objects,
    pods: &'static Kind,
    nodes: &'static Kind,
}

type Verdict = Result<(), String>;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl NodeRestriction {
    pub fn new(objects: Objects) -> Self {
        Self { objects, pods: row("", "v1", "pods"), nodes: row("", "v1", "nodes") }
    }

    fn check(&self, node: &str, request: &AdmissionRequest<'_>) -> Verdict {
        match (request.kind.group, request.kind.plural, request.subresource) {
            ("", "pods", "") => self.pod(node, request),
            ("", "pods", "status") => pod_status(node, request),
            ("", "pods", "eviction") => self.eviction(node, request),
            ("", "pods", other) => {
                Err(format!("unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"))
            }
            ("", "nodes", _) => check_node(node, request),
            ("", "persistentvolumeclaims", "status") => claim_status(node, request),
            ("", "persistentvolumeclaims", _) => Err("may only update PVC status".to_owned()),
            ("coordination.k8s.io", "leases", _) => lease(node, request),
            ("storage.k8s.io", "csinodes", _) => csi_node(node, request),
            _ => Ok(()),
        }
    }

    fn node_of(&self, namespace: &str, name: &str) -> Option<String> {
        let pod = self.objects.get(self.pods, namespace, name)?;
        Some(text(&pod["spec"], "nodeName").to_owned())
    }

    fn pod(&self, node: &str, request: &AdmissionRequest<'_>) -> Verdict {
        match request.operation {
            Operation::Create => self.mirror_pod(node, &request.object),
            Operation::Delete => match self.node_of(request.namespace, request.name) {
                Some(bound) if bound != node => {
                    Err(format!("node {node:?} can only delete pods with spec.nodeName set to itself"))
                }
                _ => Ok(()),
            },
            other => {
                let operation = other.as_str();
                Err(format!("unexpected operation {operation:?}, node {node:?} can only create and delete mirror pods"))
            }
        }
    }

    fn mirror_pod(&self, node: &str, pod: &Value) -> Verdict {
        if pod["metadata"]["annotations"].get(MIRROR).is_none() {
            return Err(format!("pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"));
        }
        if text(&pod["spec"], "nodeName") != node {
            return Err(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
        }
        self.mirror_owner(node, pod)?;
        let spec = &pod["spec"];
        if !text(spec, "serviceAccountName").is_empty() {
            return Err(format!("node {node:?} can not create pods that reference a service account"));
        }
        if let Some(resource) = pod_references(pod).first() {
            return Err(format!("node {node:?} can not create pods that reference {resource}"));
        }
        let sources = list(&spec["volumes"]).flat_map(|volume| list(&volume["projected"]["sources"]));
        if sources.into_iter().any(|source| source.get("clusterTrustBundle").is_some()) {
            return Err(format!("node {node:?} can not create pods that reference clustertrustbundles"));
        }
        Ok(())
    }

    fn mirror_owner(&self, node: &str, pod: &Value) -> Verdict {
        let owners: Vec<&Value> = list(&pod["metadata"]["ownerReferences"]).collect();
        let [owner] = owners.as_slice() else {
            let what = if owners.is_empty() { "an owner reference" } else { "a single owner reference" };
            return Err(format!("node {node:?} can only create pods with {what} set to itself"));
        };
        if text(owner, "apiVersion") != "v1" || text(owner, "kind") != "Node" || text(owner, "name") != node {
            return Err(format!("node {node:?} can only create pods with an owner reference set to itself"));
        }
        if owner["controller"] != true {
            return Err(format!("node {node:?} can only create pods with a controller owner reference set to itself"));
        }
        if owner["blockOwnerDeletion"] == true {
            return Err(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
        }
        let Some(stored) = self.objects.item(self.nodes, "", node) else {
            return Err(format!("error looking up node {node} to verify uid: nodes {node:?} not found"));
        };
        let (asked, actual) = (text(owner, "uid"), stored.meta.uid.as_str());
        if asked != actual {
            return Err(format!("node {node} UID mismatch: expected {asked} got {actual}"));
        }
        Ok(())
    }

    fn eviction(&self, node: &str, request: &AdmissionRequest<'_>) -> Verdict {
        match self.node_of(request.namespace, request.name) {
            Some(bound) if bound != node => {
                Err(format!("node {node} can only evict pods with spec.nodeName set to itself"))
            }
            _ => Ok(()),
        }
    }
}

fn pod_status(node: &str, request: &AdmissionRequest<'_>) -> Verdict {
    let Some(old) = request.old.filter(|_| request.operation == Operation::Update) else {
        return Err(format!("unexpected operation {:?}", request.operation.as_str()));
    };
    if text(&old["spec"], "nodeName") != node {
        return Err(format!("node {node:?} can only update pod status for pods with spec.nodeName set to itself"));
    }
    if old["metadata"]["labels"] != request.object["metadata"]["labels"] {
        return Err(format!("node {node:?} cannot update labels through pod status"));
    }
    if old["status"]["resourceClaimStatuses"] != request.object["status"]["resourceClaimStatuses"] {
        return Err(format!("node {node:?} cannot update resource claim statues"));
    }
    Ok(())
}

fn claim_status(node: &str, request: &AdmissionRequest<'_>) -> Verdict {
    const OWN: [&str; 4] = ["capacity", "conditions", "allocatedResourceStatuses", "allocatedResources"];
    let rest = |claim: &Value| {
        let mut claim = claim.clone();
        for (part, fields) in [("status", &OWN[..]), ("metadata", &["resourceVersion", "managedFields"][..])] {
            if let Some(map) = claim[part].as_object_mut() {
                fields.iter().for_each(|field| map.retain(|key, _| key != field));
            }
        }
        claim
    };
    match request.old {
        Some(old) if rest(old) == rest(&request.object) => Ok(()),
        _ => Err(format!(
            "node {node:?} is not allowed to update fields other than status.capacity and status.conditions"
        )),
    }
}

fn lease(node: &str, request: &AdmissionRequest<'_>) -> Verdict {
    if request.namespace != "kube-node-lease" {
        return Err("can only access leases in the \"kube-node-lease\" system namespace".to_owned());
    }
    let name = if request.name.is_empty() { text(&request.object["metadata"], "name") } else { request.name };
    if name != node {
        return Err("can only access node lease with the same name as the requesting node".to_owned());
    }
    Ok(())
}

fn csi_node(node: &str, request: &AdmissionRequest<'_>) -> Verdict {
    let name = if request.name.is_empty() { text(&request.object["metadata"], "name") } else { request.name };
    if name != node {
        return Err("can only access CSINode with the same name as the requesting node".to_owned());
    }
    Ok(())
}

/// What a node's Pods have addresses from, where that is set. Upstream lets a kubelet write it at registration; here traffic is sent along
/// it, and none of the kubelets writes it.
fn pod_ranges(spec: &Value) -> (Option<&Value>, Option<&Value>) {
    let set = |field: &str| {
        spec.get(field)
            .filter(|value| !value.is_null() && *value != "" && value.as_array().is_none_or(|list| !list.is_empty()))
    };
    (set("podCIDR"), set("podCIDRs"))
}

fn check_node(node: &str, request: &AdmissionRequest<'_>) -> Verdict {
    let name = if request.name.is_empty() { text(&request.object["metadata"], "name") } else { request.name };
    if name != node {
        return Err(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let spec = &request.object["spec"];
    match (request.operation, request.old) {
        (Operation::Create, _) => {
            if !spec["configSource"].is_null() {
                return Err(format!("node {node:?} is not allowed to create pods with a non-nil configSource"));
            }
            if pod_ranges(spec) != (None, None) {
                return Err(format!("node {node:?} is not allowed to set podCIDRs"));
            }
            let forbidden = forbidden_labels(&request.object, &Value::Null);
            if !forbidden.is_empty() {
                return Err(format!("node {node:?} is not allowed to set the following labels: {forbidden}"));
            }
            Ok(())
        }
        (Operation::Update, Some(old)) => {
            if !spec["configSource"].is_null() && spec["configSource"] != old["spec"]["configSource"] {
                return Err(format!(
                    "node {node:?} is not allowed to update configSource to a new non-nil configSource"
                ));
            }
            if spec["taints"] != old["spec"]["taints"] {
                return Err(format!("node {node:?} is not allowed to modify taints"));
            }
            if pod_ranges(spec) != pod_ranges(&old["spec"]) {
                return Err(format!("node {node:?} is not allowed to modify podCIDRs"));
            }
            if old["metadata"]["ownerReferences"] != request.object["metadata"]["ownerReferences"] {
                return Err(format!("node {node:?} is not allowed to modify ownerReferences"));
            }
            let forbidden = forbidden_labels(&request.object, old);
            if !forbidden.is_empty() {
                return Err(format!("is not allowed to modify labels: {forbidden}"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Labels of the kubernetes.io and k8s.io domains that kubelets may set on their node.
const KUBELET_LABELS: [&str; 13] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "node.kubernetes.io/windows-build",
    "node.kubernetes.io/exclude-from-external-load-balancers",
];
const KUBELET_LABEL_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Labels that differ and are not a kubelet's to set.
fn forbidden_labels(new: &Value, old: &Value) -> String {
    let (new, old) = (&new["metadata"]["labels"], &old["metadata"]["labels"]);
    let keys = [new, old].into_iter().filter_map(Value::as_object).flat_map(|labels| labels.keys());
    let mut forbidden: Vec<&str> = keys
        .filter(|key| new[key.as_str()] != old[key.as_str()] && !is_kubelet_label(key))
        .map(String::as_str)
        .collect();
    forbidden.sort();
    forbidden.dedup();
    forbidden.join(", ")
}

fn is_kubelet_label(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let within = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    if within("node-restriction.kubernetes.io") {
        return false;
    }
    let kubernetes = within("kubernetes.io") || within("k8s.io");
    !kubernetes || KUBELET_LABELS.contains(&key) || KUBELET_LABEL_NAMESPACES.iter().any(|parent| within(parent))
}

#[async_trait]
impl Admit for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if request.operation == Operation::Connect {
            return Ok(());
        }
        let verdict = match node_name(request.identity) {
            None => return Ok(()),
            Some("") => Err(format!("could not determine node from user {:?}", request.identity.name)),
            Some(node) => self.check(node, request),
        };
        verdict.map_err(|why| Status::forbidden(request.kind, request.name, &why))
    }
}
