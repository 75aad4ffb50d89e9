//! What a node may do, with upstream's reasons for what it may not.

use super::graph::{Graph, Target};
use crate::access::{Authorize, Decision};
use crate::authz::rule::Rule;
use crate::bootstrap::default_role_rules;
use crate::follow::Followed;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::RequestInfo;

/// The node behind an identity: user system:node:NAME in group system:nodes.
pub(crate) fn node_name(identity: &Identity) -> Option<&str> {
    identity.name.strip_prefix("system:node:").filter(|_| identity.in_group("system:nodes"))
}

/// Authorizes kubelets.
pub struct NodeAuthorizer {
    graph: Followed<Graph>,
    rules: Vec<Rule>,
}

fn allow() -> Decision {
    Decision::Allow(String::new())
}

fn no(reason: impl Into<String>) -> Decision {
    Decision::NoOpinion(reason.into())
}

impl Authorize for NodeAuthorizer {
    fn authorize(&self, identity: &Identity, info: &RequestInfo) -> Decision {
        match node_name(identity) {
            None => no(""),
            Some("") => no(format!("unknown node for user {:?}", identity.name)),
            Some(node) if info.is_resource => self.resource(node, info),
            // Its own: what it opens is found by its name.
            Some(_) if info.path == api::tunnel::PATH && info.verb == "get" => allow(),
            Some(_) => self.by_rules(info),
        }
    }
}

impl NodeAuthorizer {
    pub fn new(objects: Objects) -> Self {
        Self { graph: Followed::new(objects), rules: default_role_rules("system:node") }
    }

    fn by_rules(&self, info: &RequestInfo) -> Decision {
        if self.rules.iter().any(|rule| rule.allows(info)) { allow() } else { no("") }
    }

    fn resource(&self, node: &str, info: &RequestInfo) -> Decision {
        match (info.api_group.as_str(), info.resource.as_str()) {
            ("", "secrets") => self.read_namespaced(node, Target::Secret, info),
            ("", "configmaps") => self.read_namespaced(node, Target::ConfigMap, info),
            ("", "persistentvolumeclaims") if info.subresource == "status" => self.claim_status(node, info),
            ("", "persistentvolumeclaims") => self.get(node, Target::Claim, info),
            ("", "persistentvolumes") => self.get(node, Target::Volume, info),
            ("resource.k8s.io", "resourceclaims") => self.get(node, Target::ResourceClaim, info),
            ("storage.k8s.io", "volumeattachments") => self.get(node, Target::Attachment, info),
            ("", "serviceaccounts") => self.service_account(node, info),
            ("coordination.k8s.io", "leases") => lease(node, info),
            ("storage.k8s.io", "csinodes") => csi_node(node, info),
            ("resource.k8s.io", "resourceslices") => self.slice(node, info),
            ("", "nodes") => own_node(node, info),
            ("", "pods") => self.pod(node, info),
            ("certificates.k8s.io", "podcertificaterequests") => self.certificate_request(node, info),
            _ => self.by_rules(info),
        }
    }

    fn related(&self, node: &str, target: Target, info: &RequestInfo) -> Decision {
        if info.name.is_empty() {
            return no("No Object name found");
        }
        if self.graph.read().related(node, target, &info.namespace, &info.name) {
            return allow();
        }
        no(format!("no relationship found between node '{node}' and this object"))
    }

    fn get(&self, node: &str, target: Target, info: &RequestInfo) -> Decision {
        if info.verb != "get" {
            return no("can only get individual resources of this type");
        }
        if !info.subresource.is_empty() {
            return no("cannot get subresource");
        }
        self.related(node, target, info)
    }

    fn read_namespaced(&self, node: &str, target: Target, info: &RequestInfo) -> Decision {
        if !matches!(info.verb.as_str(), "get" | "list" | "watch") {
            return no("can only read resources of this type");
        }
        if !info.subresource.is_empty() {
            return no("cannot read subresource");
        }
        if info.namespace.is_empty() {
            return no("can only read namespaced object of this type");
        }
        self.related(node, target, info)
    }

    fn claim_status(&self, node: &str, info: &RequestInfo) -> Decision {
        if !matches!(info.verb.as_str(), "update" | "patch") {
            return no("can only get/update/patch this type");
        }
        self.related(node, Target::Claim, info)
    }

