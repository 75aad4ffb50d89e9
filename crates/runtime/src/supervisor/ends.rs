//! Ends of processes, and clearing away what was theirs; finding the processes of a supervisor that died.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use nix::sys::signal::Signal;

use super::clock;
use super::container::{Container, Turn};
use super::exits::{self, Ended};
use super::protocol::{Event, Exit, Start, Target};
use super::serve::{Source, Supervisor};
use super::starter::ProcessRecord;

/// A process of an earlier supervisor: the first of a container.
pub struct Watched {
    pub container: String,
    pub pidfd: OwnedFd,
}

/// Turns of reading after a container's end: what its pipes may hold at most.
const LAST_TURNS: usize = 64;

impl Supervisor {
    pub(super) fn children_ended(&mut self) {
        // A container may end before its starter's answer has been read; the answer says whose process it is.
        let starters: Vec<i32> = self.starters.keys().copied().collect();
        while let Some(ended) = exits::peek() {
            if starters.contains(&ended.pid) {
                self.starter_ready(ended.pid);
                exits::reap(ended.pid);
            } else {
                for pid in &starters {
                    self.poll_starter(*pid);
                }
                self.process_ended(ended);
            }
        }
    }

    fn poll_starter(&mut self, pid: i32) {
        let Some(starter) = self.starters.get(&pid) else { return };
        let mut poll = [rustix::event::PollFd::new(starter.socket(), rustix::event::PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        if rustix::event::poll(&mut poll, Some(&now)).is_ok_and(|ready| ready > 0) {
            self.starter_ready(pid);
        }
    }

    fn process_ended(&mut self, ended: Ended) {
        if let Some(exec) = self.execs.remove(&ended.pid) {
            // First: were this supervisor to die in between, its container could not end before somebody had reaped it.
            exits::reap(ended.pid);
            let exit =
                Exit { target: Target::Exec(exec), code: Some(ended.code), at_ns: clock::now_ns(), oom_killed: false };
            return self.tell(&Event::Exited(exit));
        }
        let container = self
            .containers
            .values()
            .find(|container| container.pid == ended.pid)
            .map(|container| container.start.id.clone());
        if let Some(id) = container {
            self.container_ended(&id, Some(ended.code));
        }
        exits::reap(ended.pid);
    }

    pub(super) fn stranger_ended(&mut self, token: u64, pid: i32) {
        let Some(watched) = self.strangers.remove(&pid) else { return };
        let code = exits::code_of_stranger(pid, &watched.pidfd);
        self.unwatch(&watched.pidfd, token);
        self.container_ended(&watched.container, code);
    }

    /// The log gets what is still in the pipes, then the end is written down, told, and the rest cleared away.
    fn container_ended(&mut self, id: &str, code: Option<i32>) {
        let at_ns = clock::now_ns();
        let Some(mut container) = self.containers.remove(id) else { return };
        for index in 0..container.outputs.len() {
            for _ in 0..LAST_TURNS {
                if container.turn(index) != Turn::More {
                    break;
                }
            }
        }
        container.flush_sinks();
        for output in &container.outputs {
            self.unwatch(&output.file, output.token);
        }
        for sink in &container.sinks {
            if let Some(token) = sink.token {
                self.unwatch(&sink.file, token);
            }
        }
        let oom_killed = match self.cgroups.oom_kills(&container.start.cgroup) {
            Ok(count) => count > 0,
            Err(error) => {
                eprintln!("container {id}: read its out-of-memory count: {error}");
                false
            }
        };
        let exit = Exit { target: Target::Container(id.to_owned()), code, at_ns, oom_killed };
        if let Err(error) = exits::write(&self.paths.container(id), &exit) {
            eprintln!("container {id}: write its exit: {error}");
        }
        self.clear_away(&container.start);
        self.tell(&Event::Exited(exit));
    }

    /// Kills what a container left running and removes its group and libcontainer's state.
    pub(super) fn clear_away(&mut self, start: &Start) {
        if let Err(error) = self.cgroups.signal(&start.cgroup, Signal::SIGKILL) {
            eprintln!("container {}: kill what is left of it: {error}", start.id);
        }
        for state in [self.paths.libcontainer(), self.paths.foreign()] {
            match fs::remove_dir_all(state.join(&start.id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => eprintln!("container {}: {error}", start.id),
                _ => {}
            }
        }
        self.leftovers.push(start.cgroup.clone());
        self.remove_leftovers();
    }

    /// Groups go when their last process has.
    pub(super) fn remove_leftovers(&mut self) {
        let cgroups = &self.cgroups;
        self.leftovers.retain(|group| match cgroups.remove(group) {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                // Something may have been forked while it was killed.
                drop(cgroups.signal(group, Signal::SIGKILL));
                true
            }
            Err(error) => {
                eprintln!("remove control group {}: {error}", group.display());
                false
            }
        });
    }

    /// The server has taken a container's exit, or removes a container that never ran.
    pub(super) fn forget(&mut self, id: &str) -> Result<(), String> {
        if self.containers.get(id).is_some_and(|container| container.pid != 0) {
            return Err(format!("container {id} is running"));
        }
        self.containers.remove(id);
        match fs::remove_dir_all(self.paths.container(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("forget container {id}: {error}")),
            _ => Ok(()),
        }
    }

    /// Takes over what runs from before.
    pub fn adopt(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(self.paths.containers())? {
            let id = entry?.file_name().to_string_lossy().into_owned();
            if let Err(error) = self.adopt_one(&id) {
                eprintln!("supervisor: adopt container {id}: {error}");
            }
        }
        Ok(())
    }

    fn adopt_one(&mut self, id: &str) -> io::Result<()> {
        let directory = self.paths.container(id);
        let Some(start) = crate::atomic_file::read_json::<Start>(&directory.join("start.json"))? else { return Ok(()) };
        if exits::read(&directory)?.is_some() {
            return Ok(());
        }
        let Some(record) = crate::atomic_file::read_json::<ProcessRecord>(&directory.join("process.json"))? else {
            // It was being created when the supervisor died.
            self.clear_away(&start);
            return Ok(());
        };
        let pidfd = rustix::process::Pid::from_raw(record.pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
        let mut container = Container::new(start);
        container.pid = record.pid;
        container.started_at_ns = record.started_at_ns;
        container.reopen_stdio(&directory)?;
        self.containers.insert(id.to_owned(), container);
        match pidfd.filter(|_| clock::start_ticks(record.pid) == Some(record.start_ticks)) {
            Some(pidfd) => {
                self.watch(&pidfd, Source::Stranger(record.pid))?;
                self.strangers.insert(record.pid, Watched { container: id.to_owned(), pidfd });
                self.watch_outputs(id)
            }
            None => {
                self.container_ended(id, None);
                Ok(())
            }
        }
    }
}
