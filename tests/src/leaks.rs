//! What a story may not leave behind: mounts, namespaces, cgroups, links, processes, loop devices. Taken before and after, compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::cluster::oxkube;
use crate::process::run;

/// Everything on the machine that a node could leave behind.
#[derive(Debug)]
pub struct Inventory {
    things: BTreeSet<String>,
    /// Nodes that run now, of other builds than the one under test: someone else's.
    others: BTreeSet<String>,
    /// Groups outside of any node's in which other programs run: whatever starts commands here may give each a group of its own.
    foreign: BTreeSet<String>,
}

impl Inventory {
    /// Looks at the machine.
    pub fn take() -> Result<Self> {
        let (mut things, mut others, mut foreign) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let own = fs::canonicalize(oxkube()?)?;
        for line in fs::read_to_string("/proc/self/mountinfo")?.lines() {
            things.insert(format!("mount {}", line.split(' ').nth(4).unwrap_or_default()));
        }
        for line in run("ip", &["-o", "link"])?.lines() {
            things.insert(format!("link {}", line.split(':').nth(1).unwrap_or_default().trim()));
        }
        for line in run("ip", &["route", "show", "table", "all"])?.lines() {
            things.insert(format!("route {line}"));
        }
        cgroups(Path::new("/sys/fs/cgroup"), 0, &mut things);
        for entry in fs::read_dir("/proc")?.flatten() {
            // Only what runs the binary under test counts: others come and go.
            let Ok(program) = fs::read_link(entry.path().join("exe")) else { continue };
            if program != own {
                let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
                // The Pods' groups may hold what a dead node left; its own group holds its supervisor.
                others.extend(groups.lines().filter(|group| !group.contains(".pods")).filter_map(node_of));
                foreign.extend(groups.lines().filter_map(foreign_group));
            } else {
                let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default().replace('\0', " ");
                things.insert(format!("process {command}"));
            }
        }
        for entry in fs::read_dir("/sys/block")?.flatten() {
            let backing = entry.path().join("loop/backing_file");
            if let Ok(file) = fs::read_to_string(backing) {
                things.insert(format!("loop device on {}", file.trim()));
            }
        }
        Ok(Self { things, others, foreign })
    }

    /// What is there now and was not before. The groups of another node, which were there before or in which another build runs,
    /// come and go with that node; so do groups in which only other programs run.
    pub fn added_since(&self, before: &Self) -> Vec<String> {
        let runs = |node: &str| self.others.contains(node) || before.others.contains(node);
        let others = |thing: &str| {
            node_group(thing)
                .is_some_and(|group| before.things.contains(group) || node_of(group).is_some_and(|it| runs(&it)))
        };
        let foreign = |thing: &str| {
            let is_group = thing.starts_with("cgroup ");
            is_group && self.foreign.union(&before.foreign).any(|group| thing.ends_with(group.as_str()))
        };
        let added = self.things.difference(&before.things);
        added.filter(|thing| !others(thing) && !foreign(thing)).cloned().collect()
    }
}

/// The path of a process's group, from a line of /proc/PID/cgroup; none for the root and for what is below a node's.
fn foreign_group(line: &str) -> Option<String> {
    let path = line.splitn(3, ':').nth(2)?;
    (path.len() > 1 && node_of(path).is_none()).then(|| path.to_owned())
}

/// The tag of the node that a group belongs to.
fn node_of(group: &str) -> Option<String> {
    let (_, name) = group.split_once("/oxkube-")?;
    Some(name.chars().take_while(char::is_ascii_hexdigit).collect())
}

/// The uppermost control group of the node that a group belongs to.
fn node_group(thing: &str) -> Option<&str> {
    let start = thing.strip_prefix("cgroup ").and(thing.find("/oxkube-"))?;
    Some(thing[start + 1..].find('/').map_or(thing, |end| &thing[..start + 1 + end]))
}

fn cgroups(folder: &Path, depth: usize, things: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            things.insert(format!("cgroup {}", entry.path().display()));
            if depth < 6 {
                cgroups(&entry.path(), depth + 1, things);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Inventory;

    #[test]
    fn groups_of_nodes_that_ran_before_are_theirs() {
        let all = |things: &[&str]| things.iter().map(|thing| (*thing).to_owned()).collect();
        let take = |things: &[&str]| Inventory { things: all(things), others: all(&["3"]), foreign: all(&["/run/7"]) };
        let before = take(&["cgroup /c/memory/oxkube-1", "cgroup /c/memory/oxkube-1/a"]);
        let after = take(&[
            "cgroup /c/memory/oxkube-1",
            "cgroup /c/memory/oxkube-1/b",
            "cgroup /c/memory/oxkube-2",
            "cgroup /c/memory/oxkube-2/a",
            "cgroup /c/memory/oxkube-3.pods/a",
            "cgroup /c/memory/run/7",
            "cgroup /c/other",
            "mount /oxkube-1/b",
            "mount /run/7",
        ]);
        let expected = [
            "cgroup /c/memory/oxkube-2",
            "cgroup /c/memory/oxkube-2/a",
            "cgroup /c/other",
            "mount /oxkube-1/b",
            "mount /run/7",
        ];
        assert_eq!(after.added_since(&before), expected);
    }

    #[test]
    fn a_group_is_foreign_unless_a_node_made_it() {
        let of = |line: &str| super::foreign_group(line);
        assert_eq!(of("8:memory:/run/7").as_deref(), Some("/run/7"));
        assert_eq!(of("0::/user.slice/a:b").as_deref(), Some("/user.slice/a:b"));
        for own in ["8:memory:/", "8:memory:/oxkube-1f.pods/pod1", "0::/a/oxkube-2"] {
            assert_eq!(of(own), None, "{own}");
        }
    }
}
