//! ServiceAccount: every Pod runs as one, and its containers find a token, the cluster's authority and their namespace where clients look.

use api::env::Env;
use api::kind::Kind;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

const DEFAULT: &str = "default";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
const MIRROR: &str = "kubernetes.io/config.mirror";
const ENFORCE_MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";

pub struct ServiceAccount {
    objects: Objects,
    accounts: &'static Kind,
}

impl ServiceAccount {
    pub fn new(objects: Objects) -> Self {
        Self { objects, accounts: row("", "v1", "serviceaccounts") }
    }

    fn account(&self, request: &AdmissionRequest<'_>) -> Result<Value, Status> {
        let name = request.object["spec"]["serviceAccountName"].as_str().unwrap_or(DEFAULT);
        self.objects.get(self.accounts, request.namespace, name).ok_or_else(|| {
            let namespace = request.namespace;
            let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
            Status::forbidden(request.kind, request.name, &why)
        })
    }
}

fn is_pod(request: &AdmissionRequest<'_>) -> bool {
    request.kind.group.is_empty() && request.kind.plural == "pods"
}

fn is_mirror(pod: &Value) -> bool {
    pod["metadata"]["annotations"].get(MIRROR).is_some()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The three sources of the projected volume, as upstream has them.
fn volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ],
        },
    })
}

/// Mounts a token into every container that has nothing at that place. Pure but for the volume's name.
pub(super) fn mount_token(pod: &mut Value, env: &Env) {
    let present = list(&pod["spec"]["volumes"]).filter_map(|volume| volume["name"].as_str());
    let present: Vec<String> = present.filter(|name| name.starts_with(VOLUME_PREFIX)).map(str::to_owned).collect();
    let name = present.first().cloned().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", env.name_suffix(5)));
    let mount = json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH});
    let mut mounted = false;
    for kind in ["initContainers", "containers"] {
        for container in pod["spec"].get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
            if list(&container["volumeMounts"]).any(|mount| mount["mountPath"] == MOUNT_PATH) {
                continue;
            }
            push(container, "volumeMounts", mount.clone());
            mounted = true;
        }
    }
    if mounted && present.is_empty() {
        push(&mut pod["spec"], "volumes", volume(&name));
    }
}

fn push(object: &mut Value, field: &str, value: Value) {
    match object.get_mut(field).and_then(Value::as_array_mut) {
        Some(list) => list.push(value),
        None => object[field] = json!([value]),
    }
}

/// Mirror Pods name nothing of the API.
fn check_mirror(pod: &Value) -> Result<(), &'static str> {
    if pod["spec"]["serviceAccountName"].as_str().is_some_and(|name| !name.is_empty()) {
        return Err("a mirror pod may not reference service accounts");
    }
    let text = pod["spec"].to_string();
    if text.contains("\"secretKeyRef\"")
        || text.contains("\"secretRef\"")
        || list(&pod["spec"]["volumes"]).any(|volume| volume.get("secret").is_some())
    {
        return Err("a mirror pod may not reference secrets");
    }
    if list(&pod["spec"]["volumes"])
        .flat_map(|volume| list(&volume["projected"]["sources"]))
        .any(|source| source.get("serviceAccountToken").is_some())
    {
        return Err("a mirror pod may not use ServiceAccountToken volume projections");
    }
    Ok(())
}

fn names(account: &Value, field: &str) -> Vec<String> {
    list(&account[field]).filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
}

/// With the annotation, Pods use only the secrets their account lists.
fn check_mountable(account: &Value, pod: &Value) -> Result<(), String> {
    if account["metadata"]["annotations"][ENFORCE_MOUNTABLE] != "true" {
        return Ok(());
    }
    let allowed = names(account, "secrets");
    let account_name = account["metadata"]["name"].as_str().unwrap_or_default();
    for volume in list(&pod["spec"]["volumes"]) {
        if let Some(secret) =
            volume["secret"]["secretName"].as_str().filter(|secret| !allowed.iter().any(|name| name == secret))
        {
            return Err(format!(
                "volume with secret.secretName={secret:?} is not allowed because service account {account_name} does not reference that secret"
            ));
        }
    }
    let pull = names(account, "imagePullSecrets");
    for secret in names(&pod["spec"], "imagePullSecrets") {
        if !pull.contains(&secret) {
            return Err(format!(
                "imagePullSecrets[0].name={secret:?} is not allowed because service account {account_name} does not reference that imagePullSecret"
            ));
        }
    }
    Ok(())
}

#[async_trait]
impl Admit for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !is_pod(request) || request.operation != Operation::Create || !request.subresource.is_empty() {
            return Ok(());
        }
        if is_mirror(&request.object) {
            return Ok(());
        }
        let spec = &mut request.object["spec"];
        if spec["serviceAccountName"].as_str().is_none_or(str::is_empty) {
            spec["serviceAccountName"] = DEFAULT.into();
        }
        // The old name of the same field.
        spec["serviceAccount"] = spec["serviceAccountName"].clone();
        let account = self.account(request)?;
        let wanted = request.object["spec"]["automountServiceAccountToken"].as_bool();
        if wanted.or(account["automountServiceAccountToken"].as_bool()).unwrap_or(true) {
            mount_token(&mut request.object, self.objects.env());
        }
        let spec = &mut request.object["spec"];
        if list(&spec["imagePullSecrets"]).next().is_none() && list(&account["imagePullSecrets"]).next().is_some() {
            spec["imagePullSecrets"] = account["imagePullSecrets"].clone();
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !is_pod(request) || request.operation != Operation::Create || !request.subresource.is_empty() {
            return Ok(());
        }
        let refuse = |why: &str| Status::forbidden(request.kind, request.name, why);
        if is_mirror(&request.object) {
            return check_mirror(&request.object).map_err(refuse);
        }
        check_mountable(&self.account(request)?, &request.object).map_err(|why| refuse(&why))
    }
}
