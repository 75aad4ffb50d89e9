//! A container as the supervisor has it: the reading ends of its output, its log, who is attached, and how its end was.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, open};

use super::clock;
use super::log::{LogFile, Splitter, Stream};
use super::protocol::Start;
use super::starter::ContainerStdio;

/// Read at most this much of a container at a turn, so that a loud one does not starve the others.
const TURN_BYTES: usize = 64 << 10;
/// What an attached client may lag behind before it is dropped.
const SINK_MAX: usize = 1 << 20;
/// What is kept of a container's first words for the client it waits for. One that says more is not waiting.
const EARLY_MAX: usize = 64 << 10;

pub struct Container {
    pub start: Start,
    pub pid: i32,
    pub started_at_ns: i64,
    pub outputs: Vec<Output>,
    log: Option<LogFile>,
    /// The terminal's master, or the writing end of stdin.
    pub input: Option<OwnedFd>,
    pub sinks: Vec<Sink>,
    /// What was said before anybody attached, if that is kept.
    early: Option<Vec<(Stream, Vec<u8>)>>,
}

/// The reading end of stdout, stderr or a terminal.
pub struct Output {
    pub stream: Stream,
    pub file: OwnedFd,
    splitter: Splitter,
    /// The event loop's number for it.
    pub token: u64,
}

/// Where output goes beside the log.
pub struct Sink {
    pub stream: Stream,
    pub file: OwnedFd,
    pub waiting: VecDeque<u8>,
    pub token: Option<u64>,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    More,
    Empty,
    Ended,
}

const STDIN: &str = "stdin";
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

impl Container {
    pub fn new(start: Start) -> Self {
        let log = start.log.clone().map(LogFile::open);
        let early = start.stdin_once.then(Vec::new);
        Self { start, pid: 0, started_at_ns: 0, outputs: Vec::new(), log, input: None, sinks: Vec::new(), early }
    }

    /// Makes the FIFOs; gives the container's ends. Those of stdout and stderr are opened for reading too, so that the death of their
    /// reader never reaches the container.
    pub fn make_stdio(&mut self, directory: &Path) -> io::Result<ContainerStdio> {
        if self.start.terminal {
            return Ok(ContainerStdio::default());
        }
        for (name, stream) in [(STDOUT, Stream::Stdout), (STDERR, Stream::Stderr)] {
            make_fifo(&directory.join(name), self.start.uid)?;
            self.outputs.push(Output::new(stream, read_end(&directory.join(name))?));
        }
        let both = |name| open(directory.join(name), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let stdin = if self.start.stdin {
            make_fifo(&directory.join(STDIN), self.start.uid)?;
            let end = read_end(&directory.join(STDIN))?;
            rustix::fs::fcntl_setfl(&end, OFlags::empty())?;
            self.input =
                Some(open(directory.join(STDIN), OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
            end
        } else {
            File::open("/dev/null")?.into()
        };
        Ok(ContainerStdio { stdin: Some(stdin), stdout: Some(both(STDOUT)?), stderr: Some(both(STDERR)?) })
    }

    /// A terminal's master is read for output and written for input.
    pub fn take_master(&mut self, master: OwnedFd) -> io::Result<()> {
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        self.outputs.push(Output::new(Stream::Stdout, master.try_clone()?));
        self.input = Some(master);
        Ok(())
    }

    /// Opens the FIFOs of a container that another supervisor started.
    pub fn reopen_stdio(&mut self, directory: &Path) -> io::Result<()> {
        self.early = None;
        if self.start.terminal {
            return Ok(());
        }
        for (name, stream) in [(STDOUT, Stream::Stdout), (STDERR, Stream::Stderr)] {
            self.outputs.push(Output::new(stream, read_end(&directory.join(name))?));
        }
        Ok(())
    }

    /// Reads once from an output, to the log and to those attached.
    pub fn turn(&mut self, index: usize) -> Turn {
        let mut buffer = vec![0_u8; TURN_BYTES];
        let output = &mut self.outputs[index];
        let length = match rustix::io::read(&output.file, &mut buffer[..]) {
            Ok(0) => 0,
            // A terminal without a process on its other side.
            Err(rustix::io::Errno::IO) => 0,
            Ok(length) => length,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Turn::Empty,
            Err(error) => {
                eprintln!("container {}: read its output: {error}", self.start.id);
                0
            }
        };
        let (bytes, stream) = (&buffer[..length], output.stream);
        let time = clock::rfc3339_nano(clock::now_ns());
        let mut lines = Vec::with_capacity(length + 64);
        if length == 0 {
            output.splitter.finish(stream, &time, &mut lines);
        } else {
            output.splitter.feed(stream, &time, bytes, &mut lines);
        }
        if let Some(log) = self.log.as_mut().filter(|_| !lines.is_empty()) {
            log.write(&lines, &time);
        }
        for sink in self.sinks.iter_mut().filter(|sink| sink.stream == stream) {
            sink.waiting.extend(bytes);
        }
        let kept = self.early.iter().flatten().map(|(_, bytes)| bytes.len()).sum::<usize>();
        self.early = self.early.take().filter(|_| kept + length <= EARLY_MAX);
        if let Some(early) = self.early.as_mut().filter(|_| length > 0) {
            early.push((stream, bytes.to_vec()));
        }
        if length == 0 { Turn::Ended } else { Turn::More }
    }

    /// Adds a client's ends. The first client of a container that waits for one gets what was said before, too: one that ends at once
    /// would else have nobody to tell.
    pub fn attach(&mut self, mut sinks: Vec<Sink>) {
        let early = self.early.take().unwrap_or_default();
        for sink in &mut sinks {
            early.iter().filter(|(stream, _)| *stream == sink.stream).for_each(|(_, bytes)| sink.waiting.extend(bytes));
        }
        self.sinks.append(&mut sinks);
    }

    /// Writes what is waiting to those attached; drops the ones that are gone or far too slow, and gives their tokens.
    pub fn flush_sinks(&mut self) -> Vec<u64> {
        let mut dropped = Vec::new();
        self.sinks.retain_mut(|sink| {
            let keep = sink.flush();
            if !keep {
                dropped.extend(sink.token);
            }
            keep
        });
        dropped
    }

    pub fn reopen_log(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), LogFile::reopen)
    }
}

impl Output {
    fn new(stream: Stream, file: OwnedFd) -> Self {
        Self { stream, file, splitter: Splitter::default(), token: 0 }
    }
}

impl Sink {
    pub fn new(stream: Stream, file: OwnedFd) -> io::Result<Self> {
        rustix::fs::fcntl_setfl(&file, OFlags::NONBLOCK)?;
        Ok(Self { stream, file, waiting: VecDeque::new(), token: None })
    }

    fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            match rustix::io::write(self.file.as_fd(), front) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(rustix::io::Errno::AGAIN) => return self.waiting.len() <= SINK_MAX,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

fn make_fifo(path: &Path, uid: u32) -> io::Result<()> {
    crate::cgroups::ignore_missing(fs::remove_file(path))?;
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // The container's user may open /dev/stdout again.
    Ok(rustix::fs::chown(path, Some(rustix::fs::Uid::from_raw(uid)), None)?)
}

fn read_end(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}
