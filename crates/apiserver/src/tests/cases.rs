//! Every file in `cases/http/` is a story of its own on a fresh server; all are run, all failures are named.

use std::path::Path;

use super::exchange::{Saved, run};
use super::support::server;

#[tokio::test]
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
        let server = server();
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
