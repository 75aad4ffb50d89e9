//! What a body says twice, or says of fields that nobody knows: fieldValidation decides whether that is refused, told in warnings or let be.

use api::decode::{Duplicate, strict_errors};
use api::schema::{FieldIssue, IssueKind};

use crate::admit::Warnings;
use crate::options::FieldValidation;
use crate::status::{Cause, Status};

/// The strict decoding errors of a body: texts as upstream has them, and a cause for every field.
#[derive(Clone, Debug, Default)]
pub struct Strict {
    texts: Vec<String>,
    causes: Vec<Cause>,
    /// What is worth a warning, and refuses nothing.
    notes: Vec<String>,
}

impl Strict {
    /// Of a text: fields named twice, and a second document, which upstream passes over without a word.
    pub fn of_text(duplicates: &[Duplicate], second_document: Option<usize>) -> Self {
        let mut strict = Self { texts: strict_errors(duplicates), ..Self::default() };
        for duplicate in duplicates {
            strict.cause("FieldValueDuplicate", duplicate.to_string(), &duplicate.path);
        }
        if let Some(line) = second_document {
            let text = format!("yaml: only the first document is read, a second one begins at line {line}");
            strict.notes.push(text);
        }
        strict
    }

    /// Adds what a schema does not know.
    pub fn with(mut self, issues: &[FieldIssue]) -> Self {
        for issue in issues {
            let text = described(issue);
            if issue.kind == IssueKind::Unknown {
                self.cause("FieldValueInvalid", text.clone(), &issue.path);
            }
            self.texts.push(text);
        }
        self
    }

    fn cause(&mut self, reason: &str, message: String, field: &str) {
        self.causes.push(Cause { reason: reason.to_owned(), message, field: field.to_owned() });
    }

    /// As fieldValidation wants it; `refuse` makes the answer of a text, and the causes are added to it.
    pub fn judge(
        self,
        validation: FieldValidation,
        warnings: &Warnings,
        refuse: impl FnOnce(&str) -> Status,
    ) -> Result<(), Status> {
        if validation != FieldValidation::Ignore {
            self.notes.into_iter().for_each(|text| warnings.add(text));
        }
        match validation {
            FieldValidation::Strict if !self.texts.is_empty() => {
                let mut status = refuse(&self.texts.join(", "));
                status.details_mut().causes.extend(self.causes);
                Err(status)
            }
            FieldValidation::Warn => {
                self.texts.into_iter().for_each(|text| warnings.add(text));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The issue, and what was probably meant.
pub fn described(issue: &FieldIssue) -> String {
    match &issue.suggestion {
        Some(meant) => format!("{} (did you mean {meant:?}?)", issue.message),
        None => issue.message.clone(),
    }
}
