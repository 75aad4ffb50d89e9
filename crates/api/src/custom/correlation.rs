//! Which old value a new one was, as far as failures of what did not change are let be (KEP-4008; apiserver pkg/cel/common CorrelatedObject).

use serde_json::Value;

use super::Structural;
use crate::schema::ListType;

/// A value and what it was.
#[derive(Clone, Copy)]
struct Pair<'v> {
    schema: &'v Structural,
    old: &'v Value,
    new: &'v Value,
}

/// Where a walk through an update stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Correlation<'v> {
    /// None below places where it is not known what an item was.
    current: Option<Pair<'v>>,
    /// The last place above where it was known.
    above: Option<Pair<'v>>,
}

impl<'v> Correlation<'v> {
    /// Of a whole object; a creation correlates with nothing.
    pub fn root(schema: &'v Structural, new: &'v Value, old: Option<&'v Value>) -> Self {
        Self { current: old.map(|old| Pair { schema, old, new }), above: None }
    }

    /// Whether this value, or something it is part of, is what it was.
    pub fn is_unchanged(&self) -> bool {
        self.current.or(self.above).is_some_and(|pair| same(pair.schema, pair.old, pair.new))
    }

    pub fn key(self, name: &str) -> Self {
        let Some(here) = self.current else { return self };
        if self.above.is_none() && matches!(name, "apiVersion" | "kind") {
            // Old and new object have been brought to one version.
            return Self::default();
        }
        let child = || {
            let (old, new) = (here.old.as_object()?.get(name)?, here.new.as_object()?.get(name)?);
            Some(Pair { schema: here.schema.child(name)?, old, new })
        };
        Self { current: child(), above: Some(here) }
    }

    pub fn item(self, new: &'v Value) -> Self {
        let Some(here) = self.current else { return self };
        let child =
            || Some(Pair { schema: here.schema.items.as_deref()?, old: former(here.schema, new, here.old)?, new });
        Self { current: child(), above: Some(here) }
    }
}

/// The item that this one was; only items with keys are known again.
pub(super) fn former<'v>(schema: &Structural, item: &Value, old: &'v Value) -> Option<&'v Value> {
    if schema.list_type != Some(ListType::Map) {
        return None;
    }
    let same = |old: &&Value| schema.list_keys.iter().all(|key| old.get(*key) == item.get(*key));
    old.as_array()?.iter().find(same)
}

/// Upstream's equality: the order of items with keys does not count, and what no schema speaks of is never the same.
fn same(schema: &Structural, old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let same_child = |(name, new): (&String, &Value)| {
                old.get(name).zip(schema.child(name)).is_some_and(|(old, child)| same(child, old, new))
            };
            old.len() == new.len() && new.iter().all(same_child)
        }
        (Value::Array(old_list), Value::Array(list)) => match schema.items.as_deref() {
            Some(items) if schema.list_type == Some(ListType::Map) => {
                let same_item = |new: &Value| former(schema, new, old).is_some_and(|old| same(items, old, new));
                old_list.len() == list.len() && list.iter().all(same_item)
            }
            _ => old_list == list,
        },
        _ => old == new,
    }
}
