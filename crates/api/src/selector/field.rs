//! Field selectors: `status.phase!=Running,spec.nodeName=n1`, with `\` escapes in values.

use std::fmt;

use super::SelectorError;

/// All requirements must hold. Which fields a kind knows is the caller's matter (`Hooks::selectable_fields`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    pub field: String,
    pub operator: FieldOperator,
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOperator {
    Equals,
    NotEquals,
}

impl FieldSelector {
    /// Matches every object.
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let terms = terms.into_iter().filter(|term| !term.is_empty());
        let requirements = terms.map(|term| requirement(text, term)).collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }

    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The value that `field` must have, if one is asked for.
    pub fn exact(&self, field: &str) -> Option<&str> {
        let exact = |own: &&FieldRequirement| own.field == field && own.operator == FieldOperator::Equals;
        self.requirements.iter().find(exact).map(|own| own.value.as_str())
    }

    /// Whether an object's fields, looked up by the function, fulfil all requirements; an absent field is empty.
    pub fn matches_with<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|own| {
            let equal = field(&own.field).unwrap_or_default() == own.value;
            equal == (own.operator == FieldOperator::Equals)
        })
    }

    /// Whether these fields fulfil all requirements.
    pub fn matches(&self, fields: &[(&str, String)]) -> bool {
        self.matches_with(|name| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str()))
    }
}

/// Splits at commas that no backslash precedes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|letter| {
        let comma = letter == ',' && !escaped;
        escaped = letter == '\\' && !escaped;
        comma
    })
    .collect()
}

fn requirement(selector: &str, term: &str) -> Result<FieldRequirement, SelectorError> {
    let operators = [("!=", FieldOperator::NotEquals), ("==", FieldOperator::Equals), ("=", FieldOperator::Equals)];
    let first = term.char_indices().find_map(|(at, _)| {
        operators.iter().find(|(text, _)| term[at..].starts_with(text)).map(|(text, operator)| (at, *text, *operator))
    });
    let Some((at, text, operator)) = first else {
        return Err(SelectorError::Term { selector: selector.to_owned(), term: term.to_owned() });
    };
    Ok(FieldRequirement { field: term[..at].to_owned(), operator, value: unescape(&term[at + text.len()..])? })
}

fn unescape(text: &str) -> Result<String, SelectorError> {
    let mut value = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => value.push(escaped),
                other => return Err(SelectorError::Escape(std::iter::once('\\').chain(other).collect())),
            },
            ',' | '=' => return Err(SelectorError::Unescaped(letter.into())),
            _ => value.push(letter),
        }
    }
    Ok(value)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, own) in self.requirements.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let operator = if own.operator == FieldOperator::Equals { "=" } else { "!=" };
            let value = own.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{comma}{}{operator}{value}", own.field)?;
        }
        Ok(())
    }
}
