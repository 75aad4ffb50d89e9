//! The command line of `conformance`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::rows::{self, Row};

const USAGE: &str = "usage: conformance [--area A]... [--layer L]... [--only ID]... [--list]
  --kubeconfig PATH    the cluster to check; without it one is started, with two nodes, in namespaces of its own
  --kubectl PATH       for rows about kubectl (default: $OXKUBE_KUBECTL, else kubectl)
  --image-prefix P     stands before busybox:1.36, netcat:latest, nginx:1.21, nginx:1.22, fluent/fluentd:latest (default: none)
  --domain D           the cluster's DNS domain (default: cluster.local)
  --hook-address IP    where the API server reaches this process, for webhooks (default: found out)
  --parallel N         checks at a time (default: 8)
  --report PATH        the results table to write (default: docs/conformance.md); none: write nothing
  --keep PATH          fail only for rows that this table says pass";

/// What was asked for.
pub struct Options {
    pub kubeconfig: Option<PathBuf>,
    pub kubectl: PathBuf,
    /// Where kubectl keeps what it remembers, when not in the user's own home.
    pub home: Option<PathBuf>,
    pub image_prefix: String,
    pub domain: String,
    pub hook_address: Option<String>,
    pub parallel: usize,
    pub report: Option<PathBuf>,
    /// A table whose passes have to stay; without one every row has to pass.
    pub keep: Option<PathBuf>,
    pub list: bool,
    areas: Vec<String>,
    layers: Vec<String>,
    only: Vec<String>,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let kubectl = std::env::var_os("OXKUBE_KUBECTL").unwrap_or_else(|| "kubectl".into());
        let mut options = Self {
            kubeconfig: None,
            kubectl: kubectl.into(),
            home: None,
            image_prefix: String::new(),
            domain: "cluster.local".to_owned(),
            hook_address: None,
            parallel: 8,
            report: Some("docs/conformance.md".into()),
            keep: None,
            list: false,
            areas: Vec::new(),
            layers: Vec::new(),
            only: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            if flag == "--list" {
                options.list = true;
                continue;
            }
            let value = rest.next().with_context(|| format!("{flag} takes a value\n{USAGE}"))?;
            options.set(flag, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<()> {
        match flag {
            "--kubeconfig" => self.kubeconfig = Some(value.into()),
            "--kubectl" => self.kubectl = value.into(),
            "--image-prefix" => self.image_prefix = value.to_owned(),
            "--domain" => self.domain = value.to_owned(),
            "--hook-address" => self.hook_address = Some(value.to_owned()),
            "--parallel" => {
                self.parallel = value.parse().ok().filter(|n| *n > 0).context("--parallel takes a number")?
            }
            "--report" => self.report = (value != "none").then(|| value.into()),
            "--keep" => self.keep = Some(value.into()),
            "--area" => self.areas.push(value.to_owned()),
            "--layer" => self.layers.push(value.to_owned()),
            "--only" => self.only.push(value.to_owned()),
            _ => bail!("unknown flag {flag}\n{USAGE}"),
        }
        Ok(())
    }

    /// The rows that were asked for.
    pub fn chosen(&self) -> Result<Vec<Row>> {
        rows::chosen(&self.areas, &self.layers, &self.only)
    }
}
