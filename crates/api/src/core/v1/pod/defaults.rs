//! Defaults of Pods and of everything that has a Pod's spec in a template (pkg/apis/core/v1/defaults.go).

use serde_json::{Value, json};

use crate::core::v1::{persistent_volume_claim, resources};
use crate::tree::{at, at_mut, default, default_number, flag, int, items, items_mut, len, set, text};

/// Mode of files in secret, configMap, downwardAPI and projected volumes.
const FILE_MODE: i64 = 0o644;

/// Defaults of a Pod itself, on top of those of its spec.
pub(crate) fn pod(pod: &mut Value) {
    if let Some(spec) = at_mut(pod, "spec") {
        pod_only(spec);
        pod_spec(spec);
    }
    if let Some(status) = at_mut(pod, "status") {
        addresses(status);
        status_resources(status);
    }
}

/// What Pods get and templates do not.
fn pod_only(spec: &mut Value) {
    if int(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        set(spec, "terminationGracePeriodSeconds", 1);
    }
    for list in ["containers", "initContainers"] {
        items_mut(spec, list).for_each(requests_from_limits);
    }
    default(spec, "enableServiceLinks", true);
    if flag(spec, "hostNetwork") {
        for list in ["containers", "initContainers"] {
            for port in items_mut(spec, list).flat_map(|container| items_mut(container, "ports")) {
                let number = int(port, "containerPort").unwrap_or_default();
                default_number(port, "hostPort", number);
            }
        }
    }
}

/// A limit without a request is a request too.
fn requests_from_limits(container: &mut Value) {
    let Some(limits) = at(container, "resources.limits").as_object().cloned() else { return };
    let requests = crate::tree::map_mut(container, "resources.requests");
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

/// podIP and podIPs say the same; podIP wins.
fn addresses(status: &mut Value) {
    let first = text(items(status, "podIPs").first().unwrap_or(&Value::Null), "ip").to_owned();
    let single = text(status, "podIP").to_owned();
    if single.is_empty() && !first.is_empty() {
        set(status, "podIP", first);
    } else if single != first {
        set(status, "podIPs", json!([{ "ip": single }]));
    }
}

fn status_resources(status: &mut Value) {
    for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for container in items_mut(status, list) {
            resources::round(container, "allocatedResources");
            resources::round_requirements(container);
        }
    }
    resources::round(status, "allocatedResources");
    resources::round_requirements(status);
}

/// Defaults of `spec.template` of workloads.
pub(crate) fn template(object: &mut Value, path: &str) {
    if let Some(spec) = at_mut(object, path).and_then(|template| at_mut(template, "spec")) {
        pod_spec(spec);
    }
}

/// Defaults of a Pod's spec, wherever it stands.
pub(crate) fn pod_spec(spec: &mut Value) {
    let account = match (text(spec, "serviceAccountName"), text(spec, "serviceAccount")) {
        ("", deprecated) => deprecated.to_owned(),
        (account, _) => account.to_owned(),
    };
    if !account.is_empty() {
        set(spec, "serviceAccountName", account.as_str());
        set(spec, "serviceAccount", account);
    }
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "restartPolicy", "Always");
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "schedulerName", "default-scheduler");
    items_mut(spec, "volumes").for_each(volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        items_mut(spec, list).for_each(container);
    }
    resources::round(spec, "overhead");
    resources::round_requirements(spec);
}

fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    default(container, "imagePullPolicy", policy);
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    for port in items_mut(container, "ports") {
        default(port, "protocol", "TCP");
    }
    for variable in items_mut(container, "env") {
        field_ref(variable, "valueFrom.fieldRef");
        if let Some(key) = at_mut(variable, "valueFrom.fileKeyRef") {
            default(key, "optional", false);
        }
    }
    resources::round_requirements(container);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = at_mut(container, name) {
            self::probe(probe);
        }
    }
    for hook in ["lifecycle.postStart.httpGet", "lifecycle.preStop.httpGet"] {
        if let Some(action) = at_mut(container, hook) {
            http_get(action);
        }
    }
}

/// `Always` for the tag latest, said or meant, else `IfNotPresent`. An image that is no image name has no tag.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.split_once(':').map(|(_, tag)| tag);
    let well_formed =
        !name.is_empty() && last.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    match tag {
        Some("latest") => "Always",
        None if digest.is_none() && well_formed => "Always",
        _ => "IfNotPresent",
    }
}

fn probe(probe: &mut Value) {
    default_number(probe, "timeoutSeconds", 1);
    default_number(probe, "periodSeconds", 10);
    default_number(probe, "successThreshold", 1);
    default_number(probe, "failureThreshold", 3);
    if let Some(action) = at_mut(probe, "httpGet") {
        http_get(action);
    }
    if let Some(grpc) = at_mut(probe, "grpc")
        && at(grpc, "service").is_null()
    {
        set(grpc, "service", "");
    }
}

fn http_get(action: &mut Value) {
    default(action, "path", "/");
    default(action, "scheme", "HTTP");
}

fn field_ref(tree: &mut Value, path: &str) {
    if let Some(reference) = at_mut(tree, path) {
        default(reference, "apiVersion", "v1");
    }
}

fn volume(volume: &mut Value) {
    if len(volume) <= usize::from(volume.get("name").is_some()) {
        set(volume, "emptyDir", json!({}));
    }
    let Some((kind, source)) =
        volume.as_object_mut().and_then(|map| map.iter_mut().find(|(field, _)| *field != "name"))
    else {
        return;
    };
    volume_source(kind, source);
}

/// Defaults of one source of a volume; PersistentVolumes have some of the same sources.
pub(crate) fn volume_source(kind: &str, source: &mut Value) {
    match kind {
        "image" => {
            let policy = pull_policy(text(source, "reference"));
            default(source, "pullPolicy", policy);
        }
        // A pointer to an empty text is upstream's "not checked".
        "hostPath" if at(source, "type").is_null() => set(source, "type", ""),
        "secret" | "configMap" => default(source, "defaultMode", FILE_MODE),
        "downwardAPI" => {
            default(source, "defaultMode", FILE_MODE);
            items_mut(source, "items").for_each(|item| field_ref(item, "fieldRef"));
        }
        "projected" => {
            default(source, "defaultMode", FILE_MODE);
            items_mut(source, "sources").for_each(projection);
        }
        "iscsi" => default(source, "iscsiInterface", "default"),
        "rbd" => {
            default(source, "pool", "rbd");
            default(source, "user", "admin");
            default(source, "keyring", "/etc/ceph/keyring");
        }
        "azureDisk" => {
            default(source, "cachingMode", "ReadWrite");
            default(source, "fsType", "ext4");
            default(source, "readOnly", false);
            default(source, "kind", "Shared");
        }
        "scaleIO" => {
            default(source, "storageMode", "ThinProvisioned");
            default(source, "fsType", "xfs");
        }
        "ephemeral" => {
            if let Some(spec) = at_mut(source, "volumeClaimTemplate.spec") {
                persistent_volume_claim::default_spec(spec);
            }
        }
        _ => {}
    }
}

fn projection(source: &mut Value) {
    for item in items_mut(source, "downwardAPI.items") {
        field_ref(item, "fieldRef");
    }
    if let Some(token) = at_mut(source, "serviceAccountToken") {
        default(token, "expirationSeconds", 3600);
    }
}
