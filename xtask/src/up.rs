//! `cargo xtask up`: from a bare machine to a running cluster. Run again, it finds the cluster running and says so.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::process::{output, pause, run as command, run_command, step, target_dir};

const DATA_DIR: &str = "/var/lib/oxkube";
const KUBECONFIG: &str = "/etc/oxkube/kubeconfig.yaml";
const DEMO_PORT: u16 = 30088;
const DEMO: &str = include_str!("demo.yaml");
const DEADLINE: Duration = Duration::from_secs(30);

/// Installs, builds, starts, waits, explains.
pub fn run() -> Result<()> {
    if output("id", &["-u"])?.trim() != "0" {
        bail!("a node makes namespaces and mounts: run this as root");
    }
    packages::install(packages::BUILD)?;
    step("build", || command("cargo", &["build", "--release", "--package", "oxkube"]))?;
    let binary = target_dir().join("release/oxkube");
    if ready(&binary) {
        println!("The cluster is running already.");
    } else {
        let mut server = start(&binary)?;
        wait(&binary, &mut server)?;
        println!("The cluster is running; its log is {DATA_DIR}/server.log.");
    }
    let address = demo(&binary).inspect_err(|_| show_why(&binary))?;
    explain(&binary, &address);
    Ok(())
}

/// Starts the server in a session of its own, so that it outlives this command.
fn start(binary: &Path) -> Result<Child> {
    fs::create_dir_all(DATA_DIR).with_context(|| format!("make {DATA_DIR}"))?;
    let log = File::create(Path::new(DATA_DIR).join("server.log")).context("make the server's log")?;
    let mut server = Command::new(binary);
    server.args(["server", "--data-dir", DATA_DIR, "--write-kubeconfig", KUBECONFIG]);
    server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    server.spawn().context("start oxkube server")
}

fn wait(binary: &Path, server: &mut Child) -> Result<()> {
    let start = Instant::now();
    while !ready(binary) {
        if let Some(status) = server.try_wait()? {
            let log = fs::read_to_string(Path::new(DATA_DIR).join("server.log")).unwrap_or_default();
            bail!("the server ended with {status}:\n{log}");
        }
        if start.elapsed() > DEADLINE {
            bail!("the server is not ready after {} s; see {DATA_DIR}/server.log", DEADLINE.as_secs());
        }
        pause();
    }
    Ok(())
}

fn ready(binary: &Path) -> bool {
    let Some(binary) = binary.to_str() else { return false };
    output(binary, &["kubectl", "--kubeconfig", KUBECONFIG, "get", "--raw", "/readyz"])
        .is_ok_and(|answer| answer == "ok")
}

/// What the cluster itself says of a demo that does not come up, for whoever reads the error after it.
fn show_why(binary: &Path) {
    for words in [&["get", "nodes,pods", "-o", "wide"][..], &["get", "events", "--field-selector", "type=Warning"]] {
        let mut kubectl = Command::new(binary);
        if let Err(error) = run_command(kubectl.args(["kubectl", "--kubeconfig", KUBECONFIG]).args(words)) {
            eprintln!("{error:#}");
        }
    }
}

/// Deploys the demo web server through the API and waits until its Service answers; gives its address.
fn demo(binary: &Path) -> Result<String> {
    let program = binary.to_str().context("the binary's path is text")?;
    let kubectl = |arguments: &[&str]| {
        let mut all = vec!["kubectl", "--kubeconfig", KUBECONFIG];
        all.extend(arguments);
        output(program, &all)
    };
    let ready = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
    until("the node is not Ready", || Ok(kubectl(&["get", "nodes", "-o", ready])?.contains("True")))?;
    let image = output(program, &["image", "import", "--demo", "--data-dir", DATA_DIR])?;
    let file = Path::new(DATA_DIR).join("demo.yaml");
    fs::write(&file, DEMO.replace("IMAGE", image.trim())).context("write the demo's YAML")?;
    kubectl(&["apply", "-f", file.to_str().context("the path is text")?])?;
    let host =
        kubectl(&["get", "nodes", "-o", r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#])?;
    let address = format!("{}:{DEMO_PORT}", host.trim());
    until("the demo's Service does not answer", || Ok(answers(&address)))?;
    Ok(format!("http://{address}/"))
}

fn answers(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("It works"))
}

/// Waits for a condition; an error of the last try is the reason given.
fn until(failure: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    loop {
        let outcome = holds();
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if start.elapsed() > DEADLINE {
            outcome.context(failure.to_owned())?;
            bail!("{failure} after {} s; see {DATA_DIR}/server.log", DEADLINE.as_secs());
        }
        pause();
    }
}

fn explain(binary: &Path, address: &str) {
    let binary = binary.display();
    println!("\nThe demo answers at   {address}\nPoint kubectl at it:  export KUBECONFIG={KUBECONFIG}\n\nTry next:");
    println!("  {binary} kubectl get pods -A -o wide");
    println!("  {binary} kubectl scale deployment demo --replicas 3");
    println!("  {binary} uninstall      # stops it all and removes every trace");
}
