//! What happened, as lines under one hash: every request with its answer, every write that reached the disk, every crash.

use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

#[derive(Default)]
struct State {
    hash: Sha256,
    lines: Option<String>,
    count: u64,
    failures: Vec<String>,
}

/// The trace of one history. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<State>>);

impl Trace {
    /// Keeps the lines too, for reading.
    pub(crate) fn keep_lines(&self) {
        self.0.lock().lines.get_or_insert_default();
    }

    pub(crate) fn line(&self, line: &str) {
        let mut state = self.0.lock();
        state.hash.update(line.as_bytes());
        state.hash.update(b"\n");
        state.count += 1;
        if let Some(lines) = &mut state.lines {
            lines.push_str(line);
            lines.push('\n');
        }
    }

    /// For the reader only: not under the hash.
    pub(crate) fn detail(&self, bytes: &[u8]) {
        if let Some(lines) = &mut self.0.lock().lines {
            lines.push_str("    ");
            lines.push_str(&String::from_utf8_lossy(bytes));
            lines.push('\n');
        }
    }

    /// An invariant does not hold. The history goes on; its outcome is a failure.
    pub(crate) fn fail(&self, text: String) {
        self.0.lock().failures.push(text);
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.0.lock().failures.clone()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count
    }

    pub(crate) fn lines(&self) -> Option<String> {
        self.0.lock().lines.clone()
    }

    pub(crate) fn hash(&self) -> String {
        hex(&self.0.lock().hash.clone().finalize())
    }
}

/// The hash of some bytes, short: enough to tell two contents apart.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}
