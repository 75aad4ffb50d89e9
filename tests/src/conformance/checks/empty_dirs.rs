//! emptyDir volumes on disk and in memory: modes, users, sharing.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;

checks! {
    "ed-shared" => shared;
    "ed-nr-0644-tmpfs" => file, "644", Some(1001), true;
    "ed-nr-0666" => file, "666", Some(1001), false;
    "ed-nr-0666-tmpfs" => file, "666", Some(1001), true;
    "ed-nr-0777" => file, "777", Some(1001), false;
    "ed-root-0644" => file, "644", None, false;
    "ed-root-0644-tmpfs" => file, "644", None, true;
    "ed-root-0666" => file, "666", None, false;
    "ed-root-0666-tmpfs" => file, "666", None, true;
    "ed-root-0777-tmpfs" => file, "777", None, true;
    "ed-dir-mode" => folder, false;
    "ed-dir-mode-tmpfs" => folder, true;
}

fn volume(in_memory: bool) -> Value {
    json!({"emptyDir": {"medium": if in_memory { "Memory" } else { "" }}})
}

/// The type of the file system that is mounted at /data, as /proc has it.
const TYPE: &str = "awk '$2 == \"/data\" {print $3}' /proc/mounts";

async fn prints(ctx: &Ctx, pod: Value, in_memory: bool, wanted: &str) -> Result<()> {
    let printed = pods::output(ctx, pod).await?;
    let (told, kind) = printed.trim_end().rsplit_once('\n').unwrap_or_default();
    ensure!(told == wanted, "it printed {told:?}, expected {wanted:?}");
    // The default medium is whatever the node has, which may be memory too.
    ensure!(kind == "tmpfs" || !in_memory, "the file system is {kind:?}, medium is Memory");
    Ok(())
}

/// A file of this mode, written and read by this user.
async fn file(ctx: &Ctx, mode: &str, user: Option<u32>, in_memory: bool) -> Result<()> {
    let text = format!(
        "umask 0; echo mount-tester > /data/file && chmod {mode} /data/file && stat -c '%a %u' /data/file && cat /data/file && {TYPE}"
    );
    let mut pod = pods::with_volume(pods::script(ctx, "pod", &text), "data", "/data", volume(in_memory));
    pod["spec"]["securityContext"] = json!({"runAsUser": user});
    prints(ctx, pod, in_memory, &format!("{mode} {}\nmount-tester", user.unwrap_or(0))).await
}

async fn folder(ctx: &Ctx, in_memory: bool) -> Result<()> {
    let pod = pods::script(ctx, "pod", &format!("stat -c %a /data && {TYPE}"));
    prints(ctx, pods::with_volume(pod, "data", "/data", volume(in_memory)), in_memory, "777").await
}

async fn shared(ctx: &Ctx) -> Result<()> {
    let mut pod = pods::with_volume(pods::idle(ctx, "pod"), "data", "/data", volume(false));
    let mut second = pod["spec"]["containers"][0].clone();
    second["name"] = json!("second");
    second["command"] = json!(["sh", "-c", format!("echo hello > /data/shared; {}", pods::IDLE)]);
    pods::push(&mut pod["spec"]["containers"], second);
    pods::started(ctx, pod).await?;
    pods::exec_has(ctx, "pod", "cat /data/shared", "hello").await.map(drop)
}
