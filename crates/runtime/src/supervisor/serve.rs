//! The supervisor's loop: one epoll set, and what each of its descriptors means. What is done about requests, starters and ends of
//! processes stands in `requests`, `starters` and `ends`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{SocketFlags, accept_with};

use super::container::{Container, Turn};
use super::ends::Watched;
use super::link::Link;
use super::starters::{Starter, Waiting};
use super::{Paths, clock};
use crate::cgroups::Cgroups;

/// What a descriptor of the epoll set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Listener,
    Signals,
    Link,
    Output { container: String, index: usize },
    Sink { container: String },
    Starter(i32),
    Stranger(i32),
}

pub struct Supervisor {
    pub(super) paths: Paths,
    pub(super) cgroups: Cgroups,
    epoll: OwnedFd,
    listener: OwnedFd,
    signals: SignalFd,
    sources: HashMap<u64, Source>,
    next_token: u64,
    pub(super) links: HashMap<u64, Link>,
    pub(super) containers: BTreeMap<String, Container>,
    /// Exec'd processes by pid.
    pub(super) execs: HashMap<i32, String>,
    pub(super) starters: HashMap<i32, Starter>,
    pub(super) queue: VecDeque<Waiting>,
    /// Processes of an earlier supervisor, by pid.
    pub(super) strangers: HashMap<i32, Watched>,
    /// Groups that still hold dying processes.
    pub(super) leftovers: Vec<std::path::PathBuf>,
    pub(super) leaving: bool,
}

/// How soon a group that still holds dying processes is tried again.
const LEFTOVER_PERIOD_MS: u64 = 50;

