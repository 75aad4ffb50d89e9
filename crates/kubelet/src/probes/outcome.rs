//! The newest probe outcomes by container id: what decisions read and probe timers write.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    Startup,
    Readiness,
    Liveness,
}

impl ProbeKind {
    pub const ALL: [Self; 3] = [Self::Startup, Self::Readiness, Self::Liveness];

    /// As events write it: `Readiness probe failed: ...`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }

    /// What counts before the first probe: not ready, alive, not yet started.
    pub fn initial(self) -> Outcome {
        match self {
            Self::Startup => Outcome::Unknown,
            Self::Readiness => Outcome::Failure,
            Self::Liveness => Outcome::Success,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Unknown,
    Success,
    Failure,
}

/// Outcomes by container id and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeResults {
    outcomes: BTreeMap<(String, ProbeKind), Outcome>,
}

impl ProbeResults {
    pub fn get(&self, container_id: &str, kind: ProbeKind) -> Option<Outcome> {
        self.outcomes.get(&(container_id.to_owned(), kind)).copied()
    }

    /// Notes an outcome; true when it is another one than before.
    pub fn set(&mut self, container_id: &str, kind: ProbeKind, outcome: Outcome) -> bool {
        self.outcomes.insert((container_id.to_owned(), kind), outcome) != Some(outcome)
    }

    pub fn has_failed(&self, container_id: &str, kind: ProbeKind) -> bool {
        self.get(container_id, kind) == Some(Outcome::Failure)
    }

    /// Forgets containers that are not among `ids`.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.outcomes.retain(|(id, _), _| keep(id));
    }
}
