//! What a namespace's labels demand of its Pods (pod-security-admission api/helpers.go). Audit is read to be checked only.

use std::fmt;

use api::field_error::FieldError;
use serde_json::Value;

use super::standards::Level;

const PREFIX: &str = "pod-security.kubernetes.io/";
const MODES: [&str; 3] = ["enforce", "audit", "warn"];

/// A level with the version of the standard, as labels have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub level: Level,
    pub version: String,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.as_str(), self.version)
    }
}

/// What is demanded, and what is only told.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub enforce: Policy,
    pub warn: Policy,
}

impl Policies {
    /// Of labels by name. Without a level of its own a warning is given for what is enforced: a workload is told what its Pods will meet.
    pub fn read<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Self {
        let own = |name: &str| label(&format!("{PREFIX}{name}"));
        let version = |mode: &str| own(&format!("{mode}-version")).filter(|text| is_version(text));
        let policy = |mode: &str, unknown: Level| {
            let level = own(mode).map_or(Level::Privileged, |text| Level::known(text).unwrap_or(unknown));
            Policy { level, version: version(mode).unwrap_or("latest").to_owned() }
        };
        let (enforce, mut warn) = (policy("enforce", Level::Restricted), policy("warn", Level::Privileged));
        if own("warn").is_none() && own("enforce").and_then(Level::known).is_some_and(|level| level > warn.level) {
            warn.level = enforce.level;
            if own("warn-version").is_none() {
                warn.version.clone_from(&enforce.version);
            }
        }
        Self { enforce, warn }
    }

    /// Of a Namespace's tree.
    pub fn of(namespace: &Value) -> Self {
        Self::read(|name| namespace["metadata"]["labels"][name].as_str())
    }
}

fn is_version(text: &str) -> bool {
    let minor = text.strip_prefix("v1.").unwrap_or_default();
    let digits = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
    text == "latest" || digits && (minor == "0" || !minor.starts_with('0'))
}

/// Labels that say nothing known.
pub(super) fn wrong_labels(namespace: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for mode in MODES {
        let mut check = |name: String, rule: fn(&str) -> bool, why: &str| {
            let label = &namespace["metadata"]["labels"][&name];
            if label.as_str().is_some_and(|text| !rule(text)) {
                errors.push(FieldError::invalid(format!("metadata.labels[{name}]"), label, why));
            }
        };
        let is_level = |text: &str| Level::known(text).is_some();
        check(format!("{PREFIX}{mode}"), is_level, "must be one of privileged, baseline, restricted");
        check(format!("{PREFIX}{mode}-version"), is_version, "must be \"latest\" or \"v1.x\"");
    }
    errors
}
