//! Defaults are values their own schema takes, its rules included, without anything it would prune (apiextensions-apiserver
//! pkg/apiserver/schema/defaulting). A default within metadata is looked at as part of an object that has nothing else.

use cel::limits;
use serde_json::{Value, json};

use crate::custom::{Run, Structural};
use crate::field::Field;
use crate::field_error::FieldError;

/// Whether all defaults hold; if not, that is reported.
pub(super) fn root(schema: &Field) -> bool {
    let before = schema.reported();
    let resource = Resource { schema, metadata: None };
    walk(schema, resource, &mut Some(limits::RUNTIME_BUDGET));
    schema.reported() == before
}

/// The object that a value is part of.
#[derive(Clone, Copy)]
struct Resource<'a> {
    schema: &'a Field<'a>,
    /// The way to a value within metadata, apiVersion or kind.
    metadata: Option<&'a Step<'a>>,
}

/// A step into an object.
enum Step<'a> {
    Field(Option<&'a Step<'a>>, &'a str),
    Item(&'a Step<'a>),
}

impl Step<'_> {
    /// An object that has this value at this place, and nothing else.
    fn around(&self, value: Value) -> Value {
        match self {
            Step::Field(None, name) => {
                let mut object = json!({"apiVersion": "validation/v1", "kind": "Validation"});
                object[*name] = value;
                object
            }
            Step::Field(Some(parent), name) => parent.around(json!({ *name: value })),
            Step::Item(parent) => parent.around(json!([value])),
        }
    }
}

/// `budget`: what all rules together may still cost; `None`: it was not enough, and nothing more is looked at.
fn walk(schema: &Field, resource: Resource, budget: &mut Option<u64>) {
    if !schema.value.is_object() || budget.is_none() {
        return;
    }
    let top = std::ptr::eq(schema.value, resource.schema.value);
    let embedded = top || schema.get("x-kubernetes-embedded-resource").flag();
    let resource = if embedded { Resource { schema, metadata: None } } else { resource };
    check(schema, resource, budget);
    let item = resource.metadata.map(Step::Item);
    walk(&schema.get("items"), Resource { metadata: item.as_ref(), ..resource }, budget);
    for (name, property) in schema.get("properties").entries() {
        let enters = embedded && matches!(name, "apiVersion" | "kind" | "metadata");
        let step = (enters || resource.metadata.is_some()).then_some(Step::Field(resource.metadata, name));
        walk(&property, Resource { metadata: step.as_ref(), ..resource }, budget);
    }
}

fn check(schema: &Field, resource: Resource, budget: &mut Option<u64>) {
    let default = schema.get("default");
    if !default.is_set() {
        return;
    }
    let structural = parse(schema, resource);
    let is_sound = match resource.metadata {
        Some(step) => metadata(&default, step.around(default.value.clone()), resource),
        None => plain(&default, &structural),
    };
    if !is_sound {
        return;
    }
    let errors = structural.validate_part(default.value);
    if errors.is_empty() && structural.has_rules {
        rules(&default, &structural, budget);
    }
    errors.into_iter().for_each(|error| below(&default, error));
}

fn parse(schema: &Field, resource: Resource) -> Structural {
    let mut structural = match std::ptr::eq(schema.value, resource.schema.value) {
        true => Structural::parse_root(schema.value),
        false => Structural::parse(schema.value),
    };
    structural.embedded |= std::ptr::eq(schema.value, resource.schema.value);
    structural
}

/// A default outside of metadata; there may be whole objects in it. Whether they are sound.
fn plain(default: &Field, structural: &Structural) -> bool {
    if structural.prunes(&mut default.value.clone()) {
        default.invalid("must not have unknown fields");
    }
    let errors = structural.resources_within(default.value, &default.place());
    let is_sound = errors.is_empty();
    errors.into_iter().for_each(|error| default.report(error));
    is_sound
}

/// A default within metadata. Whether that is sound.
fn metadata(default: &Field, object: Value, resource: Resource) -> bool {
    let errors = parse(resource.schema, resource).resources_within(&object, "");
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let said = match said.as_slice() {
        [] => return true,
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    default.invalid(&format!("must result in valid metadata: {said}"));
    false
}

/// An error of a value, told at the default's place.
fn below(default: &Field, error: FieldError) {
    let place = default.place();
    let field = match error.field.as_str() {
        "" | "<nil>" => place,
        field if field.starts_with('[') => format!("{place}{field}"),
        field => format!("{place}.{field}"),
    };
    default.report(FieldError { field, ..error });
}

/// Rules hold for a default that was there before, and for one that was not.
fn rules(default: &Field, structural: &Structural, budget: &mut Option<u64>) {
    let (start, place) = (*budget, default.place());
    for old in [Some(default.value), None] {
        let mut run = Run::new(start);
        run.strict(structural, default.value, old, &place);
        *budget = run.budget.min(*budget);
        let errors = run.into_errors();
        if !errors.is_empty() {
            return errors.into_iter().for_each(|error| default.report(error));
        }
    }
}