    fn service_account(&self, node: &str, info: &RequestInfo) -> Decision {
        if info.verb == "get" && info.subresource.is_empty() {
            return self.read_namespaced(node, Target::ServiceAccount, info);
        }
        if info.verb != "create" || info.name.is_empty() {
            return no("can only create tokens for individual service accounts");
        }
        if info.subresource != "token" {
            return no("can only create token subresource of serviceaccount");
        }
        self.related(node, Target::ServiceAccount, info)
    }

    fn slice(&self, node: &str, info: &RequestInfo) -> Decision {
        if !info.subresource.is_empty() {
            return no("cannot authorize ResourceSlice subresources");
        }
        match info.verb.as_str() {
            "create" => allow(),
            "get" | "update" | "patch" | "delete" => self.related(node, Target::Slice, info),
            "watch" | "list" | "deletecollection" if selects(info, "spec.nodeName", node) => allow(),
            "watch" | "list" | "deletecollection" => {
                no("can only list/watch/deletecollection resourceslices with nodeName field selector")
            }
            _ => no(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
            ),
        }
    }

    fn certificate_request(&self, node: &str, info: &RequestInfo) -> Decision {
        if !info.subresource.is_empty() {
            return no("nodes may not access the status subresource of PodCertificateRequests");
        }
        match info.verb.as_str() {
            "create" => allow(),
            "get" => self.related(node, Target::CertificateRequest, info),
            "list" | "watch" if selects(info, "spec.nodeName", node) => allow(),
            "list" | "watch" => no("can only list/watch podcertificaterequests with nodeName field selector"),
            verb => no(format!("nodes may not {verb} podcertificaterequests")),
        }
    }

    fn pod(&self, node: &str, info: &RequestInfo) -> Decision {
        match (info.subresource.as_str(), info.verb.as_str()) {
            ("", "get") => self.get(node, Target::Pod, info),
            ("", "list" | "watch") if selects(info, "spec.nodeName", node) => allow(),
            ("", "list" | "watch") if !info.name.is_empty() => self.related(node, Target::Pod, info),
            ("", "list" | "watch") => no("can only list/watch pods with spec.nodeName field selector"),
            // NodeRestriction narrows these down to the node's own.
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => allow(),
            _ => no(""),
        }
    }
}

fn lease(node: &str, info: &RequestInfo) -> Decision {
    if !matches!(info.verb.as_str(), "get" | "create" | "update" | "patch" | "delete") {
        return no("can only get, create, update, patch, or delete a node lease");
    }
    if info.namespace != "kube-node-lease" {
        return no("can only access leases in the \"kube-node-lease\" system namespace");
    }
    if info.verb != "create" && info.name != node {
        return no("can only access node lease with the same name as the requesting node");
    }
    allow()
}

fn csi_node(node: &str, info: &RequestInfo) -> Decision {
    match info.subresource.as_str() {
        "" => {}
        "status" => return no("CSINode status access requires CSIVolumeHealth feature"),
        _ => return no("cannot authorize CSINode subresources"),
    }
    if !matches!(info.verb.as_str(), "get" | "create" | "update" | "patch" | "delete") {
        return no("can only get, create, update, patch, or delete a CSINode");
    }
    if info.verb != "create" && info.name != node {
        return no("can only access CSINode with the same name as the requesting node");
    }
    allow()
}

fn own_node(node: &str, info: &RequestInfo) -> Decision {
    match (info.subresource.as_str(), info.verb.as_str()) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => allow(),
        ("", "get" | "list" | "watch") if info.name == node => allow(),
        ("", "get" | "list" | "watch") if info.name.is_empty() => {
            no(format!("node '{node}' cannot read all nodes, only its own Node object"))
        }
        ("", "get" | "list" | "watch") => {
            no(format!("node '{node}' cannot read '{}', only its own Node object", info.name))
        }
        _ => no(""),
    }
}

/// Whether the field selector demands this value.
fn selects(info: &RequestInfo, field: &str, value: &str) -> bool {
    let terms = info.field_selector.split(',').filter_map(|term| term.split_once('='));
    terms.filter(|(key, _)| *key == field).any(|(_, demanded)| demanded.trim_start_matches('=') == value)
}
