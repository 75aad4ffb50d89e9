//! Capabilities of a container: the default set of container engines, with CRI's additions and removals. Pure.

use crate::cri::v1::Capability;
use crate::supervisor::capabilities::{LAST, NAMES, number};

/// What a container has when nobody says otherwise (containerd's set).
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
const EVERY: u64 = (1 << (LAST + 1)) - 1;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability {0:?}")]
pub struct UnknownCapability(pub String);

/// The set, and the ambient set.
pub fn capabilities(privileged: bool, changes: Option<&Capability>) -> Result<(u64, u64), UnknownCapability> {
    if privileged {
        return Ok((EVERY, 0));
    }
    let default = DEFAULT.iter().filter_map(|name| number(name)).fold(0, |set, number| set | 1 << number);
    let Some(changes) = changes else { return Ok((default, 0)) };
    let drop = set(&changes.drop_capabilities)?;
    let add = set(&changes.add_capabilities)?;
    let ambient = set(&changes.add_ambient_capabilities)?;
    // Removing everything comes before adding, so that `drop: [ALL]` with additions leaves the additions; single ones are removed last.
    let result = if drop == EVERY { add } else { (default | add) & !drop };
    Ok((result | ambient, ambient))
}

fn set(names: &[String]) -> Result<u64, UnknownCapability> {
    names.iter().try_fold(0, |set, name| {
        if name.eq_ignore_ascii_case("ALL") {
            return Ok(EVERY);
        }
        number(name).map(|number| set | 1 << number).ok_or_else(|| UnknownCapability(name.clone()))
    })
}

/// As OCI writes a set.
pub fn names(set: u64) -> Vec<String> {
    (0..=LAST).filter(|bit| set & (1 << bit) != 0).map(|bit| format!("CAP_{}", NAMES[bit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(add: &[&str], drop: &[&str]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let changes = Capability {
            add_capabilities: owned(add),
            drop_capabilities: owned(drop),
            add_ambient_capabilities: Vec::new(),
        };
        names(capabilities(false, Some(&changes)).expect("known names").0)
    }

    #[test]
    fn additions_and_removals() {
        assert_eq!(names(capabilities(false, None).expect("none to know").0).len(), 14);
        assert!(change(&["NET_ADMIN"], &[]).contains(&"CAP_NET_ADMIN".to_owned()));
        assert!(!change(&[], &["chown"]).contains(&"CAP_CHOWN".to_owned()));
        assert_eq!(change(&["NET_BIND_SERVICE"], &["ALL"]), ["CAP_NET_BIND_SERVICE"]);
        assert_eq!(change(&["ALL"], &["SYS_ADMIN"]).len(), NAMES.len() - 1);
        assert_eq!(names(capabilities(true, None).expect("none to know").0).len(), NAMES.len());
        let wrong = Capability { add_capabilities: vec!["NOPE".into()], ..Capability::default() };
        assert_eq!(capabilities(false, Some(&wrong)), Err(UnknownCapability("NOPE".into())));
    }
}
