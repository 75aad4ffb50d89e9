//! Volumes of Pods and of Pod templates. Sources without words of their own are written field by field.

use serde_json::Value;

use super::containers::{FIELDS, entry};
use super::text::{Text, at, flag, items, number, or_none, show, text};

/// `Volumes:` with each volume below.
pub fn write(volumes: &[Value], level: usize, out: &mut Text) {
    if volumes.is_empty() {
        return out.line(level, "Volumes:\t<none>");
    }
    out.line(level, "Volumes:");
    for volume in volumes {
        out.raw(&format!("{}{}:\n", entry(level), text(volume, "name")));
        source(volume, FIELDS, out);
    }
}

/// The source of a volume, or of a PersistentVolume's spec.
pub fn source(volume: &Value, level: usize, out: &mut Text) {
    let Some(map) = volume.as_object() else { return };
    let Some((name, source)) = map.iter().find(|(name, value)| name.as_str() != "name" && value.is_object()) else {
        return out.line(level, "<unknown>");
    };
    let mut kind = |words: &str| out.field(level, "Type", words);
    match name.as_str() {
        "hostPath" => {
            kind("HostPath (bare host directory volume)");
            out.field(level, "Path", text(source, "path"));
            out.field(level, "HostPathType", text(source, "type"));
        }
        "emptyDir" => {
            kind("EmptyDir (a temporary directory that shares a pod's lifetime)");
            out.field(level, "Medium", text(source, "medium"));
            let limit = source.get("sizeLimit").map_or_else(|| "<unset>".to_owned(), show);
            out.field(level, "SizeLimit", limit);
        }
        "secret" => {
            kind("Secret (a volume populated by a Secret)");
            out.field(level, "SecretName", text(source, "secretName"));
            out.field(level, "Optional", flag(source, "optional"));
        }
        "configMap" => {
            kind("ConfigMap (a volume populated by a ConfigMap)");
            out.field(level, "Name", text(source, "name"));
            out.field(level, "Optional", flag(source, "optional"));
        }
        "persistentVolumeClaim" => {
            kind("PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
            out.field(level, "ClaimName", text(source, "claimName"));
            out.field(level, "ReadOnly", flag(source, "readOnly"));
        }
        "nfs" => {
            kind("NFS (an NFS mount that lasts the lifetime of a pod)");
            out.field(level, "Server", text(source, "server"));
            out.field(level, "Path", text(source, "path"));
            out.field(level, "ReadOnly", flag(source, "readOnly"));
        }
        "local" => {
            kind("LocalVolume (a persistent volume backed by local storage on a node)");
            out.field(level, "Path", text(source, "path"));
        }
        "csi" => csi(source, level, out),
        "projected" => projected(source, level, out),
        "downwardAPI" => {
            kind("DownwardAPI (a volume populated by information about the pod)");
            out.line(level, "Items:");
            for item in items(source, "items") {
                let from = match item.get("fieldRef") {
                    Some(field) => text(field, "fieldPath"),
                    None => text(item, "resourceFieldRef.resource"),
                };
                out.line(level + 1, format_args!("{from} -> {}", text(item, "path")));
            }
        }
        "ephemeral" => ephemeral(source, level, out),
        other => {
            kind(other);
            for (name, value) in source.as_object().into_iter().flatten() {
                out.field(level, name, show(value));
            }
        }
    }
}

fn csi(source: &Value, level: usize, out: &mut Text) {
    out.field(level, "Type", "CSI (a Container Storage Interface (CSI) volume source)");
    out.field(level, "Driver", text(source, "driver"));
    if source.get("volumeHandle").is_some() {
        out.field(level, "FSType", text(source, "fsType"));
        out.field(level, "VolumeHandle", text(source, "volumeHandle"));
    } else {
        out.field(level, "FSType", text(source, "fsType"));
    }
    out.field(level, "ReadOnly", flag(source, "readOnly"));
    out.map(level, "VolumeAttributes", at(source, "volumeAttributes"));
}

fn projected(source: &Value, level: usize, out: &mut Text) {
    out.field(level, "Type", "Projected (a volume that contains injected data from multiple sources)");
    for part in items(source, "sources") {
        if let Some(secret) = part.get("secret") {
            out.field(level, "SecretName", text(secret, "name"));
            out.field(level, "Optional", flag(secret, "optional"));
        } else if part.get("downwardAPI").is_some() {
            out.field(level, "DownwardAPI", true);
        } else if let Some(map) = part.get("configMap") {
            out.field(level, "ConfigMapName", text(map, "name"));
            out.field(level, "Optional", flag(map, "optional"));
        } else if let Some(token) = part.get("serviceAccountToken") {
            out.field(level, "TokenExpirationSeconds", number(token, "expirationSeconds"));
        }
    }
}

fn ephemeral(source: &Value, level: usize, out: &mut Text) {
    out.field(
        level,
        "Type",
        "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
    );
    let spec = at(source, "volumeClaimTemplate.spec");
    out.field(level, "StorageClass", text(spec, "storageClassName"));
    out.field(level, "Volume", text(spec, "volumeName"));
    out.map(level, "Labels", at(source, "volumeClaimTemplate.metadata.labels"));
    out.annotations(level, "Annotations", at(source, "volumeClaimTemplate.metadata.annotations"));
    out.field(level, "Capacity", show(at(spec, "resources.requests.storage")));
    out.field(level, "Access Modes", or_none(""));
}
