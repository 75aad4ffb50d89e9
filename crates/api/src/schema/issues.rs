//! What is wrong with an object, as far as it is told: a body may have hundreds of thousands of fields that nobody knows.

use super::{FieldIssue, IssueKind};

/// Upstream stops collecting here too.
pub(crate) const MAX_ISSUES: usize = 100;
/// Nor are more letters told than these: a name may be as long as the body, and stand in every path below it.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// Issues in the order they were found.
#[derive(Default)]
pub(crate) struct Issues {
    all: Vec<FieldIssue>,
    bytes: usize,
    has_type: bool,
}

impl Issues {
    /// Whether one more of this kind is taken; if not, what it would say need not be worked out. The first field of a wrong type always is:
    /// it refuses the object, which many unknown fields do not.
    pub fn takes(&self, kind: IssueKind) -> bool {
        let is_full = self.all.len() >= MAX_ISSUES || self.bytes >= MAX_BYTES;
        !is_full || kind == IssueKind::Type && !self.has_type
    }

    pub fn push(&mut self, issue: FieldIssue) {
        if self.takes(issue.kind) {
            self.bytes += issue.path.len() + issue.message.len();
            self.has_type |= issue.kind == IssueKind::Type;
            self.all.push(issue);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn into_vec(self) -> Vec<FieldIssue> {
        self.all
    }
}
