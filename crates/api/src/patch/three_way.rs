//! The patch between what was applied last, what the server has and what is wanted: strategic along the merge keys of built-in kinds, a
//! plain merge patch for all others. The merge's counterpart.

use serde_json::{Map, Value, json};

use super::PatchError;
use super::level::{Level, Rule};
use super::order::interleave;
use super::strategic::{DELETE_FROM_PRIMITIVE_LIST, PATCH, RETAIN_KEYS, SET_ELEMENT_ORDER, merge_object};

type Object = Map<String, Value>;
type Result<T> = std::result::Result<T, PatchError>;

pub(super) fn fields(value: &Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn object(level: Level, last: &Object, live: &Object, wanted: &Object) -> Result<Object> {
    let mut patch = Map::new();
    for (name, value) in wanted {
        let rule = level.rule(name);
        match (live.get(name), value) {
            (Some(Value::Object(now)), Value::Object(new)) if !rule.replaces => {
                let mut change = object(rule.level, &fields(last.get(name).unwrap_or(&Value::Null)), now, new)?;
                if rule.retains_keys && !change.is_empty() {
                    change.insert(RETAIN_KEYS.to_owned(), new.keys().cloned().collect());
                }
                if !change.is_empty() {
                    patch.insert(name.clone(), Value::Object(change));
                }
            }
            (Some(Value::Array(now)), Value::Array(new)) if rule.merges_list => {
                let lists = Lists { name, rule, last: items(last.get(name)), live: now, wanted: new };
                match rule.merge_key {
                    Some(key) => lists.keyed(key, &mut patch)?,
                    None => lists.plain(&mut patch),
                }
            }
            (Some(now), new) if now == new => {}
            (None, Value::Null) => {}
            _ => drop(patch.insert(name.clone(), value.clone())),
        }
    }
    let gone = last.keys().filter(|name| !wanted.contains_key(*name) && live.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    Ok(patch)
}

/// A list that is merged, in its three states.
struct Lists<'a> {
    name: &'a str,
    rule: Rule<'a>,
    last: &'a [Value],
    live: &'a [Value],
    wanted: &'a [Value],
}

/// What becomes of the items of the server's list.
struct Matched {
    /// The place in the server's list of each wanted item, and its change.
    wanted: Vec<(Option<usize>, Object)>,
    /// Items of the server's list that were applied once and are no longer wanted.
    gone: Vec<usize>,
    /// Items that only the server knows.
    foreign: Vec<usize>,
}

impl Lists<'_> {
    /// Items that are the same by one of their fields.
    fn keyed(&self, key: &str, patch: &mut Object) -> Result<()> {
        let matched = self.matched()?;
        let mut changes = Vec::new();
        for (item, (at, change)) in self.wanted.iter().zip(&matched.wanted) {
            if at.is_none() {
                changes.push(item.clone());
            } else if !change.is_empty() {
                let mut change = change.clone();
                change.insert(key.to_owned(), item[key].clone());
                changes.push(Value::Object(change));
            }
        }
        changes.extend(matched.gone.iter().map(|at| json!({PATCH: "delete", key: self.live[*at][key]})));
        let disordered = !matched.wanted.iter().filter_map(|(at, _)| *at).is_sorted();
        if changes.is_empty() && !disordered {
            return Ok(());
        }
        if changes.iter().any(|change| self.repeats(&change[key], key))
            || disordered && self.wanted.iter().any(|item| self.repeats(&item[key], key))
            || scattered(self.wanted, key)
        {
            // A key that several items have cannot say which one is meant.
            patch.insert(self.name.to_owned(), self.whole(&matched)?);
            return Ok(());
        }
        if !changes.is_empty() {
            patch.insert(self.name.to_owned(), changes.into());
        }
        self.ordered(self.wanted.iter().map(|item| json!({key: item[key]})).collect(), patch);
        Ok(())
    }

    fn matched(&self) -> Result<Matched> {
        let (in_live, in_last) = (self.rule.pairs(self.wanted, self.live), self.rule.pairs(self.wanted, self.last));
        let mut wanted = Vec::with_capacity(self.wanted.len());
        for (item, (now, before)) in self.wanted.iter().zip(in_live.iter().zip(&in_last)) {
            let before = before.map(|at| fields(&self.last[at])).unwrap_or_default();
            let change = match now {
                Some(now) => object(self.rule.level, &before, &fields(&self.live[*now]), &fields(item))?,
                None => Object::new(),
            };
            wanted.push((*now, change));
        }
        let rest = |length: usize, used: &[Option<usize>]| -> Vec<usize> {
            (0..length).filter(|at| !used.contains(&Some(*at))).collect()
        };
        let (live, last) = (rest(self.live.len(), &in_live), rest(self.last.len(), &in_last));
        let at =
            |list: &[Value], places: &[usize]| -> Vec<Value> { places.iter().map(|at| list[*at].clone()).collect() };
        let once = self.rule.pairs(&at(self.live, &live), &at(self.last, &last));
        let (gone, foreign): (Vec<_>, Vec<_>) = live.into_iter().zip(once).partition(|(_, once)| once.is_some());
        let places = |list: Vec<(usize, Option<usize>)>| list.into_iter().map(|(at, _)| at).collect();
        Ok(Matched { wanted, gone: places(gone), foreign: places(foreign) })
    }

    fn repeats(&self, value: &Value, key: &str) -> bool {
        let many = |list: &[Value]| list.iter().filter(|item| item[key] == *value).count() > 1;
        many(self.live) || many(self.wanted)
    }

    /// The list as it is to be, in place of the server's.
    fn whole(&self, matched: &Matched) -> Result<Value> {
        let mut merged = Vec::with_capacity(self.wanted.len());
        for (item, (at, change)) in self.wanted.iter().zip(&matched.wanted) {
            merged.push(match at {
                Some(at) => Value::Object(merge_object(fields(&self.live[*at]), change.clone(), self.rule.level)?),
                None => item.clone(),
            });
        }
        let foreign = matched.foreign.iter().map(|at| self.live[*at].clone()).collect();
        let mut list = vec![json!({PATCH: "replace"})];
        list.extend(interleave(foreign, merged, self.live, self.rule.identity()));
        Ok(list.into())
    }

    /// Items that are the same by themselves.
    fn plain(&self, patch: &mut Object) {
        let new: Vec<Value> = self.wanted.iter().filter(|item| !self.live.contains(item)).cloned().collect();
        let gone = self.last.iter().filter(|item| !self.wanted.contains(item) && self.live.contains(item));
        let gone: Vec<Value> = gone.cloned().collect();
        let now: Vec<&Value> = self.live.iter().filter(|item| self.wanted.contains(item)).collect();
        let disordered = !now.into_iter().eq(self.wanted);
        if !new.is_empty() || !gone.is_empty() || disordered {
            self.ordered(self.wanted.to_vec(), patch);
        }
        if !new.is_empty() {
            patch.insert(self.name.to_owned(), new.into());
        }
        if !gone.is_empty() {
            patch.insert(format!("{DELETE_FROM_PRIMITIVE_LIST}{}", self.name), gone.into());
        }
    }

    fn ordered(&self, order: Vec<Value>, patch: &mut Object) {
        patch.insert(format!("{SET_ELEMENT_ORDER}{}", self.name), order.into());
    }
}

/// Whether a key comes again after another: an order of keys cannot say that, the merge puts equal ones beside each other.
fn scattered(list: &[Value], key: &str) -> bool {
    let again = |at: usize| list[..at].iter().any(|item| item[key] == list[at][key]);
    (1..list.len()).any(|at| list[at][key] != list[at - 1][key] && again(at))
}
