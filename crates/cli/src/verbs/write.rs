//! Writes with their dry runs, and how they are reported.

use client::{ObjectKey, PatchKind};
use http::Method;
use serde_json::Value;

use super::get::{escape, hide_managed_fields};
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Result, usage};
use crate::flags::Write;
use crate::output;
use crate::sayln;

/// How far a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    None,
    Client,
    Server,
}

impl Write {
    pub fn dry(&self) -> Result<DryRun> {
        match self.dry_run.as_str() {
            "none" => Ok(DryRun::None),
            "client" => Ok(DryRun::Client),
            "server" => Ok(DryRun::Server),
            other => usage(format!("Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\".")),
        }
    }

    /// The query of a write that `manager` does, unless another one is named.
    pub fn query(&self, manager: &str) -> Result<String> {
        let validation = match self.validate.as_str() {
            "true" | "strict" => "Strict",
            "warn" => "Warn",
            "false" | "ignore" => "Ignore",
            other => return usage(format!("invalid - validate option {other:?}")),
        };
        Ok(format!("{}&fieldValidation={validation}", self.managed(manager)?))
    }

    /// As [`Write::query`], with the server's own idea of unknown fields.
    pub fn managed(&self, manager: &str) -> Result<String> {
        let manager = if self.field_manager.is_empty() { manager } else { &self.field_manager };
        let dry_run = if self.dry()? == DryRun::Server { "&dryRun=All" } else { "" };
        Ok(format!("?fieldManager={}{dry_run}", escape(manager)))
    }

    /// `deployment.apps/web created`, or the object in the format asked for.
    pub fn report(&self, name: &str, object: &Value, done: &str) -> Result<()> {
        if self.output.is_empty() {
            let note = match self.dry()? {
                DryRun::None => "",
                DryRun::Client => " (dry run)",
                DryRun::Server => " (server dry run)",
            };
            sayln!("{name} {done}{note}");
            return Ok(());
        }
        let mut object = object.clone();
        hide_managed_fields(&mut object);
        output::print(&object, &self.output, &[name.to_owned()])
    }
}

/// Creates an object that was made from flags.
pub async fn create(cluster: &Cluster, write: &Write, manager: &str, mut object: Value, done: &str) -> Result<Value> {
    let dry = write.dry()?;
    if dry == DryRun::Client {
        let cluster_wide = ["Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass"];
        if cluster.namespace_given && !cluster_wide.iter().any(|kind| object["kind"] == *kind) {
            object["metadata"]["namespace"] = cluster.namespace.as_str().into();
        }
        write.report(&output::named(&object), &object, done)?;
        return Ok(object);
    }
    let discovery = cluster.discovery().await?;
    let served = discovery.of_object(&object)?;
    if served.namespaced {
        object["metadata"]["namespace"] = cluster.namespace.as_str().into();
    }
    let path = format!("{}{}", served.path(&cluster.namespace), write.query(manager)?);
    let created = cluster.rest.json("create", Method::POST, path, Some(&object)).await?;
    write.report(&served.printed(created["metadata"]["name"].as_str().unwrap_or_default()), &created, done)?;
    Ok(created)
}

/// Patches an object as `manager` and gives it as it is then; a client's dry run gives it as it was.
pub async fn patch(
    cluster: &Cluster,
    write: &Write,
    (served, live): (&Served, &Value),
    patch: (PatchKind, &Value),
    manager: &str,
) -> Result<Value> {
    if write.dry()? == DryRun::Client {
        return Ok(live.clone());
    }
    let key = key(live);
    // The query stands where a name would end.
    let key = ObjectKey::new(key.namespace, format!("{}{}", key.name, write.managed(manager)?));
    Ok(cluster.rest.patch(&served.resource, &key, None, patch).await?)
}

/// Namespace and name of an object.
pub fn key(object: &Value) -> ObjectKey {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    ObjectKey::new(text("namespace"), text("name"))
}

/// The plural name with its group: `deployments.apps`.
pub fn resource_name(served: &Served) -> String {
    let resource = &served.resource;
    if resource.group.is_empty() {
        resource.plural.to_string()
    } else {
        format!("{}.{}", resource.plural, resource.group)
    }
}

/// The kind with its group: `deployment.apps`.
pub fn kind_name(served: &Served) -> String {
    served.printed("").trim_end_matches('/').to_owned()
}
