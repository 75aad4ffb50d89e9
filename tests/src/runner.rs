//! Runs stories one after the other, each isolated, each with a deadline, and closes with `N passed, N failed`.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::leaks::Inventory;
use crate::process::wait_for;
use crate::stories::{ALL, Story, Tier};
use crate::{images, isolation};

/// `e2e [--tier ci|nightly] [--list] [--images] [STORY...]`
pub fn run(arguments: &[String]) -> Result<()> {
    let nightly = arguments.windows(2).any(|pair| pair[0] == "--tier" && pair[1] == "nightly");
    let mut names: Vec<&str> = Vec::new();
    let mut skip = false;
    for argument in arguments {
        match argument.as_str() {
            _ if std::mem::take(&mut skip) => {}
            "--tier" => skip = true,
            "--list" => {
                ALL.iter().for_each(|story| println!("{} ({:?}): {}", story.name, story.tier, story.shows));
                return Ok(());
            }
            "--images" => {
                images::prepare().context("make the test images")?;
                println!("{}", images::folder()?.display());
                return Ok(());
            }
            name => names.push(name),
        }
    }
    if let Some(unknown) = names.iter().find(|name| crate::stories::find(name).is_none()) {
        bail!("no story is called {unknown}; --list shows them");
    }
    images::prepare().context("make the test images")?;
    let chosen = ALL
        .iter()
        .filter(|story| if names.is_empty() { nightly || story.tier == Tier::Ci } else { names.contains(&story.name) });
    let (mut passed, mut failed) = (0, 0);
    for story in chosen {
        let start = Instant::now();
        match run_one(story) {
            Ok(()) => {
                passed += 1;
                println!("story {} ... ok ({:.1} s)", story.name, start.elapsed().as_secs_f32());
            }
            Err(error) => {
                failed += 1;
                println!("story {} ... FAILED ({:.1} s)\n{error:#}", story.name, start.elapsed().as_secs_f32());
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        bail!("{failed} stories failed");
    }
    Ok(())
}

fn run_one(story: &Story) -> Result<()> {
    let folder = folder_of(story.name)?;
    let log_path = folder.join("story.log");
    let before = Inventory::take()?;
    let log = fs::File::create(&log_path)?;
    // A group of its own, so that a deadline takes everything with it.
    let mut child =
        isolation::command("inside", story.name, &folder, log)?.process_group(0).spawn().context("start unshare")?;
    let ended = wait_until_ended(&mut child, Duration::from_secs(story.deadline_seconds));
    if ended.is_err() {
        child.kill().context("kill the story")?;
        child.wait().context("reap the story")?;
    }
    let text = fs::read_to_string(&log_path).unwrap_or_default();
    let outcome = match ended {
        Ok(true) => Ok(()),
        Ok(false) => Err(anyhow::anyhow!("{}\nartefacts: {}", tail(&text, 60), folder.display())),
        Err(error) => Err(error.context(format!("{}\nartefacts: {}", tail(&text, 60), folder.display()))),
    };
    let left = left_behind(&before);
    clean_cgroups(&left);
    outcome?;
    if !left.is_empty() {
        bail!("left behind:\n{}\nartefacts: {}", left.join("\n"), folder.display());
    }
    println!("{}", tail(&text, 5));
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
}

/// Whether it ended well; an error when it has not ended in time.
pub fn wait_until_ended(child: &mut Child, deadline: Duration) -> Result<bool> {
    wait_for("the story to end", deadline, || {
        child.try_wait()?.map(|status| status.success()).context("it is still running")
    })
}

/// Namespaces take a moment to die after their last process.
pub fn left_behind(before: &Inventory) -> Vec<String> {
    let mut left = Vec::new();
    let gone = wait_for("traces to go", Duration::from_secs(5), || {
        left = Inventory::take()?.added_since(before);
        if left.is_empty() { Ok(()) } else { bail!("{} things left", left.len()) }
    });
    if gone.is_ok() { Vec::new() } else { left }
}

/// A story that failed half-way must not make the next one fail too.
pub fn clean_cgroups(left: &[String]) {
    for path in left.iter().rev().filter_map(|thing| thing.strip_prefix("cgroup ")) {
        if let Err(error) = fs::remove_dir(path) {
            println!("cgroup {path} stays: {error}");
        }
    }
}

/// A fresh folder for what a story or a measure keeps.
pub fn folder_of(name: &str) -> Result<PathBuf> {
    let folder = Path::new("/var/tmp").join(format!("oxkube-e2e-{}-{name}", std::process::id()));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The last lines of a log.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
