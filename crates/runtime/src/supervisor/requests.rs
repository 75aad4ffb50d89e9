//! What the supervisor does when a server asks.

use std::io;
use std::os::fd::OwnedFd;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::container::Sink;
use super::log::Stream;
use super::protocol::{Answer, Envelope, Event, Outgoing, Reply, Request, Running, Target, VERSION};
use super::serve::Supervisor;
use super::starter::Job;
use super::starters::Waiting;

/// The number of a request and the connection it came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    pub link: u64,
    pub number: u64,
}

type Handled = Result<(Answer, Vec<OwnedFd>), String>;

impl Supervisor {
    pub(super) fn request(&mut self, link: u64, envelope: Envelope, descriptors: Vec<OwnedFd>) {
        let asker = Asker { link, number: envelope.number };
        let outcome = match envelope.request {
            Request::CreateSandbox(spec) => return self.enqueue(Waiting::new(asker, Job::Sandbox(spec))),
            Request::RemoveSandbox { id } => return self.enqueue(Waiting::new(asker, Job::RemoveSandbox(id))),
            Request::Start(start) => return self.prepare_start(asker, *start),
            Request::Exec(exec) => return self.prepare_exec(asker, exec, descriptors),
            Request::Hello => Ok((self.hello(link), Vec::new())),
            Request::Signal { target, signal, all } => self.signal(&target, signal, all).map(done),
            Request::Attach { id, stdout, stderr } => self.attach(&id, stdout, stderr, descriptors),
            Request::Adopt { id } => self.adopt_input(&id, descriptors).map(done),
            Request::CloseStdin { id } => self.close_stdin(&id).map(done),
            Request::ReopenLog { id } => self.reopen_log(&id).map(done),
            Request::Forget { id } => self.forget(&id).map(done),
            Request::Leave => {
                self.leaving = true;
                Ok(done(()))
            }
        };
        self.answer(asker, outcome);
    }

    pub(super) fn answer(&mut self, asker: Asker, outcome: Handled) {
        let (outcome, descriptors) = match outcome {
            Ok((answer, descriptors)) => (Ok(answer), descriptors),
            Err(reason) => (Err(reason), Vec::new()),
        };
        // A server that is gone asks again when it is back.
        let Some(link) = self.links.get_mut(&asker.link) else { return };
        match link.send(&Outgoing::Reply(Reply { number: asker.number, outcome }), descriptors) {
            Ok(()) => self.watch_for_room(asker.link),
            Err(error) => self.close_link(asker.link, Some(error)),
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        let tokens: Vec<u64> =
            self.links.iter().filter(|(_, link)| link.wants_events).map(|(token, _)| *token).collect();
        for token in tokens {
            let sent = self.links.get_mut(&token).map(|link| link.send(&Outgoing::Event(event.clone()), Vec::new()));
            match sent {
                Some(Err(error)) => self.close_link(token, Some(error)),
                _ => self.watch_for_room(token),
            }
        }
    }

    fn hello(&mut self, link: u64) -> Answer {
        if let Some(link) = self.links.get_mut(&link) {
            link.wants_events = true;
        }
        let running = self.containers.values().filter(|container| container.pid != 0).map(|container| Running {
            id: container.start.id.clone(),
            pid: container.pid,
            started_at_ns: container.started_at_ns,
        });
        Answer::Hello {
            version: VERSION,
            pid: std::process::id() as i32,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            running: running.collect(),
        }
    }

    fn signal(&mut self, target: &Target, number: i32, all: bool) -> Result<(), String> {
        let signal = Signal::try_from(number).ok();
        let to = |pid: i32| match signal {
            Some(signal) => kill(Pid::from_raw(pid), signal),
            // Real-time signals, which STOPSIGNAL may name.
            // SAFETY: kill has no memory arguments.
            None => nix::errno::Errno::result(unsafe { libc::kill(pid, number) }).map(drop),
        };
        let sent = match target {
            Target::Container(id) => {
                let Some(container) = self.containers.get(id) else { return Ok(()) };
                if container.pid == 0 {
                    return Ok(());
                }
                match (all, signal) {
                    (true, Some(signal)) => {
                        let group = container.start.cgroup.clone();
                        return self
                            .cgroups
                            .signal(&group, signal)
                            .map_err(|error| format!("signal container {id}: {error}"));
                    }
                    _ => to(container.pid),
                }
            }
            Target::Exec(id) => match self.execs.iter().find(|(_, exec)| *exec == id) {
                // It leads a session, so its children in the same process group go with it.
                Some((pid, _)) => to(-pid),
                None => Ok(()),
            },
        };
        match sent {
            Err(nix::errno::Errno::ESRCH) | Ok(()) => Ok(()),
            Err(error) => Err(format!("signal {target:?}: {error}")),
        }
    }

    fn attach(&mut self, id: &str, stdout: bool, stderr: bool, descriptors: Vec<OwnedFd>) -> Handled {
        let container = self.containers.get_mut(id).ok_or_else(|| format!("container {id} is not running"))?;
        let wanted = [(stdout, Stream::Stdout), (stderr, Stream::Stderr)];
        let streams = wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, stream)| stream);
        let sinks: io::Result<Vec<Sink>> =
            streams.zip(descriptors).map(|(stream, file)| Sink::new(stream, file)).collect();
        container.attach(sinks.map_err(|error| error.to_string())?);
        let input = container.input.as_ref().map(OwnedFd::try_clone).transpose().map_err(|error| error.to_string())?;
        self.flush_sinks(id);
        Ok((Answer::Done, input.into_iter().collect()))
    }

    /// Takes back from the server a terminal or stdin that the last supervisor had.
    fn adopt_input(&mut self, id: &str, descriptors: Vec<OwnedFd>) -> Result<(), String> {
        let Some(input) = descriptors.into_iter().next() else { return Err("no descriptor came".to_owned()) };
        let Some(container) = self.containers.get_mut(id).filter(|container| container.input.is_none()) else {
            return Ok(());
        };
        if !container.start.terminal {
            container.input = Some(input);
            return Ok(());
        }
        container.take_master(input).map_err(|error| error.to_string())?;
        self.watch_outputs(id).map_err(|error| error.to_string())
    }

    fn close_stdin(&mut self, id: &str) -> Result<(), String> {
        if let Some(container) = self.containers.get_mut(id).filter(|container| !container.start.terminal) {
            container.input = None;
        }
        Ok(())
    }

    fn reopen_log(&mut self, id: &str) -> Result<(), String> {
        let container = self.containers.get_mut(id).ok_or_else(|| format!("container {id} is not running"))?;
        container.reopen_log().map_err(|error: io::Error| format!("reopen the log of {id}: {error}"))
    }
}

pub(super) fn done((): ()) -> (Answer, Vec<OwnedFd>) {
    (Answer::Done, Vec::new())
}
