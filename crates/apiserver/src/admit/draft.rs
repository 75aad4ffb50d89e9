//! An object that plugins may change: it knows whether one has laid hands on it, so that what nobody changed need not be looked through again.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

/// The object of a request at admission; to its users, the tree itself.
pub struct Draft<'a> {
    object: &'a mut Value,
    touched: bool,
}

impl<'a> Draft<'a> {
    pub fn new(object: &'a mut Value) -> Self {
        Self { object, touched: false }
    }

    /// Whether it was borrowed to be changed.
    pub fn is_touched(&self) -> bool {
        self.touched
    }
}

impl Deref for Draft<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.object
    }
}

impl DerefMut for Draft<'_> {
    fn deref_mut(&mut self) -> &mut Value {
        self.touched = true;
        self.object
    }
}
