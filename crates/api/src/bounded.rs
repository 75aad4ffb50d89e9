//! What is told of an object, as far as it is told: a body may have hundreds of thousands of things wrong with it, and a name as long as
//! itself in the path of each.

use crate::field_error::FieldError;
use crate::schema::FieldIssue;

/// Upstream stops collecting here too.
pub(crate) const MAX_ISSUES: usize = 100;
/// Nor are more bytes of text told than these.
const MAX_BYTES: usize = 256 * 1024;

/// One thing that is told.
pub(crate) trait Told {
    /// Bytes of its text.
    fn bytes(&self) -> usize;
}

impl Told for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Told for FieldError {
    fn bytes(&self) -> usize {
        self.field.len() + self.message.len()
    }
}

impl Told for FieldIssue {
    fn bytes(&self) -> usize {
        self.path.len() + self.message.len()
    }
}

/// What is told, in the order it was found.
pub(crate) struct Bounded<T> {
    all: Vec<T>,
    bytes: usize,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { all: Vec::new(), bytes: 0 }
    }
}

impl<T: Told> Bounded<T> {
    /// Nothing more is taken: what would be told need not be worked out.
    pub fn is_full(&self) -> bool {
        self.all.len() >= MAX_ISSUES || self.bytes >= MAX_BYTES
    }

    pub fn push(&mut self, told: T) {
        if !self.is_full() {
            self.keep(told);
        }
    }

    /// Takes one that must be told, full or not.
    pub fn keep(&mut self, told: T) {
        self.bytes += told.bytes();
        self.all.push(told);
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn into_vec(self) -> Vec<T> {
        self.all
    }
}

impl<T: PartialEq> Bounded<T> {
    pub fn contains(&self, told: &T) -> bool {
        self.all.contains(told)
    }
}
