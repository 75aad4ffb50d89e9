//! `run`: one Pod with one image, attached to if asked, and removed after that with --rm.

use std::time::Duration;

use clap::Args;
use client::{DeleteOptions, ObjectKey};
use serde_json::{Value, json};

use super::exec::{path, tty};
use super::expose::labels;
use super::logs::{self, Log};
use super::{wait, write};
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::flags::Write;
use crate::remote::channels::{Input, PROTOCOL, Streams, run as carry};
use crate::remote::open;
use crate::{sayln, terminal, warnln};

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct Flags {
    pub name: Option<String>,
    #[arg(long, default_value = "")]
    pub image: String,
    #[arg(long)]
    pub image_pull_policy: Option<String>,
    #[arg(long, default_value = "Always")]
    pub restart: String,
    #[arg(long)]
    pub port: Option<u16>,
    #[arg(long)]
    pub expose: bool,
    #[arg(long)]
    pub env: Vec<String>,
    #[arg(short, long)]
    pub labels: Option<String>,
    #[arg(long)]
    pub annotations: Vec<String>,
    #[arg(long)]
    pub command: bool,
    #[arg(long)]
    pub privileged: bool,
    #[arg(long)]
    pub overrides: Option<String>,
    #[arg(short = 'i', long)]
    pub stdin: bool,
    #[arg(short, long)]
    pub tty: bool,
    #[arg(long)]
    pub attach: Option<bool>,
    #[arg(long)]
    pub leave_stdin_open: bool,
    #[arg(long)]
    pub rm: bool,
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: String,
    #[command(flatten)]
    pub write: Write,
    /// Arguments, or with --command the command, after the name or --
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if flags.image.is_empty() {
        return usage("required flag(s) \"image\" not set");
    }
    let Some(name) = flags.name.clone() else {
        return usage("NAME is required for run\nSee 'kubectl run -h' for help and examples");
    };
    if !["Always", "OnFailure", "Never"].contains(&flags.restart.as_str()) {
        return usage(format!("invalid restart policy: {}\nSee 'kubectl run -h' for help and examples", flags.restart));
    }
    let attach = flags.attach.unwrap_or(flags.stdin);
    if flags.rm && !attach {
        return usage("--rm should only be used for attached containers\nSee 'kubectl run -h' for help and examples");
    }
    let dry = flags.write.dry()? != write::DryRun::None;
    let mut shown = flags.write.clone();
    let quiet = attach && !dry && shown.output.is_empty();
    if quiet {
        // An attached Pod speaks for itself.
        shown.output = "jsonpath={}".to_owned();
    }
    if flags.expose {
        let Some(port) = flags.port else { return usage("--port must be set when exposing a service") };
        let ports = json!([{"port": port, "protocol": "TCP", "targetPort": port}]);
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"creationTimestamp": null, "name": name},
            "spec": {"ports": ports, "selector": {"run": name}}, "status": {"loadBalancer": {}}});
        write::create(cluster, &flags.write, "kubectl-run", service, "created").await?;
    }
    let pod = pod(&flags, &name)?;
    let created = create(cluster, &shown, pod, quiet).await?;
    if !attach || dry {
        return Ok(0);
    }
    let ended = attached(cluster, &flags, &created).await;
    if flags.rm {
        let key = write::key(&created);
        let resource = client::ResourceType::of::<k8s_openapi::api::core::v1::Pod>();
        cluster.rest.delete(&resource, &key, &DeleteOptions::default()).await?;
        if !flags.quiet {
            sayln!("pod \"{name}\" deleted");
        }
    }
    ended
}

async fn create(cluster: &Cluster, shown: &Write, pod: Value, quiet: bool) -> Result<Value> {
    if !quiet {
        return write::create(cluster, shown, "kubectl-run", pod, "created").await;
    }
    let resource = client::ResourceType::of::<k8s_openapi::api::core::v1::Pod>();
    Ok(cluster.rest.create(&resource, &cluster.namespace, &pod).await?)
}

fn pod(flags: &Flags, name: &str) -> Result<Value> {
    let mut container = json!({"image": flags.image, "name": name, "resources": {}});
    if !flags.words.is_empty() {
        container[if flags.command { "command" } else { "args" }] = flags.words.clone().into();
    }
    if let Some(policy) = &flags.image_pull_policy {
        container["imagePullPolicy"] = policy.as_str().into();
    }
    if let Some(port) = flags.port {
        container["ports"] = json!([{"containerPort": port}]);
    }
    let mut env = Vec::new();
    for pair in &flags.env {
        let Some((name, value)) = pair.split_once('=') else { return usage(format!("invalid env: {pair}")) };
        env.push(json!({"name": name, "value": value}));
    }
    if !env.is_empty() {
        container["env"] = env.into();
    }
    if flags.privileged {
        container["securityContext"] = json!({"privileged": true});
    }
    if flags.stdin {
        container["stdin"] = true.into();
        if !flags.leave_stdin_open {
            container["stdinOnce"] = true.into();
        }
    }
    if flags.tty {
        container["tty"] = true.into();
    }
    let own = match &flags.labels {
        Some(text) => Value::Object(labels(text)?),
        None => json!({"run": name}),
    };
    let mut metadata = json!({"creationTimestamp": null, "labels": own, "name": name});
    if !flags.annotations.is_empty() {
        metadata["annotations"] = Value::Object(labels(&flags.annotations.join(","))?);
    }
    let spec = json!({"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": flags.restart});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}});
    match &flags.overrides {
        None => Ok(pod),
        Some(text) => {
            let patch = api::decode::yaml(text.as_bytes());
            let patch = patch.map_err(|error| crate::Error::Use(format!("invalid overrides: {error}")))?.0;
            api::patch::merge_patch(pod, &patch)
                .map_err(|error| crate::Error::Use(format!("invalid overrides: {error}")))
        }
    }
}

