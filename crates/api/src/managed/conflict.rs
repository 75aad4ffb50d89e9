//! Fields an apply would take from other managers.

use std::fmt;

use super::managers::ManagerId;
use super::set::FieldSet;

/// One field and its owner, as upstream prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// `"kubectl" using apps/v1`
    pub manager: String,
    /// `.spec.replicas`
    pub field: String,
    path: Vec<super::path::PathElement>,
}

/// By manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts(Vec<Conflict>);

impl Conflicts {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Conflict> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, id: &ManagerId, fields: &FieldSet) {
        let manager = id.shown();
        self.0.extend(fields.paths().into_iter().map(|path| {
            let field = path.iter().map(ToString::to_string).collect();
            Conflict { manager: manager.clone(), field, path }
        }));
    }

    /// Without those whose field is in the set.
    pub(super) fn without(&self, allowed: &FieldSet) -> Self {
        Self(self.0.iter().filter(|conflict| !allowed.has(&conflict.path)).cloned().collect())
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = &self.0[..] {
            return write!(f, "Apply failed with 1 conflict: conflict with {}: {}", one.manager, one.field);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last: Option<&str> = None;
        for conflict in &self.0 {
            if last != Some(&conflict.manager) {
                let gap = if last.is_some() { "\n" } else { "" };
                write!(f, "{gap}conflicts with {}:", conflict.manager)?;
            }
            write!(f, "\n- {}", conflict.field)?;
            last = Some(&conflict.manager);
        }
        Ok(())
    }
}
