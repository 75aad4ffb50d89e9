//! What is wrong with an object, as far as it is told: a body may have hundreds of thousands of fields that nobody knows.

use super::FieldIssue;

/// Upstream stops collecting here too.
pub(crate) const MAX_ISSUES: usize = 100;
/// Nor are more letters told than these: a name may be as long as the body, and stand in every path below it.
const MAX_BYTES: usize = 256 * 1024;

/// Issues in the order they were found.
#[derive(Default)]
pub(crate) struct Issues {
    all: Vec<FieldIssue>,
    bytes: usize,
}

impl Issues {
    /// Nothing more is taken: what an issue would say need not be worked out.
    pub fn is_full(&self) -> bool {
        self.all.len() >= MAX_ISSUES || self.bytes >= MAX_BYTES
    }

    pub fn push(&mut self, issue: FieldIssue) {
        if !self.is_full() {
            self.bytes += issue.path.len() + issue.message.len();
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
