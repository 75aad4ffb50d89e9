//! Which objects of a collection a request is about: label and field selectors over the meta beside the bytes.

use api::kind::Kind;
use api::selector::{FieldRequirement, FieldSelector, LabelSelector};
use serde_json::Value;
use store::Item;

use super::Scope;
use crate::custom::Reader;
use crate::meta::Meta;
use crate::objects;
use crate::options::ListOptions;
use crate::status::Status;
use crate::view;

/// The selectors of one request.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    kind: &'static Kind,
    labels: Option<LabelSelector>,
    fields: Option<FieldSelector>,
    /// The one name that is asked for, when it is one.
    name: Option<String>,
}

impl Selection {
    /// `named`: the one object that path or selector name, which is all the caller may have been allowed.
    pub fn new(kind: &'static Kind, options: &ListOptions, named: &str) -> Result<Self, Status> {
        let labels = parse(&options.label_selector, LabelSelector::parse)?;
        let fields = parse(&options.field_selector, FieldSelector::parse)?;
        if let Some(fields) = &fields {
            check_fields(kind, fields)?;
        }
        let exact = fields.as_ref().and_then(|fields| fields.exact("metadata.name"));
        if !named.is_empty() && fields.is_some() && exact != Some(named) {
            return Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name"));
        }
        let name = exact.or(Some(named).filter(|name| !name.is_empty())).map(str::to_owned);
        Ok(Self { kind, labels, fields, name })
    }

    /// The keys among which it selects: one object's, those of one namespace, or all. (A key may be the beginning of others'.)
    pub fn prefix(&self, scope: &Scope<'_>) -> String {
        match &self.name {
            Some(name) if self.is_single(scope) => objects::key(self.kind, self.namespace(scope), name),
            _ => objects::prefix(self.kind, self.namespace(scope)),
        }
    }

    /// One key is asked for. Upstream reads it without pages.
    pub fn is_single(&self, scope: &Scope<'_>) -> bool {
        self.name.is_some() && (!self.kind.namespaced || !self.namespace(scope).is_empty())
    }

    /// The request's namespace, else the selector's.
    fn namespace<'a>(&'a self, scope: &'a Scope<'_>) -> &'a str {
        let selected = || self.fields.as_ref().and_then(|fields| fields.exact("metadata.namespace"));
        match scope.namespace {
            "" if self.kind.namespaced => selected().unwrap_or_default(),
            namespace => namespace,
        }
    }

    /// Everything is asked for.
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none() && self.name.is_none()
    }

    /// It looks at fields of objects that only a webhook can show in this version: they are to be read before they are matched.
    pub fn looks_inside(&self, reader: &Reader) -> bool {
        reader.asks_webhook() && self.fields.as_ref().is_some_and(|fields| fields.requirements().iter().any(is_own))
    }

    pub fn matches(&self, item: &Item<Meta>) -> bool {
        let meta = &item.meta;
        if self.name.as_ref().is_some_and(|name| *name != meta.name) {
            return false;
        }
        let labels = |key: &str| meta.labels.get(key).map(String::as_str);
        self.labels.as_ref().is_none_or(|selector| selector.matches_with(labels))
            && self.fields.as_ref().is_none_or(|selector| self.fields_match(selector, item))
    }

    fn fields_match(&self, selector: &FieldSelector, item: &Item<Meta>) -> bool {
        let meta = &item.meta;
        let parsed = self.kind.storage_version.is_some() || self.kind.hooks.custom;
        let converted = parsed.then(|| self.kind.selectable_fields(&view::parsed(self.kind, item)));
        let own = converted.as_ref().unwrap_or(&meta.fields);
        selector.matches_with(|field| match field {
            "metadata.name" => Some(meta.name.as_str()),
            "metadata.namespace" => Some(meta.namespace.as_str()),
            field => own.iter().find(|(label, _)| *label == field).map(|(_, value)| value.as_str()),
        })
    }
}

fn parse<T>(text: &str, parse: impl Fn(&str) -> Result<T, api::selector::SelectorError>) -> Result<Option<T>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|error| Status::bad_request(error.to_string()))
}

/// Metadata is the same in every version.
fn is_own(requirement: &FieldRequirement) -> bool {
    !requirement.field.starts_with("metadata.")
}

fn check_fields(kind: &Kind, fields: &FieldSelector) -> Result<(), Status> {
    let own: Vec<&str> = kind.selectable_fields(&Value::Null).into_iter().map(|(label, _)| label).collect();
    for label in fields.requirements().iter().map(|requirement| requirement.field.as_str()) {
        if matches!(label, "metadata.name" | "metadata.namespace") || own.contains(&label) {
            continue;
        }
        return Err(Status::bad_request(match own.is_empty() {
            true => format!("{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
            false => format!("field label not supported: {label}"),
        }));
    }
    Ok(())
}
