//! Value validation, in the words of upstream's validator (kube-openapi). What an update left as it was is not held against it (KEP-4008).

use std::collections::BTreeSet;

use serde_json::Value;

use super::formats;
use super::numbers;
use super::rules::Rules;
use super::{Additional, Structural, ValueType};
use crate::bounded::Bounded;
use crate::field_error::{FieldError, FieldErrorType};
use crate::path::Path;
use crate::schema::ListType;

pub(super) fn validate(schema: &Structural, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    check(schema, new, old, &Path::Root).errors.into_vec()
}

/// As [`validate`], of the status alone.
pub(super) fn validate_status(schema: &Structural, new: &Value, old: &Value) -> Vec<FieldError> {
    let (Some(schema), Some(status)) = (schema.properties.get("status"), new.get("status")) else { return Vec::new() };
    let found = check(schema, status, old.get("status"), &Path::Root);
    let below = |mut error: FieldError| {
        error.field = match error.field.as_str() {
            "" | NOWHERE => "status".to_owned(),
            field if field.starts_with('[') => format!("status{field}"),
            field => format!("status.{field}"),
        };
        error
    };
    found.errors.into_vec().into_iter().map(below).collect()
}

/// Upstream's path of errors that are about alternatives.
const NOWHERE: &str = "<nil>";

/// What was found, and how much fitted: of several alternatives, the one that fits best says what is wrong.
#[derive(Default)]
struct Found {
    errors: Bounded<FieldError>,
    fits: usize,
}

impl Found {
    fn add(&mut self, error: FieldError) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn merge(&mut self, other: Found) {
        other.errors.into_vec().into_iter().for_each(|error| self.add(error));
        self.fits += other.fits;
    }

    fn nowhere(&mut self, why: String) {
        self.add(FieldError::invalid(NOWHERE, &"".into(), &why));
    }
}

/// A value at a place, and the rules it is under.
struct Check<'a> {
    schema: &'a Structural,
    value: &'a Value,
    old: Option<&'a Value>,
    path: &'a Path<'a>,
}

fn check(schema: &Structural, value: &Value, old: Option<&Value>, path: &Path) -> Found {
    let found = Check { schema, value, old, path }.run();
    if !found.errors.is_empty() && old == Some(value) {
        return Found { fits: found.fits, ..Found::default() };
    }
    found
}

