//! Texts and rows that live as long as the process, each once. Rows of built-in kinds are static, so those of custom kinds are too: what a
//! definition adds is a kilobyte of names for every form it ever had. Its schema is not in here; that goes when the definition changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::kind::Kind;

/// The text, as long as the process lives.
pub(super) fn intern(text: &str) -> &'static str {
    static TEXTS: LazyLock<Mutex<BTreeSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(kept);
    kept
}

/// The row that `facts` describe, made by the first who asks. Equal facts are one row.
pub(super) fn row(facts: String, make: impl FnOnce() -> Kind) -> &'static Kind {
    static ROWS: LazyLock<Mutex<BTreeMap<String, &'static Kind>>> = LazyLock::new(Mutex::default);
    let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
    rows.entry(facts).or_insert_with(|| Box::leak(Box::new(make())))
}

/// A slice that goes into a row.
pub(super) fn slice<T>(items: Vec<T>) -> &'static [T] {
    Box::leak(items.into_boxed_slice())
}
