//! Termination messages: what a container wrote to its termination file, or the end of its log.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::line;

/// Upstream's limits: bytes of the file; lines and bytes of the log.
const MESSAGE_BYTES_MAX: u64 = 4096;
const LOG_LINES_MAX: usize = 80;
const LOG_BYTES_MAX: usize = 2048;

/// The message of an ended container; `log` only where its policy allows falling back to it.
pub fn message(file: Option<&Path>, log: Option<&Path>) -> String {
    let written = match file.map(|path| (path, tail(path, MESSAGE_BYTES_MAX))) {
        Some((_, Ok(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
        Some((path, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
            return format!("Error on reading termination log {}: {error}", path.display());
        }
        _ => String::new(),
    };
    match log.filter(|_| written.is_empty()) {
        Some(log) => {
            last_lines(log).unwrap_or_else(|error| format!("Error on reading termination message from logs: {error}"))
        }
        None => written,
    }
}

/// The last `limit` bytes of a file.
fn tail(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_lines(path: &Path) -> std::io::Result<String> {
    // Every line carries a prefix of about 50 bytes; the text that is kept is bounded below.
    let bytes = tail(path, 64 * 1024)?;
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').filter_map(line::parse).collect();
    let mut text = Vec::new();
    for line in &lines[lines.len().saturating_sub(LOG_LINES_MAX)..] {
        text.extend_from_slice(line.text);
        if !line.is_partial {
            text.push(b'\n');
        }
    }
    let from = text.len().saturating_sub(LOG_BYTES_MAX);
    Ok(String::from_utf8_lossy(&text[from..]).into_owned())
}
