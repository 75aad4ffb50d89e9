//! Label selectors: what upstream's labels.Selector and metav1.LabelSelector mean.

use std::fmt;

use serde_json::{Map, Value};

use super::{SelectorError, label_text};
use crate::names;

/// All requirements must hold. Sorted by key, as upstream prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl LabelSelector {
    /// Matches every object.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Matches no object.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Reads `a=b,c!=d,e in (f,g),h,!i,j>1`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self::of(label_text::parse(text)?))
    }

    /// From a metav1.LabelSelector: absent matches nothing, empty matches everything.
    pub fn from_json(selector: &Value) -> Result<Self, SelectorError> {
        let Some(selector) = selector.as_object() else {
            return Ok(Self::nothing());
        };
        let labels = selector.get("matchLabels").and_then(Value::as_object);
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        let mut requirements = Vec::new();
        for (key, value) in labels.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key.clone(), Operator::Equals, vec![value])?);
        }
        for expression in expressions.into_iter().flatten() {
            requirements.push(Requirement::from_json(expression)?);
        }
        Ok(Self::of(requirements))
    }

    /// From a plain map of labels (ReplicationController, Service): an empty map matches everything. Not validated.
    pub fn from_map(labels: &Map<String, Value>) -> Self {
        let exact = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        };
        Self::of(labels.iter().map(exact).collect())
    }

    fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|left, right| left.key.cmp(&right.key));
        Self { requirements, nothing: false }
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether labels, looked up by the function, fulfil all requirements.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(label(&requirement.key)))
    }

    /// Whether an object's labels (`None`: it has none) fulfil all requirements.
    pub fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.matches_with(|key| labels?.get(key)?.as_str())
    }
}

impl Requirement {
    /// Checks key, operator and values against each other.
    pub fn new(key: String, operator: Operator, values: Vec<String>) -> Result<Self, SelectorError> {
        let mut errors = Vec::new();
        push_invalid(&mut errors, "key", &key, names::qualified_name(&key));
        let shown = || serde_json::to_string(&values).expect("strings are JSON");
        let wrong = match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                Some("exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Some("values set must be empty for exists and does not exist")
            }
            Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        };
        errors.extend(wrong.map(|wrong| format!("values: Invalid value: {}: {wrong}", shown())));
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err() {
                let wrong = vec!["for 'Gt', 'Lt' operators, the value must be an integer".to_owned()];
                push_invalid(&mut errors, &format!("values[{index}]"), value, wrong);
            }
        }
        for (index, value) in values.iter().enumerate() {
            push_invalid(&mut errors, &format!("values[{index}][{key}]"), value, names::label_value(value));
        }
        match errors.len() {
            0 => Ok(Self { key, operator, values }),
            1 => Err(SelectorError::Requirement(errors.remove(0))),
            _ => Err(SelectorError::Requirement(format!("[{}]", errors.join(", ")))),
        }
    }

    fn from_json(expression: &Value) -> Result<Self, SelectorError> {
        let word = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
        let operator = match word("operator") {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(SelectorError::Operator(other.to_owned())),
        };
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = values.map(|value| value.as_str().unwrap_or_default().to_owned()).collect();
        Self::new(word("key").to_owned(), operator, values)
    }

    /// Whether a label's value (`None`: the label is absent) fulfils the requirement.
    pub fn matches(&self, value: Option<&str>) -> bool {
        let has = |value: &str| self.values.iter().any(|own| own == value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(has),
            Operator::NotIn | Operator::NotEquals => !value.is_some_and(has),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => self.compares(value, |label, own| label > own),
            Operator::LessThan => self.compares(value, |label, own| label < own),
        }
    }

    fn compares(&self, value: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let own = self.values.first().and_then(|own| own.parse().ok());
        let label = value.and_then(|value| value.parse().ok());
        matches!((label, own), (Some(label), Some(own)) if holds(label, own))
    }
}

fn push_invalid(errors: &mut Vec<String>, path: &str, value: &str, messages: Vec<String>) {
    if !messages.is_empty() {
        errors.push(format!("{path}: Invalid value: {value:?}: {}", messages.join("; ")));
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        values.sort_unstable();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}
