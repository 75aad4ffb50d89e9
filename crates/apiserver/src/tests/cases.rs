//! Every file in `cases/http/` is a story of its own on a fresh server; all are run, all failures are named.

use std::path::Path;

use super::exchange::{Saved, run};
use super::support::server;
use super::wire::serving;

#[tokio::test(start_paused = true)]
async fn exchanges_answer_as_upstream() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/http");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("cases are there").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no cases");
    let mut failures = Vec::new();
    for file in &files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let (case, _) = api::decode::yaml(&std::fs::read(file).expect("readable"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(case["source"].is_string(), "{name} does not name its source");
        // Most stories are of the path of all resources; services stand in for themselves where one says so.
        let server = if case["services"] == true { serving() } else { server() };
        let mut saved = Saved::new();
        for (at, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            if let Err(why) = run(&server, step, &mut saved).await {
                failures.push(format!("{name}, step {} ({}): {why}", at + 1, step["request"]));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), files.len(), failures.join("\n"));
}

#[tokio::test]
async fn readiness_waits_for_what_is_pending() {
    let (server, mut saved) = (server(), Saved::new());
    let pending = server.health().pending("poststarthook/first");
    let mut ask = async |path: &str, status: u16, text: &str| {
        let step = serde_json::json!({"request": format!("GET {path}"), "status": status, "expect": text});
        run(&server, &step, &mut saved).await.unwrap();
    };
    ask(
        "/readyz",
        500,
        "[+]ping ok\n[-]poststarthook/first failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n",
    )
    .await;
    ask("/livez", 200, "ok").await;
    pending.done();
    ask("/readyz", 200, "ok").await;
    ask("/readyz/poststarthook/first", 200, "ok").await;
}
