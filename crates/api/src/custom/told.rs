//! What a value has wrong, as far as it is told: a path may be as long as the body, and stand before everything below it.

use crate::field_error::FieldError;
use crate::schema::{MAX_BYTES, MAX_ISSUES};

/// Errors in the order they were found.
#[derive(Default)]
pub(super) struct Told {
    all: Vec<FieldError>,
    bytes: usize,
}

impl Told {
    /// Nothing more is taken: what an error would say need not be worked out.
    pub fn is_full(&self) -> bool {
        self.all.len() >= MAX_ISSUES || self.bytes >= MAX_BYTES
    }

    pub fn push(&mut self, error: FieldError) {
        if !self.is_full() {
            self.bytes += error.field.len() + error.message.len();
            self.all.push(error);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn contains(&self, error: &FieldError) -> bool {
        self.all.contains(error)
    }

    pub fn into_vec(self) -> Vec<FieldError> {
        self.all
    }
}
