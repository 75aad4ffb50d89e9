//! What a body has wrong by its kind's schema. The first field of a wrong type is told whatever else is.

use super::{FieldIssue, IssueKind};
use crate::bounded::Bounded;

/// Issues in the order they were found.
#[derive(Default)]
pub(crate) struct Issues {
    told: Bounded<FieldIssue>,
    has_type: bool,
}

impl Issues {
    /// Whether one more of this kind is taken; if not, what it would say need not be worked out. The first field of a wrong type always is:
    /// it refuses the object, which many unknown fields do not.
    pub fn takes(&self, kind: IssueKind) -> bool {
        !self.told.is_full() || kind == IssueKind::Type && !self.has_type
    }

    pub fn push(&mut self, issue: FieldIssue) {
        if self.takes(issue.kind) {
            self.has_type |= issue.kind == IssueKind::Type;
            self.told.keep(issue);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    pub fn into_vec(self) -> Vec<FieldIssue> {
        self.told.into_vec()
    }
}
