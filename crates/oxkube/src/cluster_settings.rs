//! What agents have to know of a cluster beyond how to reach it: written by the server, read by nodes.

use std::net::IpAddr;

use anyhow::Context;
use apiserver::pki::Pki;
use client::{ObjectKey, ResourceType, Rest};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::flags::ServerFlags;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "oxkube-node";

/// The data of ConfigMap kube-system/oxkube-node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSettings {
    pub cluster_cidr: String,
    pub service_cidr: String,
    pub cluster_dns: IpAddr,
    /// Whose clients a kubelet lets in, PEM.
    pub client_ca: String,
}

impl ClusterSettings {
    pub fn of(flags: &ServerFlags, pki: &Pki) -> Self {
        Self {
            cluster_cidr: flags.cluster_cidr.clone(),
            service_cidr: flags.service_cidr.clone(),
            cluster_dns: flags.cluster_dns,
            client_ca: pki.keys.client_authority.pem(),
        }
    }

    /// The ConfigMap, and the nodes' right to read it.
    pub fn objects(&self) -> Vec<Value> {
        let metadata = json!({"name": NAME, "namespace": NAMESPACE});
        let group = "rbac.authorization.k8s.io";
        let rbac = format!("{group}/v1");
        let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [NAME], "verbs": ["get"]});
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": self}),
            json!({"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": [rule]}),
            json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": NAME},
                "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:nodes"}]}),
        ]
    }

    /// As a node.
    pub async fn read(rest: &Rest) -> anyhow::Result<Self> {
        let map = rest.get(&ResourceType::of::<ConfigMap>(), &ObjectKey::new(NAMESPACE, NAME)).await;
        let map = map.with_context(|| format!("read ConfigMap {NAMESPACE}/{NAME}"))?;
        serde_json::from_value(map["data"].clone()).with_context(|| format!("read ConfigMap {NAMESPACE}/{NAME}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_is_text_as_a_config_map_demands() {
        let settings = ClusterSettings {
            cluster_cidr: "10.42.0.0/16".into(),
            service_cidr: "10.43.0.0/16".into(),
            cluster_dns: IpAddr::from([10, 43, 0, 10]),
            client_ca: "pem".into(),
        };
        let data = settings.objects()[0]["data"].clone();
        assert!(data.as_object().expect("a map").values().all(Value::is_string));
        assert_eq!(serde_json::from_value::<ClusterSettings>(data).expect("reads"), settings);
    }
}
