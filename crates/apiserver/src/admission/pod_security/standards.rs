//! The three standards: privileged allows all, baseline what is commonly needed, restricted what is hardened. Pure.

use serde_json::Value;

use super::{baseline, restricted};

/// A Pod Security Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admission) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    pub fn known(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A broken rule: what it is about, and how it was broken.
pub(super) struct Violation {
    pub reason: &'static str,
    pub detail: String,
}

/// Looks at (metadata, spec) of a Pod.
pub(super) type Check = fn(&Value, &Value) -> Option<Violation>;

pub(super) fn violation(reason: &'static str, detail: String) -> Option<Violation> {
    (!detail.is_empty()).then_some(Violation { reason, detail })
}

fn found(level: Level, metadata: &Value, spec: &Value) -> Vec<Violation> {
    let checks: Vec<Check> = match level {
        Level::Privileged => Vec::new(),
        Level::Baseline => [baseline::CHECKS, baseline::RELAXED_CHECKS].concat(),
        // Restricted has stricter rules in place of the relaxed ones.
        Level::Restricted => [baseline::CHECKS, restricted::CHECKS].concat(),
    };
    checks.iter().filter_map(|check| check(metadata, spec)).collect()
}

/// `host namespaces (hostNetwork=true), privileged (container "a" must not set ...)`; empty: none.
pub(in crate::admission) fn violations(level: Level, metadata: &Value, spec: &Value) -> String {
    let found = found(level, metadata, spec);
    let texts: Vec<String> = found.iter().map(|found| format!("{} ({})", found.reason, found.detail)).collect();
    texts.join(", ")
}

/// As [`violations`], without the details.
pub(super) fn reasons(level: Level, metadata: &Value, spec: &Value) -> String {
    found(level, metadata, spec).iter().map(|found| found.reason).collect::<Vec<_>>().join(", ")
}
