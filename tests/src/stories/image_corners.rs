//! Corners of images: what an image says of its user, volumes, directory, PATH and stop signal holds in its containers, its layers are put
//! together as the image specification says, and an image of other platforms is refused in words.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::images::architecture;

pub const STORY: Story = Story {
    name: "image_corners",
    shows: "users by name, volumes, a missing directory, no PATH, a stop signal, whiteouts, links, zstd, and an image of other platforms",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: corners}
spec:
  terminationGracePeriodSeconds: 100
  containers:
  - {name: plain, image: test/corners}
  - {name: fixed, image: test/corners, securityContext: {readOnlyRootFilesystem: true}}
---
apiVersion: v1
kind: Pod
metadata: {name: nonroot}
spec:
  securityContext: {runAsNonRoot: true}
  containers: [{name: main, image: test/corners}]
---
apiVersion: v1
kind: Pod
metadata: {name: foreign}
spec:
  containers: [{name: main, image: test/foreign}]
"#;

/// The container, what is asked in it, and the answer that containerd's and runc's containers of the image give: runc makes the
/// directory and HOME, containerd the PATH (its `WithDefaultPathEnv`), the user with their groups (`WithUser`,
/// `WithAdditionalGIDs`) and the volumes, with the image's content and as mounts of their own.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("plain", "id -un; id -u; id -g; id -G", "app\n1234\n1234\n1234 2345\n"),
    ("plain", "echo $HOME", "/home/app\n"),
    ("plain", "pwd; stat -c '%u %a' /made/for /made/for/you", "/made/for/you\n0 755\n0 755\n"),
    (
        "plain",
        "tr '\\0' '\\n' < /proc/1/environ | grep ^PATH=",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
    ),
    ("plain", "cat /data/seed; echo new > /data/new; ls /data", "seed\nnew\nseed\n"),
    ("plain", "grep -c ' /data ' /proc/mounts; ls -d /not/there", "1\n/not/there\n"),
    ("fixed", "cat /data/seed; echo new > /data/new; ls /data; pwd", "seed\nnew\nseed\n/made/for/you\n"),
    ("fixed", "touch /tmp/x 2>&1 || true", "touch: /tmp/x: Read-only file system\n"),
    // A volume at a symbolic link is where that leads in the image.
    ("fixed", "ls /away", "a\nb\nc\nd\n"),
    ("plain", "ls /gone; ls /opaque", "kept\nnew\n"),
    ("plain", "cat /linked/b /linked/d; stat -c %h /linked/a /linked/c", "one\ntwo\n2\n2\n"),
    ("plain", "test /linked/a -ef /linked/b && test /linked/c -ef /linked/d && echo same", "same\n"),
];

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(PODS)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/corners", "--timeout=60s"])?;
    for (container, script, expected) in ANSWERS {
        let printed = cluster.kubectl(&["exec", "corners", "-c", container, "--", "sh", "-c", script])?;
        ensure!(printed == *expected, "{script:?} in {container} printed {printed:?}, expected {expected:?}");
    }
    refused(&cluster)?;
    stopped(&cluster)?;
    cluster.kubectl(&["delete", "pod", "nonroot", "foreign", "--timeout=30s"])?;
    cluster.uninstall()
}

/// The kubelet's words of a user whose number it cannot know, and of an image for others; the second also while it backs off.
fn refused(cluster: &Cluster) -> Result<()> {
    let waits = |pod: &str, reasons: &[&str], says: &str| {
        crate::process::wait_for(&format!("pod {pod} to wait"), std::time::Duration::from_secs(30), || {
            let path = "jsonpath={.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message}";
            let told = cluster.kubectl(&["get", "pod", pod, "-o", path])?;
            let (reason, message) = told.split_once(' ').unwrap_or((&told, ""));
            ensure!(reasons.contains(&reason) && message.contains(says), "it is {told:?}");
            Ok(())
        })
    };
    let says = "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root";
    waits("nonroot", &["CreateContainerConfigError"], says)?;
    let platform = format!("no match for platform linux/{} in manifest", architecture());
    waits("foreign", &["ErrImagePull", "ImagePullBackOff"], &platform)?;
    waits("foreign", &["ImagePullBackOff"], "Back-off pulling image \"test/foreign\": ErrImagePull: ")?;
    waits("foreign", &["ImagePullBackOff"], &platform)?;
    let events =
        cluster.kubectl(&["get", "events", "--field-selector", "involvedObject.name=foreign,reason=Failed"])?;
    ensure!(events.contains(&platform), "the events are {events}");
    Ok(())
}

/// Only the image's signal ends it before its grace period is over.
fn stopped(cluster: &Cluster) -> Result<()> {
    let follows = cluster
        .kubectl_command()
        .args(["logs", "-f", "corners", "-c", "plain"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    cluster.wait_logs(&["corners", "-c", "plain"], "ready")?;
    cluster.kubectl(&["delete", "pod", "corners", "--timeout=30s"])?;
    let log = String::from_utf8(follows.wait_with_output()?.stdout)?;
    ensure!(log == "ready\ntold by USR1\n", "the log is {log:?}");
    Ok(())
}