/// Waits for the Pod, shows its streams, and gives its exit code where it is not started again.
async fn attached(cluster: &Cluster, flags: &Flags, created: &Value) -> Result<u8> {
    let key = write::key(created);
    let limit = wait::duration(&flags.pod_running_timeout)?;
    let phase = |pod: &Value| pod["status"]["phase"].as_str().unwrap_or_default().to_owned();
    let begun = ["Running", "Succeeded", "Failed"];
    let pod = tokio::time::timeout(limit, until(cluster, &key, |pod| begun.contains(&phase(pod).as_str()))).await;
    let pod = pod.unwrap_or_else(|_| usage("timed out waiting for the condition"))?;
    let container = pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default().to_owned();
    let shown = if phase(&pod) == "Running" { attach_to(cluster, flags, &pod, &container).await } else { Ok(false) };
    if let Err(error) = &shown {
        let error = error.to_string();
        let error = error.strip_prefix("error: ").unwrap_or(&error);
        warnln!("warning: couldn't attach to pod/{}, falling back to streaming logs: {error}", key.name);
    }
    if !shown.unwrap_or_default() {
        // It ended before anyone could look: the log has what it said.
        logged(cluster, &key, &container).await?;
    }
    if flags.restart != "Never" {
        return Ok(0);
    }
    let ended = until(cluster, &key, |pod| ["Succeeded", "Failed"].contains(&phase(pod).as_str())).await?;
    let statuses = ended["status"]["containerStatuses"].as_array().into_iter().flatten();
    let code = statuses.filter_map(|status| status["state"]["terminated"]["exitCode"].as_i64()).find(|code| *code != 0);
    let Some(code) = code else { return Ok(0) };
    warnln!("pod {}/{} terminated (Error)", key.namespace, key.name);
    Ok(u8::try_from(code & 0xff).unwrap_or(1))
}

/// Shows the log of the Pod's container, as it comes, to its end.
async fn logged(cluster: &Cluster, key: &ObjectKey, container: &str) -> Result<()> {
    let resource = client::ResourceType::of::<k8s_openapi::api::core::v1::Pod>();
    let path = format!("{}/log?container={container}&follow=true", resource.object_path(key));
    logs::copy(cluster, &Log { path, prefix: String::new() }).await
}

/// Shows the streams of the Pod's container to their end.
async fn attach_to(cluster: &Cluster, flags: &Flags, pod: &Value, container: &str) -> Result<bool> {
    let streams = Streams { stdin: flags.stdin, tty: tty(flags.tty, flags.stdin, flags.quiet) };
    if streams.stdin && streams.tty && !flags.quiet {
        warnln!("If you don't see a command prompt, try pressing enter.");
    }
    let input = if streams.stdin { Input::Stdin } else { Input::Nothing };
    let socket = open(cluster, &path(pod, "attach", container, &streams), PROTOCOL).await?;
    let show = &mut |bytes: &[u8]| {
        terminal::out(bytes);
        Ok(())
    };
    carry(socket, streams, input, show).await?;
    Ok(true)
}

async fn until(cluster: &Cluster, key: &ObjectKey, reached: impl Fn(&Value) -> bool) -> Result<Value> {
    let resource = client::ResourceType::of::<k8s_openapi::api::core::v1::Pod>();
    loop {
        let pod = cluster.rest.get(&resource, key).await?;
        if reached(&pod) {
            return Ok(pod);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// The server says the second line only when the first one has been shown.
    #[tokio::test]
    async fn a_log_is_shown_as_it_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = format!("http://{}", listener.local_addr().expect("an address"));
        let (shown, seen) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut lines = Vec::new();
            while lines.last().is_none_or(|line: &String| line != "\r\n") {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                lines.push(line);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none\n").expect("the first line");
            seen.recv().expect("it is shown");
            stream.write_all(b"two\n").expect("the second line");
            lines[0].trim().to_owned()
        });
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, "").expect("write");
        let global = crate::flags::Global {
            server: Some(server),
            kubeconfig: Some(kubeconfig),
            request_timeout: "0".to_owned(),
            ..Default::default()
        };
        let cluster = Cluster::open(&global, jiff::Timestamp::now()).expect("a cluster");
        terminal::take();
        let key = ObjectKey::new("n", "p");
        let look = async {
            while terminal::seen() != b"one\n" {
                tokio::task::yield_now().await;
            }
            shown.send(()).expect("the server is there");
        };
        let (copied, ()) =
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(logged(&cluster, &key, "c"), look) })
                .await
                .expect("the log is streamed");
        copied.expect("a log");
        assert_eq!(terminal::taken().out, b"one\ntwo\n");
        assert_eq!(
            thread.join().expect("the server ends"),
            "GET /api/v1/namespaces/n/pods/p/log?container=c&follow=true HTTP/1.1"
        );
    }
}
