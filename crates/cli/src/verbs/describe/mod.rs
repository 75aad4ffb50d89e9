//! `describe`: what an object is and what happened to it, in words. A kind is a row: what must be read besides the object, and a pure
//! function that writes; kinds without a row are written field by field.

mod config;
mod containers;
pub mod events;
mod generic;
mod network;
mod node;
mod pod;
mod probes;
mod quota;
mod rbac;
mod related;
mod storage;
mod text;
mod volumes;
mod workload_kinds;
mod workloads;

use clap::Args;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::Result;
use crate::{say, warnln};
use related::{Need, Related};
use text::Text;
pub use text::selector;
pub use workload_kinds::same_template;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE [NAME_PREFIX...] or TYPE/NAME...
    pub resources: Vec<String>,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long, default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub show_events: String,
    #[arg(long, hide = true)]
    pub chunk_size: Option<i64>,
}

/// How a kind is described.
struct Row {
    group: &'static str,
    kind: &'static str,
    needs: &'static [Need],
    write: Write,
}

type Write = fn(&Value, &Related, &mut Text);

const fn row(
    group: &'static str,
    kind: &'static str,
    needs: &'static [Need],
    write: fn(&Value, &Related, &mut Text),
) -> Row {
    Row { group, kind, needs, write }
}

const ROWS: &[Row] = &[
    row("", "Pod", &[Need::Events], pod::write),
    row("", "Node", &[Need::Events, Need::Lease, Need::PodsOfNode], node::write),
    row("", "Service", &[Need::Events, Need::Slices], network::service),
    row("", "Namespace", &[Need::Quotas, Need::Limits], quota::namespace),
    row("", "ResourceQuota", &[], quota::resource_quota),
    row("", "LimitRange", &[], quota::limit_range),
    row("", "ConfigMap", &[Need::Events], config::config_map),
    row("", "Secret", &[], config::secret),
    row("", "ServiceAccount", &[Need::Events, Need::Secrets], config::service_account),
    row("", "PersistentVolume", &[Need::Events], storage::volume),
    row("", "PersistentVolumeClaim", &[Need::Events, Need::PodsOfNamespace], storage::claim),
    row("storage.k8s.io", "StorageClass", &[Need::Events], storage::class),
    row("scheduling.k8s.io", "PriorityClass", &[Need::Events], config::priority_class),
    row("apps", "Deployment", &[Need::Events, Need::ReplicaSets], workload_kinds::deployment),
    row("apps", "ReplicaSet", &[Need::Events, Need::PodsSelected], workload_kinds::replica_set),
    row("apps", "StatefulSet", &[Need::Events, Need::PodsSelected], workload_kinds::stateful_set),
    row("apps", "DaemonSet", &[Need::Events, Need::PodsSelected], workload_kinds::daemon_set),
    row("batch", "Job", &[Need::Events], workload_kinds::job),
    row("batch", "CronJob", &[Need::Events], workload_kinds::cron_job),
    row("autoscaling", "HorizontalPodAutoscaler", &[Need::Events], workloads::autoscaler),
    row("policy", "PodDisruptionBudget", &[Need::Events], workloads::budget),
    row("networking.k8s.io", "Ingress", &[Need::Events, Need::SlicesOfNamespace], network::ingress),
    row("networking.k8s.io", "NetworkPolicy", &[], network::policy),
    row("discovery.k8s.io", "EndpointSlice", &[Need::Events], network::slice),
    row("rbac.authorization.k8s.io", "Role", &[], rbac::role),
    row("rbac.authorization.k8s.io", "ClusterRole", &[], rbac::role),
    row("rbac.authorization.k8s.io", "RoleBinding", &[], rbac::binding),
    row("rbac.authorization.k8s.io", "ClusterRoleBinding", &[], rbac::binding),
];

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let choice = super::select::Choice {
        resources: &flags.resources,
        files: &flags.files,
        selector: flags.selector.as_deref(),
        all_namespaces: flags.all_namespaces,
        all: true,
        prefixes: true,
        ..Default::default()
    };
    let (found, errors) = super::select::objects(cluster, &discovery, &choice).await?;
    let by_prefix = is_prefix(&flags, &found);
    for (at, (served, object)) in found.iter().enumerate() {
        let described = describe(cluster, served, object, flags.show_events != "false").await?;
        if at > 0 && !by_prefix {
            say!("\n\n");
        }
        say!("{described}");
        if by_prefix {
            say!("\n");
        }
    }
    if found.is_empty() && errors.is_empty() {
        let place = if flags.all_namespaces { String::new() } else { format!(" in {} namespace", cluster.namespace) };
        warnln!("No resources found{place}.");
    }
    super::select::report(errors)
}

/// Whether what was found has only begun like the name that was given.
fn is_prefix(flags: &Flags, found: &[(Served, Value)]) -> bool {
    let [_, name] = flags.resources.as_slice() else { return false };
    found.iter().all(|(_, object)| object["metadata"]["name"] != name.as_str())
}

/// The description of an object.
async fn describe(cluster: &Cluster, served: &Served, object: &Value, show_events: bool) -> Result<String> {
    let kind = served.resource.kind.as_ref();
    let row = ROWS.iter().find(|row| row.kind == kind && row.group == served.resource.group);
    let (needs, write): (&[Need], Write) = row.map_or((&[Need::Events], generic::write), |row| (row.needs, row.write));
    let related = related::read(cluster, object, needs, show_events).await?;
    let mut text = Text::default();
    write(object, &related, &mut text);
    Ok(text.finish())
}

/// A Pod template alone, as `rollout history` shows it.
pub fn template_text(template: &Value) -> String {
    let mut text = Text::default();
    workloads::template(template, &mut text);
    text.unaligned()
}