impl Supervisor {
    pub fn new(paths: Paths, cgroups: Cgroups, listener: OwnedFd) -> io::Result<Self> {
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGPIPE] {
            mask.add(signal);
        }
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let own = std::process::id() as i32;
        fs::write(paths.run.join("supervisor.pid"), format!("{own} {}", clock::start_ticks(own).unwrap_or(0)))?;
        let mut supervisor = Self {
            paths,
            cgroups,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listener,
            signals,
            sources: HashMap::new(),
            next_token: 0,
            links: HashMap::new(),
            containers: BTreeMap::new(),
            execs: HashMap::new(),
            starters: HashMap::new(),
            queue: VecDeque::new(),
            strangers: HashMap::new(),
            leftovers: Vec::new(),
            leaving: false,
        };
        for (descriptor, source) in
            [(supervisor.listener.as_fd(), Source::Listener), (supervisor.signals.as_fd(), Source::Signals)]
        {
            supervisor.next_token += 1;
            let token = supervisor.next_token;
            epoll::add(&supervisor.epoll, descriptor, EventData::new_u64(token), EventFlags::IN)?;
            supervisor.sources.insert(token, source);
        }
        Ok(supervisor)
    }

    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        while !self.leaving {
            let timeout = self.timeout();
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let token = event.data.u64();
                if let Some(source) = self.sources.get(&token).cloned() {
                    self.ready(token, source);
                }
            }
            self.kill_late_starters();
            self.remove_leftovers();
            self.start_waiting();
        }
        Ok(())
    }

    fn timeout(&self) -> Option<rustix::event::Timespec> {
        let deadline = self.starters.values().map(|starter| starter.deadline_ms).min();
        let leftover = (!self.leftovers.is_empty()).then(|| clock::monotonic_ms() + LEFTOVER_PERIOD_MS);
        let next = deadline.into_iter().chain(leftover).min()?;
        let wait = next.saturating_sub(clock::monotonic_ms()) + 1;
        Some(rustix::event::Timespec { tv_sec: (wait / 1000) as i64, tv_nsec: (wait % 1000 * 1_000_000) as i64 })
    }

    fn ready(&mut self, token: u64, source: Source) {
        match source {
            Source::Listener => self.accept(),
            Source::Signals => self.signalled(),
            Source::Link => self.link_ready(token),
            Source::Output { container, index } => self.output_ready(token, &container, index),
            Source::Sink { container } => self.flush_sinks(&container),
            Source::Starter(pid) => self.starter_ready(pid),
            Source::Stranger(pid) => self.stranger_ended(token, pid),
        }
    }

    /// Adds a descriptor to the set; gives its token.
    pub(super) fn watch(&mut self, descriptor: impl AsFd, source: Source) -> io::Result<u64> {
        self.next_token += 1;
        let token = self.next_token;
        epoll::add(&self.epoll, descriptor, EventData::new_u64(token), EventFlags::IN)?;
        self.sources.insert(token, source);
        Ok(token)
    }

    pub(super) fn unwatch(&mut self, descriptor: impl AsFd, token: u64) {
        if self.sources.remove(&token).is_some()
            && let Err(error) = epoll::delete(&self.epoll, descriptor)
        {
            eprintln!("supervisor: stop watching: {error}");
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let accepted = accept_with(&self.listener, flags).map_err(io::Error::from).and_then(|socket| {
            let link = Link::new(socket);
            let token = self.watch(&link.socket, Source::Link)?;
            self.links.insert(token, link);
            Ok(())
        });
        if let Err(error) = accepted {
            eprintln!("supervisor: accept: {error}");
        }
    }

    fn link_ready(&mut self, token: u64) {
        loop {
            let Some(link) = self.links.get_mut(&token) else { return };
            if let Err(error) = link.flush() {
                return self.close_link(token, Some(error));
            }
            match link.receive() {
                Ok(Some((envelope, descriptors))) => self.request(token, envelope, descriptors),
                Ok(None) => return self.close_link(token, None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.close_link(token, Some(error)),
            }
        }
        self.watch_for_room(token);
    }

    /// A link with packets waiting is also watched for room to send.
    pub(super) fn watch_for_room(&mut self, token: u64) {
        let Some(link) = self.links.get(&token) else { return };
        let flags = if link.is_waiting() { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        if let Err(error) = epoll::modify(&self.epoll, &link.socket, EventData::new_u64(token), flags) {
            self.close_link(token, Some(error.into()));
        }
    }

    pub(super) fn close_link(&mut self, token: u64, error: Option<io::Error>) {
        if let Some(error) = error {
            eprintln!("supervisor: connection: {error}");
        }
        if let Some(link) = self.links.remove(&token) {
            self.unwatch(&link.socket, token);
        }
    }

    fn signalled(&mut self) {
        loop {
            match self.signals.read_signal() {
                Ok(Some(info)) if info.ssi_signo == Signal::SIGTERM as u32 => self.leaving = true,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    eprintln!("supervisor: signals: {error}");
                    break;
                }
            }
        }
        self.children_ended();
    }

    /// Watches the output of a container that has begun.
    pub(super) fn watch_outputs(&mut self, id: &str) -> io::Result<()> {
        let Some(mut container) = self.containers.remove(id) else { return Ok(()) };
        let mut watched = Ok(());
        for (index, output) in container.outputs.iter_mut().enumerate() {
            match self.watch(&output.file, Source::Output { container: id.to_owned(), index }) {
                Ok(token) => output.token = token,
                Err(error) => watched = Err(error),
            }
        }
        self.containers.insert(id.to_owned(), container);
        watched
    }

    fn output_ready(&mut self, token: u64, id: &str, index: usize) {
        let Some(container) = self.containers.get_mut(id) else { return };
        let turn = container.turn(index);
        self.flush_sinks(id);
        if turn == Turn::Ended
            && let Some(container) = self.containers.remove(id)
        {
            self.unwatch(&container.outputs[index].file, token);
            self.containers.insert(id.to_owned(), container);
        }
    }

    pub(super) fn flush_sinks(&mut self, id: &str) {
        let Some(mut container) = self.containers.remove(id) else { return };
        for token in container.flush_sinks() {
            // The descriptor closed with the sink, which took it out of the epoll set.
            self.sources.remove(&token);
        }
        for sink in &mut container.sinks {
            match (sink.waiting.is_empty(), sink.token) {
                (false, None) => {
                    let source = Source::Sink { container: id.to_owned() };
                    self.next_token += 1;
                    let token = self.next_token;
                    if epoll::add(&self.epoll, &sink.file, EventData::new_u64(token), EventFlags::OUT).is_ok() {
                        self.sources.insert(token, source);
                        sink.token = Some(token);
                    }
                }
                (true, Some(token)) => {
                    self.unwatch(&sink.file, token);
                    sink.token = None;
                }
                _ => {}
            }
        }
        self.containers.insert(id.to_owned(), container);
    }
}