impl Check<'_> {
    fn run(&self) -> Found {
        let mut found = Found { fits: 1, ..Found::default() };
        self.value_type(&mut found);
        let none = Rules::default();
        let rules = self.schema.rules.as_deref().unwrap_or(&none);
        if self.value.is_null() {
            self.enumeration(rules, &mut found);
            return found;
        }
        self.alternatives(rules, &mut found);
        match self.value {
            Value::String(text) => self.text(rules, text, &mut found),
            Value::Number(number) => {
                if let Some(why) = numbers::out_of_range(self.schema, &rules.format, number, self.path) {
                    found.nowhere(why);
                }
                for why in numbers::broken(self.schema, rules, number) {
                    found.add(self.invalid(self.value, &why));
                }
            }
            Value::Array(list) => self.list(rules, list, &mut found),
            _ => {}
        }
        self.enumeration(rules, &mut found);
        if let Value::Object(map) = self.value {
            self.map(rules, map, &mut found);
        }
        found
    }

    /// `spec.replicas in body should be …`
    fn sentence(&self, why: &str) -> String {
        format!("{} in body {why}", self.path.told())
    }

    fn place(&self) -> String {
        self.path.told().trim_start_matches('.').to_owned()
    }

    fn invalid(&self, value: &Value, why: &str) -> FieldError {
        FieldError::invalid(self.place(), value, &self.sentence(why))
    }

    fn mistyped(&self, wanted: &str, shown: &str) -> FieldError {
        let error = self.invalid(&shown.into(), &format!("must be of type {wanted}: {shown:?}"));
        FieldError { error_type: FieldErrorType::TypeInvalid, ..error }
    }

    fn value_type(&self, found: &mut Found) {
        let wanted = match self.schema.value_type {
            ValueType::Unset if self.schema.int_or_string => "integer,string",
            ValueType::Unset => return,
            other => other.as_str(),
        };
        let is_whole = |number: &serde_json::Number| number.as_f64().is_some_and(|float| float.fract() == 0.0);
        let actual = match self.value {
            Value::Null if self.schema.nullable => return,
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Number(number) if number.is_f64() => match wanted {
                "number" => return,
                "integer" | "integer,string" if is_whole(number) => return,
                _ => "number",
            },
            Value::Number(_) if wanted == "number" => return,
            Value::Number(_) => "integer",
        };
        match wanted.split(',').any(|wanted| wanted == actual) {
            true => found.fits += 1,
            false => found.add(self.mistyped(wanted, actual)),
        }
    }

    fn text(&self, rules: &Rules, text: &str, found: &mut Found) {
        let length = text.chars().count() as i64;
        if let Some(max) = rules.lengths.max.filter(|max| length > *max) {
            found.add(FieldError::too_long(self.place(), max as usize));
        }
        if let Some(min) = rules.lengths.min.filter(|min| length < *min) {
            found.add(self.invalid(self.value, &format!("should be at least {min} chars long")));
        }
        if let Some(pattern) = &rules.pattern
            && !pattern.regex.as_ref().is_some_and(|regex| regex.is_match(text))
        {
            found.add(self.invalid(self.value, &format!("should match '{}'", pattern.text)));
        }
        let textual = matches!(self.schema.value_type, ValueType::Unset | ValueType::String);
        if textual && !rules.format.is_empty() && !formats::is_valid(&rules.format, text) {
            found.add(self.mistyped(&rules.format, text));
        }
    }

    fn enumeration(&self, rules: &Rules, found: &mut Found) {
        if rules.enumeration.is_empty() || rules.enumeration.contains(self.value) {
            return;
        }
        let texts: Vec<String> = rules.enumeration.iter().map(shown).collect();
        let supported: Vec<&str> = texts.iter().map(String::as_str).collect();
        found.add(FieldError::not_supported(self.place(), self.value, &supported));
    }

    fn list(&self, rules: &Rules, list: &[Value], found: &mut Found) {
        if let Some(items) = &self.schema.items {
            for (index, value) in list.iter().enumerate() {
                if found.errors.is_full() {
                    break;
                }
                found.merge(check(items, value, self.old_item(value), &Path::Index(self.path, index)));
            }
        }
        let size = list.len() as i64;
        if let Some(min) = rules.items.min.filter(|min| size < *min) {
            found.add(self.invalid(&size.into(), &format!("should have at least {min} items")));
        }
        if let Some(max) = rules.items.max.filter(|max| size > *max) {
            found.add(FieldError::too_many(self.place(), list.len(), max as usize));
        }
        if rules.unique_items && list.iter().map(Value::to_string).collect::<BTreeSet<_>>().len() < list.len() {
            found.add(self.invalid(&"".into(), "shouldn't contain duplicates"));
        }
    }

    /// The item that this one was; only items with keys are known again.
    fn old_item(&self, item: &Value) -> Option<&Value> {
        if self.schema.list_type != Some(ListType::Map) {
            return None;
        }
        let same = |old: &&Value| self.schema.list_keys.iter().all(|key| old.get(*key) == item.get(*key));
        let mut same = self.old?.as_array()?.iter().filter(same);
        same.next().filter(|_| same.next().is_none())
    }

    fn map(&self, rules: &Rules, map: &serde_json::Map<String, Value>, found: &mut Found) {
        let size = map.len() as i64;
        if let Some(min) = rules.properties.min.filter(|min| size < *min) {
            found.add(self.invalid(&size.into(), &format!("should have at least {min} properties")));
        }
        if let Some(max) = rules.properties.max.filter(|max| size > *max) {
            found.add(FieldError::too_many(self.place(), map.len(), max as usize));
        }
        for (key, value) in map {
            if found.errors.is_full() {
                return;
            }
            let (child, path) = match (self.schema.properties.get(key), &self.schema.additional) {
                (Some(child), _) => (child, Path::Key(self.path, key)),
                (None, Additional::Schema(child)) => (&**child, Path::Dotted(self.path, key)),
                (None, Additional::Any(false)) => {
                    let why = format!("{}.{key} in body is a forbidden property", self.path);
                    found.add(FieldError::invalid(self.place(), &key.as_str().into(), &why));
                    continue;
                }
                _ => continue,
            };
            let identity = matches!(self.path, Path::Root) && matches!(key.as_str(), "apiVersion" | "kind");
            let old = self.old.filter(|_| !identity).and_then(|old| old.get(key));
            found.merge(check(child, value, old, &path));
        }
        for name in rules.required.iter().filter(|name| !map.contains_key(*name)) {
            let place = format!("{}.{name}", self.path);
            found.add(FieldError::required(place.trim_start_matches('.'), ""));
        }
    }

    fn alternatives(&self, rules: &Rules, found: &mut Found) {
        let each = |schemas: &[Structural]| -> Vec<Found> {
            schemas.iter().map(|schema| check(schema, self.value, self.old, self.path)).collect()
        };
        let path = || format!("{:?}", self.path.told());
        if !rules.any_of.is_empty() {
            let tried = each(&rules.any_of);
            if tried.iter().all(|one| !one.errors.is_empty()) {
                found.nowhere(format!("{} must validate at least one schema (anyOf)", path()));
                found.merge(best(tried));
            }
        }
        if !rules.one_of.is_empty() {
            let tried = each(&rules.one_of);
            match tried.iter().filter(|one| one.errors.is_empty()).count() {
                1 => {}
                0 => {
                    found
                        .nowhere(format!("{} must validate one and only one schema (oneOf). Found none valid", path()));
                    found.merge(best(tried));
                }
                count => found.nowhere(format!(
                    "{} must validate one and only one schema (oneOf). Found {count} valid alternatives",
                    path()
                )),
            }
        }
        if !rules.all_of.is_empty() {
            let tried = each(&rules.all_of);
            let valid = tried.iter().filter(|one| one.errors.is_empty()).count();
            let (all, rest) = (tried.len(), if valid == 0 { ". None validated" } else { "" });
            tried.into_iter().for_each(|one| found.merge(one));
            if valid != all {
                found.nowhere(format!("{} must validate all the schemas (allOf){rest}", path()));
            }
        }
        if let Some(not) = &rules.not
            && check(not, self.value, self.old, self.path).errors.is_empty()
        {
            found.nowhere(format!("{} must not validate the schema (not)", path()));
        }
    }
}

/// The first of those that fit best.
fn best(tried: Vec<Found>) -> Found {
    let mut best = Found::default();
    for (at, one) in tried.into_iter().enumerate() {
        if at == 0 || one.fits > best.fits {
            best = one;
        }
    }
    best
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
