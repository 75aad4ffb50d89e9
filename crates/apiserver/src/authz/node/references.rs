//! Which objects a Pod or a PersistentVolume names. Pure.

use serde_json::Value;

use super::graph::Target;

/// Everything in its own namespace that a Pod's node may read because of it.
pub(super) fn of_pod(pod: &Value) -> Vec<(Target, String)> {
    let mut found = Vec::new();
    let spec = &pod["spec"];
    let mut add = |target, name: &Value| {
        if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
            found.push((target, name.to_owned()));
        }
    };
    add(Target::ServiceAccount, &spec["serviceAccountName"]);
    for secret in list(&spec["imagePullSecrets"]) {
        add(Target::Secret, &secret["name"]);
    }
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(&spec[kind]) {
            container_references(container, &mut add);
        }
    }
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    for volume in list(&spec["volumes"]) {
        volume_references(volume, pod_name, &mut add);
    }
    for claim in list(&spec["resourceClaims"]) {
        add(Target::ResourceClaim, &claim["resourceClaimName"]);
    }
    for status in list(&pod["status"]["resourceClaimStatuses"]) {
        add(Target::ResourceClaim, &status["resourceClaimName"]);
    }
    add(Target::ResourceClaim, &pod["status"]["extendedResourceClaimStatus"]["resourceClaimName"]);
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn container_references(container: &Value, add: &mut impl FnMut(Target, &Value)) {
    for source in list(&container["envFrom"]) {
        add(Target::Secret, &source["secretRef"]["name"]);
        add(Target::ConfigMap, &source["configMapRef"]["name"]);
    }
    for variable in list(&container["env"]) {
        add(Target::Secret, &variable["valueFrom"]["secretKeyRef"]["name"]);
        add(Target::ConfigMap, &variable["valueFrom"]["configMapKeyRef"]["name"]);
    }
}

/// Volume sources with `secretRef.name`.
const SECRET_REF_SOURCES: [&str; 7] = ["cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"];

fn volume_references(volume: &Value, pod_name: &str, add: &mut impl FnMut(Target, &Value)) {
    add(Target::Secret, &volume["secret"]["secretName"]);
    add(Target::Secret, &volume["azureFile"]["secretName"]);
    add(Target::Secret, &volume["csi"]["nodePublishSecretRef"]["name"]);
    for source in SECRET_REF_SOURCES {
        add(Target::Secret, &volume[source]["secretRef"]["name"]);
    }
    add(Target::ConfigMap, &volume["configMap"]["name"]);
    for source in list(&volume["projected"]["sources"]) {
        add(Target::Secret, &source["secret"]["name"]);
        add(Target::ConfigMap, &source["configMap"]["name"]);
    }
    add(Target::Claim, &volume["persistentVolumeClaim"]["claimName"]);
    if volume.get("ephemeral").is_some() {
        add(Target::Claim, &Value::String(format!("{pod_name}-{}", volume["name"].as_str().unwrap_or_default())));
    }
}

/// CSI's secrets that kubelets use.
const CSI_SECRETS: [&str; 3] = ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"];

/// (namespace, name) of the secrets of a volume that kubelets see.
pub(super) fn secrets_of_volume(volume: &Value) -> Vec<(String, String)> {
    let spec = &volume["spec"];
    let claim_namespace = spec["claimRef"]["namespace"].as_str().unwrap_or_default();
    let csi = CSI_SECRETS.iter().map(|name| &spec["csi"][name]);
    let others = SECRET_REF_SOURCES.iter().map(|source| &spec[source]["secretRef"]);
    let mut found: Vec<(String, String)> =
        csi.chain(others).filter_map(|reference| named(reference, "name", "namespace", claim_namespace)).collect();
    found.extend(named(&spec["azureFile"], "secretName", "secretNamespace", claim_namespace));
    found
}

fn named(reference: &Value, name: &str, namespace: &str, default_namespace: &str) -> Option<(String, String)> {
    let text = |field: &str| reference[field].as_str().filter(|text| !text.is_empty());
    Some((text(namespace).unwrap_or(default_namespace).to_owned(), text(name)?.to_owned()))
}
