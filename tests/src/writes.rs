//! A load of writes, each noted once it is acknowledged: what has to be there afterwards, and what watchers have to have heard of.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http;
use crate::load::Load;
use crate::process::wait_for;

/// Where kubectl's proxy listens: it brings TLS and the credentials. While there is no server it answers 500 itself, without a Status.
const PROXY: &str = "127.0.0.1:18001";
const PATH: &str = "/api/v1/namespaces/default/configmaps";
const CLIENTS: u32 = 4;
const PERIOD: Duration = Duration::from_millis(25);

/// A write that the server has acknowledged.
#[derive(Clone, Debug)]
pub struct Write {
    pub name: String,
    pub content: u32,
    pub revision: u64,
}

/// Clients that create ConfigMaps with content 1 and replace it by 2.
pub struct Writes {
    proxy: Child,
    load: Load,
    acknowledged: Arc<Mutex<Vec<Write>>>,
}

impl Writes {
    /// Starts the clients.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let proxy = proxy(&mut cluster.kubectl_command())?;
        let acknowledged: Arc<Mutex<Vec<Write>>> = Arc::default();
        let load = (0..CLIENTS).fold(Load::new(), |load, client| {
            let (noted, mut number) = (acknowledged.clone(), 1);
            load.client(PERIOD, move || {
                number += 1;
                let name = format!("written-{client}-{}", number / 2);
                let Some(revision) = write(&name, number % 2 + 1)? else { return Ok(()) };
                let acknowledged = Write { name, content: number % 2 + 1, revision };
                noted.lock().map_err(|_| anyhow!("a client panicked"))?.push(acknowledged);
                Ok(())
            })
        });
        Ok(Self { proxy, load, acknowledged })
    }

    /// The newest revision that was acknowledged so far.
    pub fn newest(&self) -> Result<u64> {
        let acknowledged = self.acknowledged.lock().map_err(|_| anyhow!("a client panicked"))?;
        Ok(acknowledged.iter().map(|write| write.revision).max().unwrap_or_default())
    }

    /// Ends the clients. Gives what was acknowledged.
    pub fn stop(mut self) -> Result<Vec<Write>> {
        self.load.stop()?;
        self.proxy.kill()?;
        self.proxy.wait()?;
        let acknowledged = self.acknowledged.lock().map_err(|_| anyhow!("a client panicked"))?;
        ensure!(!acknowledged.is_empty(), "no write was acknowledged");
        println!("{} writes were acknowledged", acknowledged.len());
        Ok(acknowledged.clone())
    }
}

fn proxy(kubectl: &mut Command) -> Result<Child> {
    let (_, port) = PROXY.split_once(':').context("a port")?;
    let proxy =
        kubectl.args(["proxy", "--port", port]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let proxy = proxy.spawn().context("start kubectl proxy")?;
    wait_for("kubectl's proxy", Duration::from_secs(10), || {
        let answer = http::get(PROXY, "/readyz")?;
        ensure!(answer.status == 200, "status {}", answer.status);
        Ok(())
    })?;
    Ok(proxy)
}

/// Gives the revision of a write that was acknowledged. While the server is away nobody answers for it: that is no failure, and nothing
/// may be concluded from it. Another answer is one; that an object is there or not there, after such a write, is not.
fn write(name: &str, content: u32) -> Result<Option<u64>> {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"content": content.to_string()}});
    let (method, path) = if content == 1 { ("POST", PATH.to_owned()) } else { ("PUT", format!("{PATH}/{name}")) };
    let answer = http::send(PROXY, method, &path, &body.to_string())?;
    match answer.status {
        200 | 201 => revision(&serde_json::from_str(&answer.body)?).map(Some),
        404 | 409 => Ok(None),
        500 if !answer.body.starts_with('{') => Ok(None),
        status => bail!("{method} {name} was answered with {status}: {}", answer.body),
    }
}

fn revision(object: &Value) -> Result<u64> {
    let text = object["metadata"]["resourceVersion"].as_str().context("an object without resourceVersion")?;
    text.parse().with_context(|| format!("resourceVersion {text:?}"))
}

/// Every acknowledged write is there, unless one that was sent later and perhaps not acknowledged has replaced it.
pub fn are_there(cluster: &Cluster, acknowledged: &[Write]) -> Result<()> {
    let listed: Value = serde_json::from_str(&cluster.kubectl(&["get", "configmaps", "-o", "json"])?)?;
    let mut there = BTreeMap::new();
    for item in listed["items"].as_array().context("a list has items")? {
        let content = item["data"]["content"].as_str().and_then(|text| text.parse::<u32>().ok());
        there.insert(item["metadata"]["name"].as_str().unwrap_or_default(), (content, revision(item)?));
    }
    let lost: Vec<_> = acknowledged.iter().filter(|write| !kept(write, there.get(write.name.as_str()))).collect();
    ensure!(lost.is_empty(), "{} acknowledged writes are lost: {:?}", lost.len(), &lost[..lost.len().min(10)]);
    Ok(())
}

fn kept(write: &Write, found: Option<&(Option<u32>, u64)>) -> bool {
    match found {
        Some((Some(content), revision)) if *content == write.content => *revision == write.revision,
        Some((Some(content), revision)) => *content > write.content && *revision > write.revision,
        _ => false,
    }
}
