//! `create role`, `clusterrole`, `rolebinding`, `clusterrolebinding`, `serviceaccount`, `token`.

use clap::Args;
use client::{ObjectKey, ResourceType};
use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::discovery::Discovery;
use crate::error::{Error, Result, usage};
use crate::sayln;
use crate::verbs::wait;

#[derive(Debug, Args)]
pub struct Role {
    pub name: String,
    #[arg(long, value_delimiter = ',')]
    pub verb: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub resource: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub resource_name: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub non_resource_url: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Binding {
    pub name: String,
    #[arg(long, default_value = "")]
    pub role: String,
    #[arg(long, default_value = "")]
    pub clusterrole: String,
    #[arg(long, value_delimiter = ',')]
    pub user: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub group: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub serviceaccount: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Token {
    pub name: String,
    #[arg(long)]
    pub audience: Vec<String>,
    #[arg(long)]
    pub duration: Option<String>,
}

const GROUP: &str = "rbac.authorization.k8s.io";

pub fn role(discovery: &Discovery, flags: &Role, kind: &str) -> Result<Value> {
    if flags.verb.is_empty() {
        return usage("at least one verb must be specified");
    }
    if flags.resource.is_empty() && flags.non_resource_url.is_empty() {
        return usage("at least one resource must be specified");
    }
    let mut rules: Vec<Value> = Vec::new();
    for text in &flags.resource {
        let (name, sub) = text.split_once('/').map_or((text.as_str(), None), |(name, sub)| (name, Some(sub)));
        let (group, plural) = if name == "*" {
            ("*".to_owned(), "*".to_owned())
        } else {
            let served = discovery
                .find(name)
                .map_err(|error| Error::Bare(error.to_string().trim_start_matches("error: ").to_owned()))?;
            (served.resource.group.to_string(), served.resource.plural.to_string())
        };
        let resource = sub.map_or(plural.clone(), |sub| format!("{plural}/{sub}"));
        // One rule for each group.
        match rules
            .iter_mut()
            .find(|rule| rule["apiGroups"][0] == group)
            .and_then(|rule| rule["resources"].as_array_mut())
        {
            Some(resources) => resources.push(resource.into()),
            None => {
                let mut rule = json!({"apiGroups": [group], "resources": [resource], "verbs": flags.verb});
                if !flags.resource_name.is_empty() {
                    rule["resourceNames"] = flags.resource_name.clone().into();
                }
                rules.push(rule);
            }
        }
    }
    if !flags.non_resource_url.is_empty() {
        rules.push(json!({"nonResourceURLs": flags.non_resource_url, "verbs": flags.verb}));
    }
    Ok(
        json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"creationTimestamp": null, "name": flags.name}, "rules": rules}),
    )
}

pub fn binding(flags: &Binding, kind: &str) -> Result<Value> {
    let (role_kind, role) = match (flags.role.as_str(), flags.clusterrole.as_str()) {
        (role, "") if !role.is_empty() => ("Role", role),
        ("", role) if !role.is_empty() => ("ClusterRole", role),
        _ => return usage("exactly one of clusterrole or role must be specified"),
    };
    let mut subjects = Vec::new();
    for (kind, names) in [("User", &flags.user), ("Group", &flags.group)] {
        subjects.extend(names.iter().map(|name| json!({"apiGroup": GROUP, "kind": kind, "name": name})));
    }
    for account in &flags.serviceaccount {
        let Some((namespace, name)) = account.split_once(':') else {
            return usage("serviceaccount must be <namespace>:<name>");
        };
        subjects.push(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}));
    }
    let mut binding = json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"creationTimestamp": null, "name": flags.name},
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role}});
    if !subjects.is_empty() {
        binding["subjects"] = subjects.into();
    }
    Ok(binding)
}

pub async fn token(cluster: &Cluster, flags: &Token) -> Result<u8> {
    let mut spec =
        json!({"audiences": if flags.audience.is_empty() { Value::Null } else { flags.audience.clone().into() }});
    if let Some(duration) = &flags.duration {
        spec["expirationSeconds"] = wait::duration(duration)?.as_secs().into();
    }
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let key = ObjectKey::new(cluster.namespace.clone(), flags.name.clone());
    let answer = cluster.rest.create_sub(&ResourceType::of::<ServiceAccount>(), &key, "token", &request).await?;
    match answer["status"]["token"].as_str() {
        Some(token) => sayln!("{token}"),
        None => return usage("failed to create token: no token in server response"),
    }
    Ok(0)
}
