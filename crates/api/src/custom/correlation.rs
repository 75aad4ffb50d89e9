//! Which old value a new one was, as far as failures of what did not change are let be (KEP-4008; apiserver pkg/cel/common CorrelatedObject).

use std::cell::OnceCell;
use std::collections::HashMap;

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

/// A place of which it is known what it was, for those below.
pub(super) struct Above<'v> {
    pair: Pair<'v>,
    /// All items of a list may ask.
    same: OnceCell<bool>,
}

impl Above<'_> {
    fn is_same(&self) -> bool {
        *self.same.get_or_init(|| same(self.pair.schema, self.pair.old, self.pair.new))
    }
}

/// Where a walk through an update stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Correlation<'v> {
    /// None below places where it is not known what an item was.
    current: Option<Pair<'v>>,
    /// The last place above where it was known.
    above: Option<&'v Above<'v>>,
}

impl<'v> Correlation<'v> {
    /// Of a whole object; a creation correlates with nothing.
    pub fn root(schema: &'v Structural, new: &'v Value, old: Option<&'v Value>) -> Self {
        Self { current: old.map(|old| Pair { schema, old, new }), above: None }
    }

    /// Whether this value, or something it is part of, is what it was.
    pub fn is_unchanged(&self) -> bool {
        match (self.current, self.above) {
            (Some(pair), _) => same(pair.schema, pair.old, pair.new),
            (None, above) => above.is_some_and(Above::is_same),
        }
    }

    /// This place, for those below it.
    pub fn here(self) -> Option<Above<'v>> {
        self.current.map(|pair| Above { pair, same: OnceCell::new() })
    }

    /// A field's. `here`: [`Correlation::here`].
    pub fn key(self, here: Option<&'v Above<'v>>, name: &str) -> Self {
        let Some(above) = here else { return self };
        let pair = above.pair;
        if self.above.is_none() && matches!(name, "apiVersion" | "kind") {
            // Old and new object have been brought to one version.
            return Self::default();
        }
        let child = || {
            let (old, new) = (pair.old.as_object()?.get(name)?, pair.new.as_object()?.get(name)?);
            Some(Pair { schema: pair.schema.child(name)?, old, new })
        };
        Self { current: child(), above: Some(above) }
    }

    /// An item's, which was `old`.
    pub fn item(self, here: Option<&'v Above<'v>>, old: Option<&'v Value>, new: &'v Value) -> Self {
        let Some(above) = here else { return self };
        let child = || Some(Pair { schema: above.pair.schema.items.as_deref()?, old: old?, new });
        Self { current: child(), above: Some(above) }
    }
}

/// The items of an old list by their keys.
pub(super) struct Formers<'v> {
    schema: &'v Structural,
    by_keys: HashMap<Vec<Option<&'v Value>>, &'v Value>,
}

impl<'v> Formers<'v> {
    /// Only items with keys are known again.
    pub fn of(schema: &'v Structural, old: Option<&'v Value>) -> Self {
        let old = old.and_then(Value::as_array).filter(|_| schema.list_type == Some(ListType::Map));
        let mut by_keys = HashMap::new();
        for item in old.into_iter().flatten() {
            by_keys.entry(keys(schema, item)).or_insert(item);
        }
        Self { schema, by_keys }
    }

    /// The item that this one was.
    pub fn find(&self, item: &'v Value) -> Option<&'v Value> {
        if self.by_keys.is_empty() { None } else { self.by_keys.get(&keys(self.schema, item)).copied() }
    }
}

fn keys<'v>(schema: &Structural, item: &'v Value) -> Vec<Option<&'v Value>> {
    schema.list_keys.iter().map(|key| item.get(*key)).collect()
}

/// Upstream's equality: the order of items with keys does not count, and what no schema speaks of is never the same.
fn same<'v>(schema: &'v Structural, old: &'v Value, new: &'v Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let same_child = |(name, new): (&'v String, &'v Value)| {
                old.get(name).zip(schema.child(name)).is_some_and(|(old, child)| same(child, old, new))
            };
            old.len() == new.len() && new.iter().all(same_child)
        }
        (Value::Array(old_list), Value::Array(list)) => match schema.items.as_deref() {
            Some(items) if schema.list_type == Some(ListType::Map) => {
                let formers = Formers::of(schema, Some(old));
                let same_item = |new: &'v Value| formers.find(new).is_some_and(|old| same(items, old, new));
                old_list.len() == list.len() && list.iter().all(same_item)
            }
            _ => old_list == list,
        },
        _ => old == new,
    }
}
