//! Kernel settings under /proc/sys, of the network namespace of the calling thread.

use std::io;
use std::path::Path;

use crate::ledger::{Ledger, Made};

/// Reads a setting; `path` is relative to /proc/sys.
pub fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(Path::new("/proc/sys").join(path)).map(|text| text.trim().to_owned())
}

/// Writes a setting.
pub fn write(path: &str, value: &str) -> io::Result<()> {
    std::fs::write(Path::new("/proc/sys").join(path), value)
}

/// Writes a setting of the host unless it already has the value; the ledger keeps the former one.
pub fn set_recorded(ledger: &dyn Ledger, path: &str, value: &str) -> io::Result<()> {
    let former = read(path)?;
    if former != value {
        ledger.record(Made::Sysctl.as_str(), &format!("{path}={former}"))?;
        write(path, value)?;
    }
    Ok(())
}
