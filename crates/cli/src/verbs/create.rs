//! `create`: from files, or from flags. A generator is a pure function from flags to an object.

mod access;
mod data;
mod policy;
mod services;
mod workloads;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::write;
use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Flags {
    #[command(flatten)]
    pub from: FileArgs,
    #[command(subcommand)]
    pub kind: Option<Kind>,
}

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Create a cluster role
    Clusterrole(access::Role),
    /// Create a cluster role binding for a particular cluster role
    Clusterrolebinding(access::Binding),
    /// Create a config map from a local file, directory or literal value
    #[command(alias = "cm")]
    Configmap(data::Sources),
    /// Create a cron job with the specified name
    #[command(alias = "cj")]
    Cronjob(workloads::CronJob),
    /// Create a deployment with the specified name
    #[command(alias = "deploy")]
    Deployment(workloads::Deployment),
    /// Create an ingress with the specified name
    #[command(alias = "ing")]
    Ingress(services::Ingress),
    /// Create a job with the specified name
    Job(workloads::Job),
    /// Create a namespace with the specified name
    #[command(alias = "ns")]
    Namespace(policy::Named),
    /// Create a pod disruption budget with the specified name
    #[command(alias = "pdb")]
    Poddisruptionbudget(policy::Budget),
    /// Create a priority class with the specified name
    #[command(alias = "pc")]
    Priorityclass(policy::Priority),
    /// Create a quota with the specified name
    #[command(alias = "resourcequota")]
    Quota(policy::Quota),
    /// Create a role with single rule
    Role(access::Role),
    /// Create a role binding for a particular role or cluster role
    Rolebinding(access::Binding),
    /// Create a secret using a specified subcommand
    Secret {
        #[command(subcommand)]
        kind: data::Secret,
    },
    /// Create a service using a specified subcommand
    #[command(alias = "svc")]
    Service {
        #[command(subcommand)]
        kind: services::Service,
    },
    /// Create a service account with the specified name
    #[command(alias = "sa")]
    Serviceaccount(policy::Named),
    /// Request a service account token
    Token(access::Token),
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let Some(kind) = flags.kind else { return from_files(cluster, &flags.from).await };
    let object = match &kind {
        Kind::Token(flags) => return access::token(cluster, flags).await,
        Kind::Clusterrole(role) => access::role(&cluster.discovery().await?, role, "ClusterRole")?,
        Kind::Role(role) => access::role(&cluster.discovery().await?, role, "Role")?,
        Kind::Clusterrolebinding(binding) => access::binding(binding, "ClusterRoleBinding")?,
        Kind::Rolebinding(binding) => access::binding(binding, "RoleBinding")?,
        Kind::Configmap(sources) => data::config_map(sources)?,
        Kind::Secret { kind } => data::secret(kind)?,
        Kind::Cronjob(flags) => workloads::cron_job(flags),
        Kind::Deployment(flags) => workloads::deployment(flags)?,
        Kind::Job(flags) => workloads::job(cluster, flags).await?,
        Kind::Ingress(flags) => services::ingress(flags)?,
        Kind::Service { kind } => services::service(kind)?,
        Kind::Namespace(named) => policy::namespace(named),
        Kind::Serviceaccount(named) => plain("ServiceAccount", &named.name),
        Kind::Poddisruptionbudget(flags) => policy::budget(flags)?,
        Kind::Priorityclass(flags) => policy::priority(flags),
        Kind::Quota(flags) => policy::quota(flags)?,
    };
    write::create(cluster, &flags.from.write, "kubectl-create", object, "created").await?;
    Ok(0)
}

/// A v1 object of nothing but its name.
fn plain(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"creationTimestamp": null, "name": name}})
}

async fn from_files(cluster: &Cluster, flags: &FileArgs) -> Result<u8> {
    if flags.files.is_empty() {
        return usage("must specify one of -f and -k");
    }
    let discovery = cluster.discovery().await?;
    let mut errors = Vec::new();
    for object in flags.objects()? {
        let (served, namespace) = place(cluster, &discovery, &object)?;
        if flags.write.dry()? == write::DryRun::Client {
            let mut object = object.clone();
            if served.namespaced {
                object["metadata"]["namespace"] = namespace.as_str().into();
            }
            flags.write.report(&crate::output::named(&object), &object, "created")?;
            continue;
        }
        let path = format!("{}{}", served.path(&namespace), flags.write.query("kubectl-create")?);
        match cluster.rest.json("create", http::Method::POST, path, Some(&object)).await {
            Ok(created) => flags.write.report(&crate::output::named(&created), &created, "created")?,
            Err(error) => errors.push(in_file(error.into(), "creating", &flags.files)),
        }
    }
    super::select::report(errors)
}

/// The server's refusal, with the file that was refused.
pub fn in_file(error: Error, doing: &str, files: &[String]) -> Error {
    match error {
        Error::Server(client::Error::Api(mut answer)) if answer.reason != "Invalid" => {
            let file = files.first().map_or("", String::as_str);
            let file = if file == "-" { "STDIN" } else { file };
            answer.message = format!("error when {doing} {file:?}: {}", answer.message);
            client::Error::Api(answer).into()
        }
        other => other,
    }
}

/// Where an object goes: its resource and its namespace.
pub fn place<'a>(cluster: &Cluster, discovery: &'a Discovery, object: &Value) -> Result<(&'a Served, String)> {
    let served = discovery.of_object(object)?;
    let own = object["metadata"]["namespace"].as_str();
    if let Some(own) = own
        && cluster.namespace_given
        && own != cluster.namespace
        && served.namespaced
    {
        return usage(format!(
            "the namespace from the provided object {own:?} does not match the namespace {:?}. You must pass '--namespace={own}' to perform this operation.",
            cluster.namespace
        ));
    }
    Ok((served, own.unwrap_or(&cluster.namespace).to_owned()))
}
