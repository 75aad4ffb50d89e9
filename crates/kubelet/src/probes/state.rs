//! Thresholds: how many results in a row turn an outcome (upstream's prober worker). Pure.

use k8s_openapi::api::core::v1::Probe;

use super::outcome::{Outcome, ProbeKind};

/// The run of equal results of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    last: Outcome,
    length: i32,
}

impl Default for Run {
    fn default() -> Self {
        Self { last: Outcome::Unknown, length: 0 }
    }
}

impl Run {
    /// Counts a result; returns the outcome once its threshold is reached.
    pub fn count(&mut self, probe: &Probe, result: Outcome) -> Option<Outcome> {
        self.length = if self.last == result { self.length.saturating_add(1) } else { 1 };
        self.last = result;
        let threshold = match result {
            Outcome::Success => probe.success_threshold.unwrap_or(1),
            _ => probe.failure_threshold.unwrap_or(3),
        };
        (self.length >= threshold.max(1)).then_some(result)
    }
}

/// Whether a probe goes on after this outcome: a startup probe ends with success, and a container that is to be killed is
/// not probed until it is another one.
pub fn goes_on(kind: ProbeKind, outcome: Outcome) -> bool {
    let has_started = (kind, outcome) == (ProbeKind::Startup, Outcome::Success);
    let is_killed = kind != ProbeKind::Readiness && outcome == Outcome::Failure;
    !has_started && !is_killed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// worker_test.go, TestFailureThreshold and TestSuccessThreshold.
    #[test]
    fn thresholds() {
        let probe = Probe { failure_threshold: Some(3), success_threshold: Some(2), ..Probe::default() };
        let mut run = Run::default();
        let results = [
            Outcome::Success,
            Outcome::Success,
            Outcome::Failure,
            Outcome::Failure,
            Outcome::Failure,
            Outcome::Success,
        ];
        let outcomes: Vec<_> = results.into_iter().map(|result| run.count(&probe, result)).collect();
        assert_eq!(outcomes, [None, Some(Outcome::Success), None, None, Some(Outcome::Failure), None]);
        assert!(!goes_on(ProbeKind::Startup, Outcome::Success) && goes_on(ProbeKind::Readiness, Outcome::Failure));
    }
}
