//! `logs`: of a Pod, of a workload's Pod, or of all that a selector matches.

use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http_body_util::BodyExt;
use serde_json::Value;

use super::get::escape;
use super::{target, wait};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::terminal;

/// Lines of each container, where a selector matches several.
const SELECTED_LINES: i64 = 10;
const FOLLOWED_AT_ONCE: usize = 5;

#[derive(Debug, Args)]
pub struct Flags {
    /// POD or TYPE/NAME, then perhaps CONTAINER
    pub arguments: Vec<String>,
    #[arg(short, long)]
    pub container: Option<String>,
    #[arg(short, long)]
    pub follow: bool,
    #[arg(short, long)]
    pub previous: bool,
    #[arg(long)]
    pub timestamps: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub tail: Option<i64>,
    #[arg(long)]
    pub since: Option<String>,
    #[arg(long)]
    pub since_time: Option<String>,
    #[arg(long)]
    pub limit_bytes: Option<i64>,
    #[arg(long)]
    pub all_containers: bool,
    #[arg(long)]
    pub all_pods: bool,
    #[arg(long)]
    pub prefix: bool,
    #[arg(long)]
    pub ignore_errors: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long, default_value_t = FOLLOWED_AT_ONCE)]
    pub max_log_requests: usize,
    #[arg(long, default_value = "20s")]
    pub pod_running_timeout: String,
}

/// One container's log.
pub struct Log {
    pub path: String,
    /// Before each line.
    pub prefix: String,
}

pub async fn run(cluster: &Cluster, mut flags: Flags) -> Result<u8> {
    if flags.arguments.len() == 2 && flags.container.is_none() {
        flags.container = flags.arguments.pop();
    }
    if flags.arguments.is_empty() && flags.selector.is_none() {
        return usage(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples",
        );
    }
    if flags.arguments.len() > 1 {
        return usage(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples",
        );
    }
    if flags.since.is_some() && flags.since_time.is_some() {
        return usage("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    let several = flags.selector.is_some() || flags.all_pods;
    if flags.selector.is_some() && flags.tail.is_none() {
        flags.tail = Some(SELECTED_LINES);
    }
    let logs = logs(cluster, &flags, &pods(cluster, &flags, several).await?)?;
    if flags.follow && logs.len() > flags.max_log_requests {
        return usage(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
            logs.len(),
            flags.max_log_requests
        ));
    }
    if !flags.follow {
        for log in &logs {
            copy(cluster, log).await?;
        }
        return Ok(0);
    }
    let mut following: FuturesUnordered<_> = logs.iter().map(|log| copy(cluster, log)).collect();
    while let Some(ended) = following.next().await {
        ended?;
    }
    Ok(0)
}

async fn pods(cluster: &Cluster, flags: &Flags, several: bool) -> Result<Vec<Value>> {
    if let Some(selector) = &flags.selector {
        let path = format!("/api/v1/namespaces/{}/pods?labelSelector={}", cluster.namespace, escape(selector));
        let mut list = cluster.get_json(&path, "application/json").await?;
        let Value::Array(items) = list["items"].take() else { return Ok(Vec::new()) };
        if items.is_empty() {
            crate::warnln!("No resources found in {} namespace.", cluster.namespace);
        }
        return Ok(items);
    }
    let name = flags.arguments.first().map_or("", String::as_str);
    if several && target::plain(name).is_none() {
        return target::pods(cluster, name).await;
    }
    let limit: Duration = wait::duration(&flags.pod_running_timeout)?;
    if target::plain(name).is_none() {
        let all = target::pods(cluster, name).await?;
        if all.len() > 1 {
            let first = target::pod(cluster, name, limit).await?;
            let chosen = first["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            crate::warnln!("Found {} pods, using pod/{chosen}", all.len());
            return Ok(vec![first]);
        }
    }
    let pod = target::pod(cluster, name, limit).await;
    Ok(vec![pod.map_err(|error| target::missing(cluster, error))?])
}

fn logs(cluster: &Cluster, flags: &Flags, pods: &[Value]) -> Result<Vec<Log>> {
    let mut logs = Vec::new();
    for pod in pods {
        let containers = if flags.all_containers {
            let lists = ["containers", "initContainers", "ephemeralContainers"];
            let all = lists.into_iter().flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
            all.filter_map(|container| Some(container["name"].as_str()?.to_owned())).collect()
        } else {
            vec![container(pod, flags)?]
        };
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for container in containers {
            let prefix = if flags.prefix { format!("[pod/{name}/{container}] ") } else { String::new() };
            logs.push(Log { path: path(cluster, flags, name, &container)?, prefix });
        }
    }
    Ok(logs)
}

fn container(pod: &Value, flags: &Flags) -> Result<String> {
    let container = target::container(pod, flags.container.as_deref(), false)?;
    if !target::has(pod, &container) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        return usage(format!("container {container} is not valid for pod {name}"));
    }
    Ok(container)
}

fn path(cluster: &Cluster, flags: &Flags, pod: &str, container: &str) -> Result<String> {
    let namespace = &cluster.namespace;
    let mut path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={}", escape(container));
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    };
    let on = |flag: bool| flag.then(|| "true".to_owned());
    let since = flags.since.as_deref().map(wait::duration).transpose()?;
    add("follow", on(flags.follow));
    add("limitBytes", flags.limit_bytes.map(|bytes| bytes.to_string()));
    add("previous", on(flags.previous));
    add("sinceSeconds", since.map(|since| since.as_secs_f64().ceil().to_string()));
    add("sinceTime", flags.since_time.as_deref().map(escape));
    add("tailLines", flags.tail.filter(|lines| *lines >= 0).map(|lines| lines.to_string()));
    add("timestamps", on(flags.timestamps));
    Ok(path)
}

/// Copies a log to stdout as it comes, each line behind the prefix.
pub async fn copy(cluster: &Cluster, log: &Log) -> Result<()> {
    let response = cluster.stream(&log.path, "*/*").await?;
    let mut chunks = response.into_body().into_data_stream();
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Error::Use(error.to_string()))?;
        if log.prefix.is_empty() {
            terminal::out(&chunk);
            continue;
        }
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            terminal::out(&[log.prefix.as_bytes(), &line].concat());
        }
    }
    if !rest.is_empty() {
        terminal::out(&[log.prefix.as_bytes(), &rest].concat());
    }
    Ok(())
}
