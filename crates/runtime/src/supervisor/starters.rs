//! Starters: forked one per job, at most one per processor at a time, killed on their deadline.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::{ForkResult, Pid, fork};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::container::Container;
use super::protocol::{Answer, Exec, Start};
use super::requests::Asker;
use super::serve::{Source, Supervisor};
use super::starter::{self, Begun, ContainerStdio, Job};
use super::{clock, packet};

/// How long what is not a container's create or exec may take.
const SANDBOX_DEADLINE_MS: u64 = 60_000;

/// A job that waits for a processor.
pub struct Waiting {
    asker: Asker,
    job: Job,
    subject: Subject,
    deadline_ms: u64,
}

/// What a job is about, for when it is done.
#[derive(Debug, Clone)]
pub enum Subject {
    Sandbox,
    Container(String),
    Exec(String),
}

/// A job that is being done.
pub struct Starter {
    asker: Asker,
    subject: Subject,
    socket: OwnedFd,
    token: u64,
    pub deadline_ms: u64,
    killed: bool,
}

impl Starter {
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }
}

impl Waiting {
    pub fn new(asker: Asker, job: Job) -> Self {
        Self { asker, job, subject: Subject::Sandbox, deadline_ms: clock::monotonic_ms() + SANDBOX_DEADLINE_MS }
    }
}

impl Supervisor {
    pub(super) fn enqueue(&mut self, waiting: Waiting) {
        self.queue.push_back(waiting);
        self.start_waiting();
    }

    pub(super) fn prepare_start(&mut self, asker: Asker, start: Start) {
        let id = start.id.clone();
        if self.containers.contains_key(&id) {
            return self.answer(asker, Err(format!("container {id} is running")));
        }
        let deadline_ms = clock::monotonic_ms() + start.deadline_ms;
        let mut container = Container::new(start.clone());
        match self.make_stdio(&mut container) {
            Ok(stdio) => {
                self.containers.insert(id.clone(), container);
                let job = Job::Start(Box::new(start), stdio);
                self.enqueue(Waiting { asker, job, subject: Subject::Container(id), deadline_ms });
            }
            Err(error) => self.answer(asker, Err(format!("prepare container {id}: {error}"))),
        }
    }

