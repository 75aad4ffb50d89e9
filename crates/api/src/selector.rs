//! Selectors: which labels or fields an object must have. Text and JSON in, canonical text out, with upstream's rules and messages.

mod field;
mod label;
mod label_text;

pub use field::{FieldOperator, FieldRequirement, FieldSelector};
pub use label::{LabelSelector, Operator, Requirement};

/// Why a selector was refused; upstream's messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    #[error("{0}")]
    Syntax(String),
    /// A key or value breaks its rule.
    #[error("{0}")]
    Requirement(String),
    #[error("{0:?} is not a valid label selector operator")]
    Operator(String),
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term { selector: String, term: String },
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(u32),
}

#[cfg(test)]
mod tests;
