//! Termination messages: from a file, from the log, by whom.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;

checks! {
    "term-log-success" => message, "echo DONE", json!({"terminationMessagePolicy": "FallbackToLogsOnError"}), "";
    "term-file-success" => message, "echo -n OK > /dev/termination-log; echo log", json!({"terminationMessagePolicy": "FallbackToLogsOnError"}), "OK";
    "term-nonroot-path" => message, "echo -n DONE > /dev/termination-custom-log", json!({
        "terminationMessagePath": "/dev/termination-custom-log", "securityContext": {"runAsUser": 1000},
    }), "DONE";
}

async fn message(ctx: &Ctx, text: &str, container: Value, wanted: &str) -> Result<()> {
    ctx.pods().create(pods::with(pods::script(ctx, "pod", text), container)).await?;
    let pod = pods::phase(ctx, "pod", "Succeeded").await?;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let found = ended["message"].as_str().unwrap_or_default();
    ensure!(found == wanted, "the message is {found:?}, expected {wanted:?}");
    ensure!(ended["exitCode"] == 0, "the exit code is {}", ended["exitCode"]);
    Ok(())
}
