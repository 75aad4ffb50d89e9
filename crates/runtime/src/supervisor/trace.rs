//! Catches what libcontainer logs as errors while it makes a container, in the starter and in the processes it forks: its own error
//! values name only the outermost step.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, Read, Write};

use rustix::pipe::{PipeFlags, pipe_with};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How libcontainer begins what it logs of clearing away after a failure.
const OF_CLEANUP: [&str; 3] =
    ["failed to remove cgroup manager", "failed to cleanup intel rdt", "failed to delete container root"];

/// Writes events into a pipe that forked processes share; a full pipe drops the rest.
struct Trace(File);

/// The reading end.
pub struct Causes(File);

impl Causes {
    /// From now on errors of this process and its children are caught.
    pub fn collect() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        tracing::subscriber::set_global_default(Trace(File::from(write))).map_err(io::Error::other)?;
        Ok(Self(File::from(read)))
    }

    /// The first error that was logged: the innermost. Clearing away afterwards may fail too, but is no cause.
    pub fn first(&mut self) -> Option<String> {
        let mut bytes = vec![0_u8; 8192];
        let length = self.0.read(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        text.lines().find(|line| !OF_CLEANUP.iter().any(|of_cleanup| line.starts_with(of_cleanup))).map(str::to_owned)
    }
}

impl Subscriber for Trace {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = format!("{}{}\n", text.message.replace('\n', " "), text.fields.replace('\n', " "));
        // A pipe that is full has the first errors, which are the ones wanted.
        drop((&self.0).write(line.as_bytes()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("writing into a String does not fail");
    }
}
