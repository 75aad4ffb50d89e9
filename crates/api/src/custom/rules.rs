//! What a schema asks of values beside their type.

use regex::Regex;
use serde_json::{Number, Value};

use super::Structural;

/// The validating words of one schema.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub enumeration: Vec<Value>,
    pub format: String,
    pub pattern: Option<Pattern>,
    pub maximum: Option<Bound>,
    pub minimum: Option<Bound>,
    pub multiple_of: Option<Number>,
    pub lengths: Range,
    pub items: Range,
    pub properties: Range,
    pub unique_items: bool,
    pub required: Vec<String>,
    pub all_of: Vec<Structural>,
    pub any_of: Vec<Structural>,
    pub one_of: Vec<Structural>,
    pub not: Option<Structural>,
}

/// A pattern as it is written, and what it became; `None`: it is no regular expression, so nothing matches.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub text: String,
    pub regex: Option<Regex>,
}

/// A limit of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub value: Number,
    pub exclusive: bool,
}

/// The least and the most, of lengths and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl Rules {
    /// `None`: nothing is asked.
    pub(super) fn parse(props: &Value) -> Option<Self> {
        let list = |name: &str| props[name].as_array().cloned().unwrap_or_default();
        let schemas = |name: &str| list(name).iter().map(Structural::parse).collect::<Vec<_>>();
        let range = |min: &str, max: &str| Range { min: props[min].as_i64(), max: props[max].as_i64() };
        let rules = Self {
            enumeration: list("enum"),
            format: props["format"].as_str().unwrap_or_default().to_owned(),
            pattern: props["pattern"].as_str().filter(|text| !text.is_empty()).map(Pattern::new),
            maximum: Bound::parse(props, "maximum", "exclusiveMaximum"),
            minimum: Bound::parse(props, "minimum", "exclusiveMinimum"),
            multiple_of: number(&props["multipleOf"]),
            lengths: range("minLength", "maxLength"),
            items: range("minItems", "maxItems"),
            properties: range("minProperties", "maxProperties"),
            unique_items: props["uniqueItems"] == true,
            required: list("required").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            all_of: schemas("allOf"),
            any_of: schemas("anyOf"),
            one_of: schemas("oneOf"),
            not: props["not"].is_object().then(|| Structural::parse(&props["not"])),
        };
        (!rules.is_empty()).then_some(rules)
    }

    fn is_empty(&self) -> bool {
        let lists = [&self.all_of, &self.any_of, &self.one_of];
        self.enumeration.is_empty()
            && self.format.is_empty()
            && self.pattern.is_none()
            && self.maximum.is_none()
            && self.minimum.is_none()
            && self.multiple_of.is_none()
            && [self.lengths, self.items, self.properties].iter().all(|range| *range == Range::default())
            && !self.unique_items
            && self.required.is_empty()
            && lists.iter().all(|list| list.is_empty())
            && self.not.is_none()
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), regex: cel::compile_pattern(text).ok() }
    }
}

impl Bound {
    fn parse(props: &Value, name: &str, exclusive: &str) -> Option<Self> {
        number(&props[name]).map(|value| Self { value, exclusive: props[exclusive] == true })
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        _ => None,
    }
}