    fn make_stdio(&self, container: &mut Container) -> io::Result<ContainerStdio> {
        let directory = self.paths.container(&container.start.id);
        // What is there is of an attempt that failed.
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&directory)?,
        }
        fs::write(directory.join("start.json"), serde_json::to_vec(&container.start)?)?;
        container.make_stdio(&directory)
    }

    pub(super) fn prepare_exec(&mut self, asker: Asker, exec: Box<Exec>, descriptors: Vec<OwnedFd>) {
        if self.containers.get(&exec.container).is_none_or(|container| container.pid == 0) {
            return self.answer(asker, Err(format!("container {} is not running", exec.container)));
        }
        let mut descriptors = descriptors.into_iter();
        let stdio = exec.stdio.map(|comes| if comes { descriptors.next() } else { None });
        let deadline_ms = clock::monotonic_ms() + exec.deadline_ms;
        let subject = Subject::Exec(exec.id.clone());
        self.enqueue(Waiting { asker, job: Job::Exec(exec, stdio), subject, deadline_ms });
    }

    pub(super) fn start_waiting(&mut self) {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        while self.starters.len() < processors
            && let Some(waiting) = self.queue.pop_front()
        {
            let (asker, subject) = (waiting.asker, waiting.subject.clone());
            if let Err(error) = self.fork_starter(waiting) {
                self.job_failed(asker, &subject, format!("fork a starter: {error}"));
            }
        }
    }

    fn fork_starter(&mut self, waiting: Waiting) -> io::Result<()> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(ours);
                self.become_starter(&waiting.job, &theirs);
                starter::run(waiting.job, &self.paths, &theirs)
            }
            ForkResult::Parent { child } => {
                let pid = child.as_raw();
                let token = self.watch(&ours, Source::Starter(pid))?;
                let Waiting { asker, subject, deadline_ms, .. } = waiting;
                self.starters.insert(pid, Starter { asker, subject, socket: ours, token, deadline_ms, killed: false });
                Ok(())
            }
        }
    }

    /// A fork holds nothing of the supervisor but what its job needs: a hung one must not keep connections or FIFOs open.
    fn become_starter(&self, job: &Job, answer: &OwnedFd) {
        let mut kept: Vec<i32> = vec![answer.as_raw_fd()];
        match job {
            Job::Start(_, stdio) => {
                kept.extend([&stdio.stdin, &stdio.stdout, &stdio.stderr].into_iter().flatten().map(AsRawFd::as_raw_fd))
            }
            Job::Exec(_, stdio) => kept.extend(stdio.iter().flatten().map(AsRawFd::as_raw_fd)),
            Job::Sandbox(_) | Job::RemoveSandbox(_) => {}
        }
        kept.sort_unstable();
        let mut first = 3;
        for descriptor in kept.into_iter().chain([i32::MAX]) {
            if first < descriptor {
                // SAFETY: the objects that own these descriptors are never used or dropped in a starter, which ends by exit.
                unsafe { libc::syscall(libc::SYS_close_range, first as u32, (descriptor - 1) as u32, 0_u32) };
            }
            first = descriptor.saturating_add(1);
        }
        if let Err(error) = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None) {
            eprintln!("starter: unblock signals: {error}");
        }
    }

    /// A starter has answered, or has ended without a word.
    pub(super) fn starter_ready(&mut self, pid: i32) {
        let Some(starter) = self.starters.remove(&pid) else { return };
        self.unwatch(&starter.socket, starter.token);
        let (outcome, master) = match packet::receive::<Begun>(starter.socket.as_fd()) {
            Ok(Some((begun, mut descriptors))) => (begun.outcome, descriptors.pop()),
            _ if starter.killed => (Err("it took longer than its deadline".to_owned()), None),
            _ => (Err("its starter ended without an answer".to_owned()), None),
        };
        match outcome {
            Ok(pid) => self.job_done(starter.asker, &starter.subject, pid.unwrap_or(0), master),
            Err(reason) => self.job_failed(starter.asker, &starter.subject, reason),
        }
    }

    fn job_done(&mut self, asker: Asker, subject: &Subject, pid: i32, master: Option<OwnedFd>) {
        let at_ns = clock::now_ns();
        let mut descriptors = Vec::new();
        match subject {
            Subject::Sandbox => {}
            Subject::Exec(id) => {
                self.execs.insert(pid, id.clone());
                descriptors.extend(master);
            }
            Subject::Container(id) => match self.container_began(id, pid, at_ns, master) {
                Ok(input) => descriptors.extend(input),
                Err(error) => eprintln!("supervisor: container {id}: {error}"),
            },
        }
        self.answer(asker, Ok((Answer::Started { pid, at_ns }, descriptors)));
    }

    /// Gives the server's copy of the container's input, so that the supervisor's death does not end it.
    fn container_began(
        &mut self,
        id: &str,
        pid: i32,
        at_ns: i64,
        master: Option<OwnedFd>,
    ) -> io::Result<Option<OwnedFd>> {
        let Some(container) = self.containers.get_mut(id) else { return Ok(None) };
        container.pid = pid;
        container.started_at_ns = at_ns;
        if let Some(master) = master {
            container.take_master(master)?;
        }
        let input = container.input.as_ref().map(OwnedFd::try_clone).transpose()?;
        self.watch_outputs(id)?;
        Ok(input)
    }

    fn job_failed(&mut self, asker: Asker, subject: &Subject, reason: String) {
        if let Subject::Container(id) = subject
            && let Some(container) = self.containers.remove(id)
        {
            self.clear_away(&container.start);
        }
        self.answer(asker, Err(reason));
    }

    pub(super) fn kill_late_starters(&mut self) {
        let now = clock::monotonic_ms();
        let late: Vec<i32> = self
            .starters
            .iter()
            .filter(|(_, starter)| starter.deadline_ms <= now && !starter.killed)
            .map(|(pid, _)| *pid)
            .collect();
        for pid in late {
            let Some(starter) = self.starters.get_mut(&pid) else { continue };
            starter.killed = true;
            starter.deadline_ms = u64::MAX;
            let group = match &starter.subject {
                Subject::Container(id) => self.containers.get(id).map(|container| container.start.cgroup.clone()),
                _ => None,
            };
            // Its end of the socket closes with it, which is how the job fails.
            if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGKILL) {
                eprintln!("supervisor: kill starter {pid}: {error}");
            }
            if let Some(group) = group
                && let Err(error) = self.cgroups.signal(&group, Signal::SIGKILL)
            {
                eprintln!("supervisor: kill {}: {error}", group.display());
            }
        }
    }
}
