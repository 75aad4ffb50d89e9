//! What an expression may name: variables with their declarations, the types of objects, and the version of Kubernetes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decl::{Decl, ObjectDecl};
use crate::functions::{Overload, overloads};
use crate::types::Type;

/// The newest minor version of Kubernetes 1.x whose functions are known.
pub const NEWEST: u32 = 37;

#[derive(Debug, Clone)]
pub struct Env {
    pub(crate) minor: u32,
    variables: Vec<(String, Arc<Decl>)>,
    objects: BTreeMap<Arc<str>, Arc<ObjectDecl>>,
    sizes: Option<Arc<Decl>>,
    mutation: bool,
}

impl Env {
    /// `minor`: the functions and macros of Kubernetes 1.`minor` are known.
    pub fn new(minor: u32) -> Env {
        Env { minor, variables: Vec::new(), objects: BTreeMap::new(), sizes: None, mutation: false }
    }

    #[must_use]
    pub fn with(mut self, name: &str, decl: impl Into<Arc<Decl>>) -> Env {
        let decl = decl.into();
        decl.collect_objects(&mut self.objects);
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), decl));
        self
    }

    /// Where the static estimate finds how large what a path names may be; upstream looks into the type of `self`, whatever the variable.
    #[must_use]
    pub fn with_sizes_of(mut self, decl: impl Into<Arc<Decl>>) -> Env {
        self.sizes = Some(decl.into());
        self
    }

    /// Allows the literals of mutating policies: `Object{...}`, `Object.spec{...}`, `JSONPatch{...}`.
    #[must_use]
    pub fn with_mutation(mut self) -> Env {
        self.mutation = true;
        self
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&Arc<Decl>> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, decl)| decl)
    }

    /// Whether a function is known here.
    pub(crate) fn overloads(&self, function: &str) -> Option<Vec<&'static Overload>> {
        if !self.mutation && function.starts_with("jsonpatch.") {
            return None;
        }
        overloads(function, self.minor)
    }

    pub(crate) fn sizes(&self) -> Option<&Decl> {
        self.sizes.as_deref()
    }

    pub(crate) fn object_type(&self, name: &str) -> Option<Type> {
        let known = self.objects.contains_key(name) || self.is_mutation(name);
        known.then(|| Type::object(name))
    }

    fn is_mutation(&self, name: &str) -> bool {
        self.mutation && (name == "Object" || name == "JSONPatch" || name.starts_with("Object."))
    }

    /// The type of a field, or what is wrong with asking for it.
    pub(crate) fn field_type(&self, object: &str, field: &str) -> Result<Type, String> {
        if self.is_mutation(object) {
            return match (object, field) {
                ("JSONPatch", "op" | "path" | "from") => Ok(Type::String),
                ("JSONPatch", "value") => Ok(Type::Dyn),
                ("JSONPatch", _) => Err(format!("expected type of field '{field}' is '' but another type is provided")),
                _ => Ok(Type::Dyn),
            };
        }
        let Some(decl) = self.objects.get(object) else {
            return Err(format!("unexpected failed resolution of '{object}'"));
        };
        let found = decl.field(field).or_else(|| decl.field(&format!("__{field}__")));
        found.map(|field| field.decl.ty()).ok_or_else(|| format!("undefined field '{field}'"))
    }
}
