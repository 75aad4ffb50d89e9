//! What a check is given: an API, a namespace of its own, names that no other check has, the settings. What it made is removed afterwards.

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::api::{Api, is_code};
use super::collection::Collection;
use super::wait::until;

/// No call of kubectl may take longer.
const KUBECTL: Duration = Duration::from_secs(60);

/// A check; it begins when it is polled.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Told once, for all checks.
pub struct Settings {
    pub kubeconfig: PathBuf,
    pub kubectl: PathBuf,
    pub home: Option<PathBuf>,
    /// Stands before the names of images.
    pub image_prefix: String,
    /// The DNS domain of the cluster.
    pub domain: String,
    /// Where the API server reaches this process; found out when it is not told.
    pub hook_address: Option<String>,
}

/// One check's view of the cluster.
pub struct Ctx {
    pub api: Api,
    pub settings: Rc<Settings>,
    /// The check's own namespace.
    pub ns: String,
    /// Unique; a part of names that the whole cluster sees.
    pub tag: String,
    undo: RefCell<Vec<String>>,
}

impl Ctx {
    /// A namespace for a check, ready for Pods.
    pub async fn new(api: &Api, settings: &Rc<Settings>, tag: &str) -> Result<Self> {
        let ns = format!("conf-{tag}");
        let undo = RefCell::new(Vec::new());
        let ctx = Self { api: api.clone(), settings: settings.clone(), ns: ns.clone(), tag: tag.to_owned(), undo };
        ctx.make_namespace(&ns, json!({})).await?;
        Ok(ctx)
    }

    /// One more namespace, removed with the check's own.
    pub async fn another_namespace(&self, suffix: &str, labels: Value) -> Result<String> {
        let ns = format!("{}-{suffix}", self.ns);
        self.make_namespace(&ns, labels).await?;
        Ok(ns)
    }

    async fn make_namespace(&self, ns: &str, labels: Value) -> Result<()> {
        self.undo_later(&format!("/api/v1/namespaces/{ns}"));
        let namespaces = self.everywhere("v1", "namespaces");
        namespaces.create(json!({"metadata": {"name": ns, "labels": labels}})).await.context("make a namespace")?;
        let accounts = self.inside(ns, "v1", "serviceaccounts");
        until(30, "the namespace's default ServiceAccount", async || accounts.get("default").await).await.map(drop)
    }

    /// A resource in the check's namespace.
    pub fn here(&self, group_version: &str, plural: &str) -> Collection {
        self.inside(&self.ns, group_version, plural)
    }

    pub fn inside(&self, namespace: &str, group_version: &str, plural: &str) -> Collection {
        Collection::new(&self.api, group_version, Some(namespace), plural)
    }

    /// A resource over all namespaces, or one that has none.
    pub fn everywhere(&self, group_version: &str, plural: &str) -> Collection {
        Collection::new(&self.api, group_version, None, plural)
    }

    pub fn pods(&self) -> Collection {
        self.here("v1", "pods")
    }

    pub fn config_maps(&self) -> Collection {
        self.here("v1", "configmaps")
    }

    /// Removes a path at the end, however the check ends.
    pub fn undo_later(&self, path: &str) {
        self.undo.borrow_mut().push(path.to_owned());
    }

    /// Creates an object that lies in no namespace of the check.
    pub async fn create_outside(&self, collection: &Collection, body: Value) -> Result<Value> {
        let name = body["metadata"]["name"].as_str().context("it has a name")?.to_owned();
        self.undo_later(&format!("{}/{name}", collection.path));
        collection.create(body).await
    }

    /// A name that no other check has.
    pub fn unique(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    pub fn busybox(&self) -> String {
        format!("{}busybox:1.36", self.settings.image_prefix)
    }

    /// The web servers answer `/hostname` with their Pod's name.
    pub fn nginx(&self) -> String {
        format!("{}nginx:1.21", self.settings.image_prefix)
    }

    /// busybox with `nc.openbsd`, which speaks UDP.
    pub fn netcat(&self) -> String {
        format!("{}netcat:latest", self.settings.image_prefix)
    }

    pub fn nginx_newer(&self) -> String {
        format!("{}nginx:1.22", self.settings.image_prefix)
    }

    /// kubectl with the cluster's kubeconfig, in the check's namespace.
    pub fn kubectl_command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.settings.kubectl);
        command.arg("--kubeconfig").arg(&self.settings.kubeconfig).arg("--namespace").arg(&self.ns);
        if let Some(home) = &self.settings.home {
            command.env("HOME", home);
        }
        command
    }

    /// kubectl in the check's namespace: exit code, stdout, stderr.
    pub async fn try_kubectl(&self, arguments: &[&str], stdin: &str) -> Result<(i32, String, String)> {
        let mut command = self.kubectl_command();
        command.args(arguments);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).kill_on_drop(true).spawn().context("kubectl")?;
        let mut input = child.stdin.take().context("kubectl has a stdin")?;
        tokio::io::AsyncWriteExt::write_all(&mut input, stdin.as_bytes()).await?;
        drop(input);
        let ended = tokio::time::timeout(KUBECTL, child.wait_with_output()).await;
        let output = ended.with_context(|| format!("kubectl {} did not end", arguments.join(" ")))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr)))
    }

    /// kubectl, which has to succeed; gives stdout.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_with(arguments, "").await
    }

    pub async fn kubectl_with(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        let (code, out, err) = self.try_kubectl(arguments, stdin).await?;
        if code != 0 {
            bail!("kubectl {} ended with {code}: {out}{err}", arguments.join(" "));
        }
        Ok(out)
    }

    /// Removes what the check made; what is gone already is as good.
    pub async fn clean(&self) -> Result<()> {
        let paths: Vec<String> = self.undo.borrow_mut().drain(..).rev().collect();
        for path in paths {
            match self.api.ask("DELETE", &path).done().await {
                Err(error) if !is_code(&error, 404) && !is_code(&error, 409) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
