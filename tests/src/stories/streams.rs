//! What goes between a terminal and a container: logs followed, exec, copies, attach, port-forward, through real kubectl in whichever
//! protocol its version speaks.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::http;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "streams",
    shows: "kubectl logs -f, exec (streams, exit codes, a terminal), cp, attach and port-forward work",
    tier: Tier::Ci,
    deadline_seconds: 180,
    run,
};

const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "mkdir /www; echo page > /www/index.html; echo started; exec httpd -f -p 127.0.0.1:8080 -h /www"]
---
apiVersion: v1
kind: Pod
metadata:
  name: asks
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    stdin: true
    stdinOnce: true
    command: ["sh", "-c", "while read line; do echo got $line; done; echo end"]
"#;

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(PODS)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/web", "pod/asks", "--timeout=60s"])?;
    exec(&cluster).context("exec")?;
    copy(&cluster).context("cp")?;
    forward(&cluster).context("port-forward")?;
    attach_and_follow(&cluster).context("attach, logs -f")?;
    cluster.uninstall()
}

/// kubectl with text for its stdin.
fn given(cluster: &Cluster, arguments: &[&str], text: &[u8]) -> Result<String> {
    let mut command = cluster.kubectl_command();
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("stdin is a pipe")?;
    let mut stdout = child.stdout.take().context("stdout is a pipe")?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || stdin.write_all(text));
        let mut printed = String::new();
        stdout.read_to_string(&mut printed)?;
        writing.join().expect("writing does not panic")?;
        let status = child.wait()?;
        ensure!(status.success(), "kubectl {arguments:?} ended with {status}");
        Ok(printed)
    })
}

fn exec(cluster: &Cluster) -> Result<()> {
    let printed = cluster.try_kubectl(&["exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 3"])?;
    ensure!((printed.code, printed.out.as_str()) == (3, "out\n"), "it printed {printed:?}");
    ensure!(printed.err == "err\ncommand terminated with exit code 3\n", "it printed {printed:?}");
    // Larger than all buffers on the way, there and back.
    let text = "0123456789abcdef".repeat(1 << 17);
    let back = given(cluster, &["exec", "-i", "web", "--", "cat"], text.as_bytes())?;
    ensure!(back == text, "{} of {} bytes came back", back.len(), text.len());
    // The size comes right after the start, as with every runtime.
    let terminal = r#"until test "$(stty size 2>/dev/null)" = "33 99"; do sleep 0.1; done; tty"#;
    let words = format!("{} exec -it web -- sh -c '{terminal}'", std::env::var("OXKUBE_KUBECTL")?);
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &format!("stty rows 33 cols 99; {words}"), "/dev/null"]);
    // Its end would be typed as one, so it is kept open.
    script.env("KUBECONFIG", cluster.at("kubeconfig")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn()?;
    let _open = child.stdin.take();
    let mut printed = String::new();
    child.stdout.take().context("stdout is a pipe")?.read_to_string(&mut printed)?;
    ensure!(child.wait()?.success() && printed == "/dev/pts/0\r\n", "a terminal printed {printed:?}");
    let missing = cluster.try_kubectl(&["exec", "web", "--", "nosuch"])?;
    ensure!(missing.code != 0 && missing.err.contains("executable file not found in $PATH"), "{missing:?}");
    Ok(())
}

fn copy(cluster: &Cluster) -> Result<()> {
    let (there, back) = (cluster.at("there"), cluster.at("back"));
    std::fs::write(&there, "copied\n".repeat(100_000))?;
    cluster.kubectl(&["cp", &there, "web:/tmp/copy"])?;
    cluster.kubectl(&["cp", "web:/tmp/copy", &back])?;
    ensure!(std::fs::read(&there)? == std::fs::read(&back)?, "the copy differs");
    Ok(())
}

fn forward(cluster: &Cluster) -> Result<()> {
    let mut command = cluster.kubectl_command();
    let mut child = command.args(["port-forward", "pod/web", "18080:8080", "18081:81"]).stdin(Stdio::null()).spawn()?;
    let asked = wait_for("the page", Duration::from_secs(20), || {
        let answer = http::get("127.0.0.1:18080", "/index.html")?;
        ensure!(answer.body == "page\n", "it gave {:?}", answer.body);
        Ok(())
    });
    // A connection that cannot be made does not end the others.
    let refused = http::get("127.0.0.1:18081", "/").map(|answer| answer.status);
    let again = http::get("127.0.0.1:18080", "/index.html");
    child.kill()?;
    child.wait()?;
    asked?;
    ensure!(refused.is_err(), "port 81 answered {refused:?}");
    // Newer clients end with their first error; older ones go on.
    if let Ok(again) = again {
        ensure!(again.body == "page\n", "it gave {:?}", again.body);
    }
    Ok(())
}

fn attach_and_follow(cluster: &Cluster) -> Result<()> {
    let mut command = cluster.kubectl_command();
    let followed = command.args(["logs", "-f", "asks"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let printed = given(cluster, &["attach", "-i", "asks"], b"one\ntwo\n")?;
    ensure!(printed.contains("got two\n"), "attach printed {printed:?}");
    cluster.wait_value("pod/asks", "{.status.phase}", "Succeeded", 30)?;
    let followed = String::from_utf8(followed.wait_with_output()?.stdout)?;
    ensure!(followed == "got one\ngot two\nend\n", "logs -f printed {followed:?}");
    let last = cluster.kubectl(&["logs", "asks", "--tail=1"])?;
    ensure!(last == "end\n", "logs --tail=1 printed {last:?}");
    let started = cluster.kubectl(&["logs", "web"])?;
    ensure!(started == "started\n", "logs printed {started:?}");
    Ok(())
}
