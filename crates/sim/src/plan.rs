//! How rough a history is: drawn from its seed, so that some are calm and some are not. Faults end with the story, so that
//! convergence can be asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::seams::Seams;

/// Shared by all that can go wrong. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Plan {
    faulty: Arc<AtomicBool>,
    /// One request in so many is lost on its way there, and as many on their way back.
    pub(crate) one_request_in: u64,
    /// What the user does.
    pub(crate) steps: u64,
    pub(crate) nodes: u64,
}

impl Plan {
    pub(crate) fn draw(seams: &Seams) -> Self {
        let chance = seams.stream("plan");
        Self {
            faulty: Arc::new(AtomicBool::new(false)),
            one_request_in: [40, 100, 400][chance.below(3) as usize],
            steps: 12 + chance.below(12),
            nodes: 2 + chance.below(2),
        }
    }

    pub(crate) fn faults(&self) -> bool {
        self.faulty.load(Ordering::Relaxed)
    }

    pub(crate) fn set_faults(&self, on: bool) {
        self.faulty.store(on, Ordering::Relaxed);
    }
}
