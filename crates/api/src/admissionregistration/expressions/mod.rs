//! The expressions of webhooks and admission policies: compiled once, run over requests (apiserver's pkg/admission/plugin/cel and policy).
//! Pure: what they look at and whom they ask for authorization is handed in.

mod composition;
mod conditions;
mod environment;
mod evaluation;
mod mutation;
mod typecheck;
mod validation;

#[cfg(test)]
mod tests;

pub use composition::Composition;
pub use conditions::{Conditions, Match};
pub use environment::{Inputs, Names};
pub use mutation::{Mutations, NotMutated};
pub(crate) use mutation::{configuration_type, patch_type};
pub use typecheck::{ExpressionWarning, type_check};
pub use validation::{Annotation, Decision, Validations, Verdict};
