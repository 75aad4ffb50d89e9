//! A field under validation: a value, its path and the list of errors it reports to. The rules of the kinds are written over these.

use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};

use crate::field_error::FieldError;
use crate::names::Messages;

/// A value, where it is, and where its errors go. Missing values are null.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) value: &'a Value,
    path: Place<'a>,
    errors: &'a RefCell<Vec<FieldError>>,
}

/// Where a field is, as validation writes it (`limits[cpu]`); each step borrows the one before from its caller's frame.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
    MapKey(&'a Place<'a>, &'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Key(Place::Root, key) => f.write_str(key),
            Place::Key(parent, key) => write!(f, "{parent}.{key}"),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Place::MapKey(parent, key) => write!(f, "{parent}[{key}]"),
        }
    }
}

/// Runs rules over an object and returns their errors in the order they were found.
pub(crate) fn validate(object: &Value, rules: impl FnOnce(&Field)) -> Vec<FieldError> {
    let errors = RefCell::new(Vec::new());
    rules(&Field { value: object, path: Place::Root, errors: &errors });
    errors.into_inner()
}

impl<'a> Field<'a> {
    /// The field of that name.
    pub(crate) fn get<'b>(&'b self, name: &'b str) -> Field<'b> {
        let value = self.value.get(name).unwrap_or(&Value::Null);
        Field { value, path: Place::Key(&self.path, name), errors: self.errors }
    }

    /// An entry of a map.
    pub(crate) fn entry<'b>(&'b self, key: &'b str) -> Field<'b> {
        let value = self.value.get(key).unwrap_or(&Value::Null);
        Field { value, path: Place::MapKey(&self.path, key), errors: self.errors }
    }

    /// Another value reported at this field's place.
    pub(crate) fn with<'b>(&'b self, value: &'b Value) -> Field<'b> {
        Field { value, ..*self }
    }

    /// The items of a list.
    pub(crate) fn items<'b>(&'b self) -> impl Iterator<Item = Field<'b>> {
        let list = self.value.as_array().into_iter().flatten();
        list.enumerate().map(|(index, value)| Field {
            value,
            path: Place::Index(&self.path, index),
            errors: self.errors,
        })
    }

    /// The entries of a map.
    pub(crate) fn entries<'b>(&'b self) -> impl Iterator<Item = (&'b str, Field<'b>)> {
        let map = self.value.as_object().into_iter().flatten();
        map.map(|(key, value)| {
            (key.as_str(), Field { value, path: Place::MapKey(&self.path, key), errors: self.errors })
        })
    }

    pub(crate) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The text, empty when it is missing.
    pub(crate) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub(crate) fn int(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(crate) fn flag(&self) -> bool {
        self.value.as_bool().unwrap_or_default()
    }

    pub(crate) fn map(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    pub(crate) fn len(&self) -> usize {
        crate::tree::len(self.value)
    }

    /// Reports an error made elsewhere.
    pub(crate) fn report(&self, error: FieldError) {
        self.errors.borrow_mut().push(error);
    }

    /// How many errors have been reported so far, of this field and of others.
    pub(crate) fn reported(&self) -> usize {
        self.errors.borrow().len()
    }

    pub(crate) fn place(&self) -> String {
        self.path.to_string()
    }

    pub(crate) fn required(&self, detail: &str) {
        self.report(FieldError::required(self.place(), detail));
    }

    pub(crate) fn forbidden(&self, detail: &str) {
        self.report(FieldError::forbidden(self.place(), detail));
    }

    /// The value is wrong; a missing one is shown as the empty text.
    pub(crate) fn invalid(&self, detail: &str) {
        let empty = Value::String(String::new());
        self.invalid_value(if self.is_set() { self.value } else { &empty }, detail);
    }

    /// Another value than the field's own is shown.
    pub(crate) fn invalid_value(&self, value: &Value, detail: &str) {
        self.report(FieldError::invalid(self.place(), value, detail));
    }

    pub(crate) fn duplicate(&self) {
        self.report(FieldError::duplicate(self.place(), self.value));
    }

    pub(crate) fn not_found(&self) {
        self.report(FieldError::not_found(self.place(), &self.text().into()));
    }

    /// One error per message.
    pub(crate) fn invalid_all(&self, messages: Messages) {
        messages.iter().for_each(|message| self.invalid(message));
    }

    /// A text that must be there and follow a rule.
    pub(crate) fn require(&self, detail: &str, rule: impl FnOnce(&str) -> Messages) {
        match self.text() {
            "" => self.required(detail),
            text => self.invalid_all(rule(text)),
        }
    }

    /// A text that must follow a rule when it is there.
    pub(crate) fn check(&self, rule: impl FnOnce(&str) -> Messages) {
        if !self.text().is_empty() {
            self.invalid_all(rule(self.text()));
        }
    }

    /// A text of a fixed set. `supported` stands in the message, in upstream's (sorted) order.
    pub(crate) fn one_of(&self, supported: &[&str]) {
        if !supported.contains(&self.text()) {
            self.not_supported(supported);
        }
    }

    /// A text of a fixed set, when it is there.
    pub(crate) fn check_one_of(&self, supported: &[&str]) {
        if !self.text().is_empty() {
            self.one_of(supported);
        }
    }

    pub(crate) fn not_supported(&self, supported: &[&str]) {
        let empty = Value::String(String::new());
        let value = if self.is_set() { self.value } else { &empty };
        self.report(FieldError::not_supported(self.place(), value, supported));
    }

    /// A text of a fixed set that must be there.
    pub(crate) fn require_one_of(&self, supported: &[&str]) {
        if self.text().is_empty() { self.required("") } else { self.one_of(supported) }
    }

    /// A number, missing or not negative.
    pub(crate) fn not_negative(&self) {
        if self.int().is_some_and(|number| number < 0) {
            self.invalid("must be greater than or equal to 0");
        }
    }

    /// Unchanged since `old`; upstream's declarative rules do not show the value.
    pub(crate) fn fixed(&self, old: &Value) {
        if self.value != old {
            self.invalid_value(&Value::Null, "field is immutable");
        }
    }

    /// Unchanged since `old`, which is the same field of the object as it was.
    pub(crate) fn immutable(&self, old: &Value) {
        if self.value != old {
            self.invalid_value(self.value, "field is immutable");
        }
    }
}
