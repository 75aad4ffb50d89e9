//! What the field table says to a patch: how the values below an object merge, and what makes the items of their lists the same.

use serde_json::Value;

use super::order::Identity;
use crate::schema::{Field, Shape, Type, table};

/// What is known of an object: its type, the shape of its entries, or nothing.
#[derive(Clone, Copy)]
pub(super) enum Level<'t> {
    Struct(&'t Type),
    Entries(&'t Shape),
    Free,
}

/// What is known of one field.
#[derive(Clone, Copy)]
pub(super) struct Rule<'t> {
    /// Of the value, or of the items when it is a list.
    pub level: Level<'t>,
    pub merges_list: bool,
    pub replaces: bool,
    pub retains_keys: bool,
    pub merge_key: Option<&'t str>,
    /// The keys that tell items apart which have one merge key: a port of TCP and the same port of UDP.
    list_keys: &'t [&'static str],
}

impl<'t> Level<'t> {
    pub fn of(shape: &'t Shape) -> Self {
        match shape {
            Shape::Object(id) => Level::Struct(table().get(*id)),
            Shape::Map(entry) => Level::Entries(entry),
            Shape::List(item) => Level::of(item),
            _ => Level::Free,
        }
    }

    pub fn rule(&self, key: &str) -> Rule<'t> {
        let free = Rule {
            level: Level::Free,
            merges_list: false,
            replaces: false,
            retains_keys: false,
            merge_key: None,
            list_keys: &[],
        };
        match self {
            Level::Struct(object_type) => object_type.field(key).map_or(free, Rule::of),
            Level::Entries(shape) => Rule { level: Level::of(shape), ..free },
            Level::Free => free,
        }
    }

    /// What an item has under a key, or gets by default.
    fn value(&self, item: &Value, key: &str) -> Value {
        let default = || match self {
            Level::Struct(object_type) => serde_json::from_str(object_type.field(key)?.default?).ok(),
            _ => None,
        };
        item.get(key).cloned().or_else(default).unwrap_or_default()
    }
}

impl<'t> Rule<'t> {
    fn of(field: &'t Field) -> Self {
        Rule {
            level: Level::of(&field.shape),
            merges_list: field.merge_strategy.merge,
            replaces: field.merge_strategy.replace,
            retains_keys: field.merge_strategy.retain_keys,
            merge_key: field.merge_key,
            list_keys: &field.list_keys,
        }
    }

    pub fn identity(&self) -> Identity<'t> {
        Identity { merge_key: self.merge_key }
    }

    /// For each item of `left`, its place in `right`. Where a merge key repeats, items that have all list keys in common come together,
    /// and the rest in the order in which they stand.
    pub fn pairs(&self, left: &[Value], right: &[Value]) -> Vec<Option<usize>> {
        let (mut pairs, mut free) = (vec![None; left.len()], vec![true; right.len()]);
        let identity = self.identity();
        for keys in [self.list_keys, &[]] {
            for (pair, item) in pairs.iter_mut().zip(left).filter(|(pair, _)| pair.is_none()) {
                let same = |other: &Value| {
                    identity.of(item) == identity.of(other)
                        && keys.iter().all(|key| self.level.value(item, key) == self.level.value(other, key))
                };
                *pair = (0..right.len()).find(|at| free[*at] && same(&right[*at]));
                if let Some(at) = *pair {
                    free[at] = false;
                }
            }
        }
        pairs
    }
}
