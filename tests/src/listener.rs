//! Watch clients of others' making (client-go's informer, kube-rs' watcher) as processes: each prints what it asked and heard, and that is
//! compared with what was acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::Cluster;
use crate::process::wait_for;
use crate::writes::Write;

/// A running client. It ends with its standard input.
pub struct Listener {
    name: &'static str,
    child: Child,
    printed: PathBuf,
}

/// What a client prints, a line each.
#[derive(Debug, PartialEq)]
enum Line {
    /// It has begun to list.
    List,
    /// It watches, from a revision if it says so.
    Watch(Option<u64>),
    /// It has heard of an object: by the list or by an event.
    Heard { name: String, revision: u64, listed: bool },
}

impl Listener {
    /// Starts a client's program and waits until it watches.
    pub fn start(cluster: &Cluster, name: &'static str, program: &Path, arguments: &[&str]) -> Result<Self> {
        let printed = cluster.folder.join(format!("{name}.out"));
        let child = cluster
            .client(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&printed)?)
            .stderr(fs::File::create(cluster.folder.join(format!("{name}.err")))?)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let listener = Self { name, child, printed };
        wait_for(&format!("{name} to watch"), Duration::from_secs(20), || {
            ensure!(listener.lines()?.iter().any(|line| matches!(line, Line::Watch(_))), "it does not yet");
            Ok(())
        })?;
        Ok(listener)
    }

    /// Waits until it has heard of a revision or of one after it.
    pub fn wait_heard(&self, wanted: u64) -> Result<()> {
        wait_for(&format!("{} to hear of revision {wanted}", self.name), Duration::from_secs(20), || {
            let last = self.lines()?.into_iter().rev().find_map(|line| match line {
                Line::Heard { revision, .. } => Some(revision),
                _ => None,
            });
            ensure!(last >= Some(wanted), "the last it heard of is {last:?}");
            Ok(())
        })
    }

    /// Ends it. Everything acknowledged it must have heard of, once, in order, by watching alone.
    pub fn end(mut self, acknowledged: &[Write]) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        let heard = continuous(&self.lines()?, acknowledged).with_context(|| self.name)?;
        println!("{} heard of {heard} writes, without a gap", self.name);
        Ok(())
    }

    /// All whole lines.
    fn lines(&self) -> Result<Vec<Line>> {
        let text = fs::read_to_string(&self.printed)?;
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(|line| parse(line.trim_end())).collect()
    }
}

fn parse(line: &str) -> Result<Line> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["list", ..] => Ok(Line::List),
        ["watch"] => Ok(Line::Watch(None)),
        ["watch", revision] => Ok(Line::Watch(Some(revision.parse()?))),
        [what, name, revision] => {
            Ok(Line::Heard { name: name.to_owned(), revision: revision.parse()?, listed: what == "listed" })
        }
        _ => bail!("the line is {line:?}"),
    }
}

/// One list at the start; events in the order of their revisions, none twice; a watch is taken up where the last event was, or later if
/// a bookmark said so; all that was acknowledged is among them. Gives how many events there were.
fn continuous(lines: &[Line], acknowledged: &[Write]) -> Result<usize> {
    let (mut lists, mut last, mut heard) = (0, 0, BTreeMap::new());
    for line in lines {
        match line {
            Line::List => lists += 1,
            Line::Watch(Some(revision)) => {
                ensure!(*revision >= last, "it watches from {revision}, having heard of {last}")
            }
            Line::Watch(None) | Line::Heard { listed: true, .. } => {}
            Line::Heard { name, revision, .. } => {
                ensure!(*revision > last, "revision {revision} of {name} came after {last}");
                last = *revision;
                heard.insert(*revision, name.as_str());
            }
        }
    }
    ensure!(lists == 1, "it listed {lists} times");
    let missed: Vec<_> = acknowledged.iter().filter(|w| heard.get(&w.revision) != Some(&w.name.as_str())).collect();
    ensure!(missed.is_empty(), "it missed {} acknowledged writes: {:?}", missed.len(), &missed[..missed.len().min(10)]);
    Ok(heard.len())
}

#[cfg(test)]
mod tests {
    use super::{continuous, parse};
    use crate::writes::Write;

    fn verdict(lines: &str) -> Result<usize, String> {
        let lines: Vec<_> = lines.split(", ").map(|line| parse(line).unwrap()).collect();
        let write = |name: &str, revision| Write { name: name.to_owned(), content: 1, revision };
        continuous(&lines, &[write("a", 5), write("b", 8)]).map_err(|error| error.to_string())
    }

    #[test]
    fn gaps_doubles_and_lists_are_found() {
        let good = "list 3, watch 3, ADDED a 5, watch 6, ADDED unacknowledged 7, ADDED b 8";
        assert_eq!(verdict(good), Ok(3));
        assert_eq!(verdict("list, listed x 4, watch, APPLIED a 5, APPLIED b 8"), Ok(2));
        for (from, to, says) in [
            ("ADDED a 5, ", "", "it missed 1 acknowledged"),
            ("ADDED a 5, ", "ADDED a 5, ADDED a 5, ", "revision 5 of a came after 5"),
            ("watch 6", "list 6, watch 6", "it listed 2 times"),
            ("watch 6", "watch 4", "it watches from 4, having heard of 5"),
            ("a 5", "other 5", "it missed 1 acknowledged"),
        ] {
            let error = verdict(&good.replace(from, to)).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
