//! Seccomp: profiles (our default, or a file in Docker's JSON form) made into filters that the kernel loads. Pure but for reading a
//! profile's file.

mod assemble;
mod default;
mod profile;

use std::path::PathBuf;

use crate::supervisor::protocol::Seccomp;

/// A program of classic BPF, as the kernel takes it.
pub type Program = Vec<libc::sock_filter>;

#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    #[error("read seccomp profile {path:?}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("seccomp profile {path:?}: {reason}")]
    Profile { path: PathBuf, reason: String },
    #[error("seccomp profile needs {0} instructions, the kernel takes 4096")]
    TooLong(usize),
}

/// What a filter does with a call: the default, unless one of the rules, tried in order, matches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    otherwise: u32,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    names: Vec<String>,
    /// All must hold.
    conditions: Vec<Condition>,
    action: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Condition {
    argument: u32,
    comparison: Comparison,
    value: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Equal after masking with this.
    MaskedEqual(u64),
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The action that fails a call with an errno.
const fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | (number as u32 & libc::SECCOMP_RET_DATA)
}

/// The filters of a profile, for a process that may have the capabilities of `bounding`.
pub fn compile(profile: &Seccomp, bounding: u64) -> Result<Vec<Program>, SeccompError> {
    let filter = match profile {
        Seccomp::Unconfined => return Ok(Vec::new()),
        Seccomp::RuntimeDefault => default::filter(bounding),
        Seccomp::Localhost(path) => {
            let text = std::fs::read(path).map_err(|source| SeccompError::Read { path: path.clone(), source })?;
            profile::parse(&text, bounding).map_err(|reason| SeccompError::Profile { path: path.clone(), reason })?
        }
    };
    assemble::program(&filter).map(|program| vec![program])
}

#[cfg(test)]
mod tests;
