//! Bad input: upstream's status codes, messages that name the field; flags and hosts that cannot work end with one line and exit code 2.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Story, Tier};
use crate::cluster::{Cluster, oxkube};
use crate::process::capture;

pub const STORY: Story = Story {
    name: "bad_input",
    shows: "broken objects, forged tokens, wrong flags and busy hosts get clear answers and lose nothing",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

/// What is applied, and what the refusal must say.
const REFUSED: &[(&str, &str)] = &[
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatta: {k: v}\n", "unknown field \"datta\""),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\ndata: {k: v}\n", "name or generateName is required"),
    (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: three, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
        "replicas",
    ),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n", "spec.containers"),
    ("apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n", "no matches for kind \"Nonsense\""),
    ("apiVersion: v1\nkind: ConfigMap\n  metadata: {name: a}\n", "error"),
];

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    for (yaml, says) in REFUSED {
        let file = cluster.at("bad.yaml");
        std::fs::write(&file, yaml)?;
        let printed = cluster.try_kubectl(&["create", "-f", &file])?;
        ensure!(printed.code == 1 && printed.err.contains(says), "{yaml}\ngave {printed:?}, expected {says:?}");
    }
    tokens(&cluster)?;
    flags(&cluster)?;
    cluster.stop()
}

fn tokens(cluster: &Cluster) -> Result<()> {
    let forged = cluster.try_kubectl(&[
        "--kubeconfig=/dev/null",
        "--server=https://127.0.0.1:6443",
        "--insecure-skip-tls-verify",
        "--token=abc.def.ghi",
        "get",
        "pods",
    ])?;
    ensure!(forged.code == 1 && forged.err.contains("must be logged in"), "a forged token gave {forged:?}");
    let asked = cluster.try_kubectl(&["--as=nobody", "get", "secrets", "-n", "kube-system"])?;
    let says = "secrets is forbidden: User \"nobody\" cannot list resource \"secrets\" in API group \"\" in the namespace \"kube-system\"";
    ensure!(asked.code == 1 && asked.err.contains(says), "reading secrets as nobody gave {asked:?}");
    Ok(())
}

fn flags(cluster: &Cluster) -> Result<()> {
    let _taken = TcpListener::bind("0.0.0.0:16443")?;
    // As another node holds it: who starts in its data dir again hears of that, not of its ports.
    let _kubelet = TcpListener::bind("0.0.0.0:10250")?;
    let other = cluster.at("other");
    let same = cluster.at("data");
    let cases: &[(&[&str], &str)] = &[
        (&["server", "--nonsense"], "--nonsense"),
        (&["server", "--data-dir", &other, "--https-listen-port", "16443"], "16443"),
        (&["server", "--data-dir", &same, "--https-listen-port", "17443"], "in use"),
        (&["server", "--data-dir", &same], "in use"),
        (&["agent", "--data-dir", &same, "--server", "https://127.0.0.1:6443", "--token", "a.b"], "in use"),
        (&["server", "--data-dir", &other, "--service-cidr", "10.43.0.0"], "--service-cidr"),
        (&["server", "--data-dir", &other, "--https-listen-port", "17443"], "10250"),
    ];
    for (arguments, says) in cases {
        let printed = capture(Command::new(oxkube()?).args(*arguments))?;
        ensure!(printed.code == 2 && printed.err.contains(says), "{arguments:?} gave {printed:?}, expected {says:?}");
        ensure!(
            arguments.len() < 3 || printed.err.lines().count() == 1,
            "{arguments:?} gave more than a line: {printed:?}"
        );
    }
    let user =
        capture(Command::new("setpriv").args(["--reuid=65534", "--clear-groups", "--"]).arg(oxkube()?).arg("server"))?;
    ensure!(user.code == 2 && user.err.contains("as root"), "as another user it gave {user:?}");
    Ok(())
}
