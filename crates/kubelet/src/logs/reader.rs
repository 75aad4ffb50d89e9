//! Reads a container's log: from the wanted line, filtered, followed across rotation until the container has ended.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::options::LogOptions;

/// What is read or sent at once.
const CHUNK: usize = 64 << 10;

/// A log that is being read.
pub struct LogReader {
    path: PathBuf,
    file: File,
    options: LogOptions,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
    /// Whether what was sent ends within a line that the runtime wrote in parts.
    is_open: bool,
    left: Option<u64>,
}

/// The reader of the bytes went away, or has all it asked for.
pub struct Enough;

impl LogReader {
    pub fn open(path: &Path, options: LogOptions) -> io::Result<Self> {
        let mut file = File::open(path)?;
        if let Some(lines) = options.tail_lines {
            let start = tail_start(&mut file, lines)?;
            file.seek(SeekFrom::Start(start))?;
        }
        let left = options.limit_bytes;
        Ok(Self { path: path.to_owned(), file, options, rest: Vec::new(), is_open: false, left })
    }

    /// Sends everything that is written by now, of this file and of one it was rotated to.
    pub async fn drain(&mut self, to: &mpsc::Sender<Bytes>) -> io::Result<Result<(), Enough>> {
        loop {
            if let Err(Enough) = self.drain_file(to).await? {
                return Ok(Err(Enough));
            }
            match self.successor()? {
                Successor::None => return Ok(Ok(())),
                Successor::Same => self.file.seek(SeekFrom::Start(0)).map(drop)?,
                Successor::Other(file) => {
                    // What was written between the end of reading and the renaming.
                    if let Err(Enough) = self.drain_file(to).await? {
                        return Ok(Err(Enough));
                    }
                    self.file = file;
                }
            }
        }
    }

    async fn drain_file(&mut self, to: &mpsc::Sender<Bytes>) -> io::Result<Result<(), Enough>> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = self.file.read(&mut chunk)?;
            if length == 0 {
                return Ok(Ok(()));
            }
            let text = self.render(&chunk[..length]);
            if self.send(text, to).await.is_err() {
                return Ok(Err(Enough));
            }
        }
    }

    fn render(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let mut text = Vec::with_capacity(lines.len());
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.options.render(line, &mut self.is_open, &mut text);
        }
        text
    }

    async fn send(&mut self, mut text: Vec<u8>, to: &mpsc::Sender<Bytes>) -> Result<(), Enough> {
        if let Some(left) = &mut self.left {
            text.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= text.len() as u64;
        }
        if !text.is_empty() && to.send(Bytes::from(text)).await.is_err() {
            return Err(Enough);
        }
        if self.left == Some(0) { Err(Enough) } else { Ok(()) }
    }

    /// What the path names by now.
    fn successor(&mut self) -> io::Result<Successor> {
        let now = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Successor::None),
            Err(error) => return Err(error),
        };
        let (before, after) = (self.file.metadata()?, now.metadata()?);
        if (before.dev(), before.ino()) != (after.dev(), after.ino()) {
            return Ok(Successor::Other(now));
        }
        let is_cut = after.len() < self.file.stream_position()?;
        Ok(if is_cut { Successor::Same } else { Successor::None })
    }
}

/// What comes after the end of a file.
enum Successor {
    None,
    /// The same file, cut to nothing in place and begun anew.
    Same,
    /// Another file under its name.
    Other(File),
}

/// Where the last `lines` lines begin.
fn tail_start(file: &mut File, lines: u64) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(end);
    }
    let mut found = 0;
    let mut at = end;
    let mut chunk = vec![0; CHUNK];
    while at > 0 {
        let length = (CHUNK as u64).min(at);
        at -= length;
        file.seek(SeekFrom::Start(at))?;
        let chunk = &mut chunk[..length as usize];
        file.read_exact(chunk)?;
        for (place, _) in chunk.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = at + place as u64 + 1;
            // The line break at the very end closes the last line.
            if after == end {
                continue;
            }
            found += 1;
            if found == lines {
                return Ok(after);
            }
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(number: u32) -> String {
        format!("2026-01-01T00:00:{number:02}Z stdout F line {number}\n")
    }

    async fn read(reader: &mut LogReader) -> String {
        let (sender, mut receiver) = mpsc::channel(100);
        drop(reader.drain(&sender).await.unwrap());
        drop(sender);
        let mut text = Vec::new();
        while let Some(bytes) = receiver.recv().await {
            text.extend_from_slice(&bytes);
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn tails_limits_and_follows_across_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        std::fs::write(&path, (0..5).map(line).collect::<String>()).unwrap();
        let mut tail = LogReader::open(&path, LogOptions { tail_lines: Some(2), ..LogOptions::default() }).unwrap();
        assert_eq!(read(&mut tail).await, "line 3\nline 4\n");
        let mut limited = LogReader::open(&path, LogOptions { limit_bytes: Some(9), ..LogOptions::default() }).unwrap();
        assert_eq!(read(&mut limited).await, "line 0\nli");
        let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        log.write_all(&line(5).as_bytes()[..10]).unwrap();
        assert_eq!(read(&mut tail).await, "");
        log.write_all(&line(5).as_bytes()[10..]).unwrap();
        std::fs::rename(&path, folder.path().join("0.log.1")).unwrap();
        std::fs::write(&path, line(6)).unwrap();
        assert_eq!(read(&mut tail).await, "line 5\nline 6\n");
        let mut none = LogReader::open(&path, LogOptions { tail_lines: Some(0), ..LogOptions::default() }).unwrap();
        assert_eq!(read(&mut none).await, "");
        let mut all = LogReader::open(&path, LogOptions { tail_lines: Some(99), ..LogOptions::default() }).unwrap();
        assert_eq!(read(&mut all).await, "line 6\n");
    }

    #[tokio::test]
    async fn what_was_written_before_the_renaming_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        std::fs::write(&path, line(0)).unwrap();
        let mut reader = LogReader::open(&path, LogOptions::default()).unwrap();
        assert_eq!(read(&mut reader).await, "line 0\n");
        let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::fs::rename(&path, folder.path().join("0.log.1")).unwrap();
        log.write_all(line(1).as_bytes()).unwrap();
        std::fs::write(&path, line(2)).unwrap();
        assert_eq!(read(&mut reader).await, "line 1\nline 2\n");
        // Cut to nothing in place and begun anew.
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&mut reader).await, "");
        std::fs::write(&path, line(3)).unwrap();
        assert_eq!(read(&mut reader).await, "line 3\n");
    }
}
