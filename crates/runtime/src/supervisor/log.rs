//! The CRI log of one container: `<time> <stream> <tag> <line>`. Lines longer than 16 KiB are cut into partial ones (tag P). A full
//! disk drops lines and counts them; the count is written once there is room again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::protocol::LogTarget;

/// Longest content of one log line, as upstream's runtimes have it.
const LINE_MAX: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Cuts a stream of bytes into log lines.
#[derive(Default)]
pub struct Splitter {
    rest: Vec<u8>,
}

impl Splitter {
    /// Appends to `into` the log lines that `bytes` complete.
    pub fn feed(&mut self, stream: Stream, time: &str, bytes: &[u8], into: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (content, is_complete) = match piece.split_last() {
                Some((b'\n', content)) => (content, true),
                _ => (piece, false),
            };
            self.rest.extend_from_slice(content);
            while self.rest.len() > LINE_MAX || (!is_complete && self.rest.len() == LINE_MAX) {
                let tail = self.rest.split_off(LINE_MAX);
                line(stream, time, b'P', &self.rest, into);
                self.rest = tail;
            }
            if is_complete {
                line(stream, time, b'F', &self.rest, into);
                self.rest.clear();
            }
        }
    }

    /// What is left when the stream ends is a line too.
    pub fn finish(&mut self, stream: Stream, time: &str, into: &mut Vec<u8>) {
        if !self.rest.is_empty() {
            line(stream, time, b'F', &self.rest, into);
            self.rest.clear();
        }
    }
}

fn line(stream: Stream, time: &str, tag: u8, content: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(time.as_bytes());
    into.push(b' ');
    into.extend_from_slice(stream.name().as_bytes());
    into.extend_from_slice(&[b' ', tag, b' ']);
    into.extend_from_slice(content);
    into.push(b'\n');
}

/// The file that lines go to.
pub struct LogFile {
    target: LogTarget,
    file: Option<File>,
    written: u64,
    dropped: u64,
}

impl LogFile {
    pub fn open(target: LogTarget) -> Self {
        let mut log = Self { target, file: None, written: 0, dropped: 0 };
        log.reopen_or_drop();
        log
    }

    pub fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        if let Some(directory) = self.target.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(&self.target.path)?;
        self.written = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Writes whole lines; `name` makes the name of a rotated file from the time.
    pub fn write(&mut self, lines: &[u8], time: &str) {
        if self.target.rotate_at_bytes.is_some_and(|size| self.written > 0 && self.written + lines.len() as u64 > size)
        {
            self.rotate(time);
        }
        if self.file.is_none() {
            self.reopen_or_drop();
        }
        let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        let Some(file) = &mut self.file else {
            self.dropped += count;
            return;
        };
        if self.dropped > 0 {
            let note = format!("{time} stderr F [{} lines were dropped: the log could not be written]\n", self.dropped);
            if file.write_all(note.as_bytes()).is_err() {
                self.dropped += count;
                return;
            }
            self.dropped = 0;
        }
        match file.write_all(lines) {
            Ok(()) => self.written += lines.len() as u64,
            Err(error) => {
                eprintln!("log {}: {error}", self.target.path.display());
                self.dropped += count;
            }
        }
    }

    fn reopen_or_drop(&mut self) {
        if let Err(error) = self.reopen() {
            eprintln!("log {}: {error}", self.target.path.display());
        }
    }

    fn rotate(&mut self, time: &str) {
        let rotated = rotated_name(&self.target.path, time);
        if let Err(error) = fs::rename(&self.target.path, &rotated).and_then(|()| prune(&self.target)) {
            eprintln!("rotate log {}: {error}", self.target.path.display());
        }
        self.reopen_or_drop();
    }
}

/// As the kubelet names rotated logs: `0.log.20060102-150405`.
fn rotated_name(path: &Path, time: &str) -> PathBuf {
    let digits: String = time.chars().take(19).filter(char::is_ascii_digit).collect();
    let (date, clock) = digits.split_at(8.min(digits.len()));
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{date}-{clock}"));
    PathBuf::from(name)
}

/// Removes the oldest rotated files above the limit, which counts the one being written.
fn prune(target: &LogTarget) -> io::Result<()> {
    let (Some(directory), Some(name)) = (target.path.parent(), target.path.file_name()) else {
        return Ok(());
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let mut rotated: Vec<PathBuf> = fs::read_dir(directory)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    rotated.sort();
    let excess = rotated.len().saturating_sub(target.files_max.saturating_sub(1) as usize);
    rotated.iter().take(excess).try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIME: &str = "2026-11-21T06:00:00.123456789Z";

    fn split(chunks: &[&[u8]]) -> String {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.feed(Stream::Stdout, TIME, chunk, &mut lines);
        }
        splitter.finish(Stream::Stdout, TIME, &mut lines);
        String::from_utf8(lines).expect("test data is text").replace(&format!("{TIME} stdout "), "")
    }

    #[test]
    fn lines_are_cut_as_cri_wants_them() {
        assert_eq!(split(&[b"a\nb\n"]), "F a\nF b\n");
        assert_eq!(split(&[b"a", b"b\n", b"\n", b"c"]), "F ab\nF \nF c\n");
        let long = vec![b'x'; LINE_MAX + 5];
        let cut = split(&[&long, b"\n"]);
        assert_eq!(cut, format!("P {}\nF xxxxx\n", "x".repeat(LINE_MAX)));
        let exact = vec![b'x'; LINE_MAX];
        assert_eq!(split(&[&exact, b"\n"]), format!("P {}\nF \n", "x".repeat(LINE_MAX)));
    }

    #[test]
    fn logs_rotate_by_size_and_old_ones_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("0.log");
        let mut log = LogFile::open(LogTarget { path: path.clone(), rotate_at_bytes: Some(10), files_max: 2 });
        for second in 0..4 {
            log.write(b"123456789\n", &format!("2026-11-21T06:00:0{second}.0Z"));
        }
        let mut names: Vec<_> =
            fs::read_dir(directory.path()).expect("listed").map(|entry| entry.expect("read").file_name()).collect();
        names.sort();
        assert_eq!(names, ["0.log", "0.log.20261121-060003"]);
        assert_eq!(fs::read(path).expect("read"), b"123456789\n");
    }

    proptest! {
        /// However the stream is cut into reads, the contents joined are the stream.
        #[test]
        fn nothing_is_lost(chunks in proptest::collection::vec(proptest::collection::vec(97_u8..100, 0..9000), 0..8)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let text = split(&chunks);
            let joined: String = text.lines().map(|line| &line[2..]).collect();
            prop_assert_eq!(joined.as_bytes(), chunks.concat());
        }
    }
}
