//! Structural schemas (KEP-1693): every value has a type outside of the junctors, and the junctors say nothing but what values hold.

use serde_json::{Value, json};

use crate::field::Field;
use crate::tree::at;

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Whether the schema is structural; if not, that is reported.
pub(super) fn root(schema: &Field) -> bool {
    let found = std::cell::Cell::new(0);
    let count = Counted { count: &found };
    invariants(schema, Level::Root, &count);
    complete(schema, schema, &count);
    found.get() == 0
}

/// Counts what is reported.
struct Counted<'a> {
    count: &'a std::cell::Cell<usize>,
}

impl Counted<'_> {
    fn required(&self, field: &Field, why: &str) {
        self.count.set(self.count.get() + 1);
        field.required(why);
    }

    fn invalid(&self, field: &Field, why: &str) {
        self.count.set(self.count.get() + 1);
        field.invalid(why);
    }

    fn forbidden(&self, field: &Field, why: &str) {
        self.count.set(self.count.get() + 1);
        field.forbidden(why);
    }
}

fn invariants(schema: &Field, level: Level, report: &Counted) {
    let (kind, items) = (schema.get("type"), schema.get("items"));
    if kind.text() == "array" && !items.is_set() {
        report.required(&items, "must be specified");
    }
    if items.value.is_object() {
        invariants(&items, Level::Item, report);
    }
    for (_, property) in schema.get("properties").entries() {
        invariants(&property, Level::Field, report);
    }
    let additional = schema.get("additionalProperties");
    if additional.is_set() && level == Level::Root {
        report.forbidden(&additional, "must not be used at the root");
    }
    if additional.value.is_object() {
        invariants(&additional, Level::Field, report);
    }
    extensions(schema, report);
    junctors(schema, is_int_or_string(schema.value), report);
    typed(schema, level, report);
    resource(schema, level, report);
}

fn extensions(schema: &Field, report: &Counted) {
    if !schema.get("x-kubernetes-int-or-string").flag() {
        return;
    }
    for word in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if schema.get(word).flag() {
            report.invalid(&schema.get(word), "must be false if x-kubernetes-int-or-string is true");
        }
    }
}

fn typed(schema: &Field, level: Level, report: &Counted) {
    let kind = schema.get("type");
    let flag = |word: &str| schema.get(&format!("x-kubernetes-{word}")).flag();
    if flag("embedded-resource") {
        const WHY: &str = "must be object if x-kubernetes-embedded-resource is true";
        match kind.text() {
            "" => report.required(&kind, WHY),
            "object" => {}
            _ => report.invalid(&kind, WHY),
        }
        if schema.get("additionalProperties").is_set() {
            let additional = schema.get("additionalProperties");
            report.forbidden(&additional, "must not be used if x-kubernetes-embedded-resource is set");
        }
        if !flag("preserve-unknown-fields") && schema.get("properties").len() == 0 {
            let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
            report.required(&schema.get("properties"), why);
        }
    } else if kind.text().is_empty() && !flag("int-or-string") && !flag("preserve-unknown-fields") {
        report.required(
            &kind,
            match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            },
        );
    }
    if level == Level::Root && !kind.text().is_empty() && kind.text() != "object" {
        report.invalid(&kind, "must be object at the root");
    }
}

/// apiVersion, kind and metadata are given; a schema can only restrict names.
fn resource(schema: &Field, level: Level, report: &Counted) {
    let embedded = schema.get("x-kubernetes-embedded-resource").flag();
    if level != Level::Root && !embedded {
        return;
    }
    let properties = schema.get("properties");
    for name in ["kind", "apiVersion"] {
        let property = properties.entry(name);
        if property.is_set() && property.get("type").text() != "string" {
            report.invalid(&property.get("type"), "must be string");
        }
    }
    let metadata = properties.entry("metadata");
    if !metadata.is_set() {
        return;
    }
    if metadata.get("type").text() != "object" {
        report.invalid(&metadata.get("type"), "must be object");
    }
    let names = metadata.get("properties");
    let only_names = names.entries().all(|(name, _)| matches!(name, "name" | "generateName"));
    let words = metadata.value.as_object().into_iter().flatten().map(|(word, _)| word.as_str());
    let allowed = |word: &str| matches!(word, "type" | "properties" | "default");
    if level == Level::Root && !(only_names && words.into_iter().all(allowed)) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        report.forbidden(&metadata, why);
    }
}

/// `anyOf: [{type: integer}, {type: string}]`, which int-or-string may have, alone or first in an `allOf`.
fn is_int_or_string(schema: &Value) -> bool {
    schema["anyOf"] == json!([{"type": "integer"}, {"type": "string"}])
}

fn junctors(schema: &Field, skip_any_of: bool, report: &Counted) {
    if !skip_any_of {
        schema.get("anyOf").items().for_each(|nested| self::nested(&nested, false, report));
    }
    for (at, nested) in schema.get("allOf").items().enumerate() {
        self::nested(&nested, at == 0 && is_int_or_string(nested.value), report);
    }
    schema.get("oneOf").items().for_each(|nested| self::nested(&nested, false, report));
    if schema.get("not").value.is_object() {
        nested(&schema.get("not"), false, report);
    }
    let pattern = schema.get("pattern");
    if !pattern.text().is_empty()
        && let Err(error) = cel::compile_pattern(pattern.text())
    {
        report.invalid(&pattern, &format!("must be a valid regular expression, but isn't: {error}"));
    }
}

/// A schema under a junctor.
fn nested(schema: &Field, skip_any_of: bool, report: &Counted) {
    junctors(schema, skip_any_of, report);
    if schema.get("items").value.is_object() {
        nested(&schema.get("items"), false, report);
    }
    for (_, property) in schema.get("properties").entries() {
        nested(&property, false, report);
    }
    let refuse = |word: &str, is_set: bool, why: &str| {
        if is_set {
            report.forbidden(&schema.get(word), &format!("must be {why} to be structural"));
        }
    };
    let is_text = |word: &str| !schema.get(word).text().is_empty();
    refuse("type", is_text("type"), "empty");
    refuse("additionalProperties", schema.get("additionalProperties").is_set(), "undefined");
    refuse("default", schema.get("default").is_set(), "undefined");
    refuse("title", is_text("title"), "empty");
    refuse("description", is_text("description"), "empty");
    refuse("nullable", schema.get("nullable").flag(), "false");
    for word in ["preserve-unknown-fields", "embedded-resource", "int-or-string"] {
        let word = format!("x-kubernetes-{word}");
        refuse(&word, schema.get(&word).flag(), "false");
    }
    refuse("x-kubernetes-list-map-keys", schema.get("x-kubernetes-list-map-keys").len() > 0, "empty");
    for word in ["x-kubernetes-list-type", "x-kubernetes-map-type"] {
        refuse(word, schema.get(word).is_set(), "undefined");
    }
    refuse("x-kubernetes-validations", schema.get("x-kubernetes-validations").len() > 0, "empty");
    let properties = schema.get("properties");
    if properties.entry("metadata").is_set() {
        report.forbidden(&properties.entry("metadata"), "must not be specified in a nested context");
    }
}

/// What the junctors of `rules` speak of is specified in `schema`.
fn complete(schema: &Field, rules: &Field, report: &Counted) {
    let nested = |nested: &Field| covered(schema, nested, report);
    if rules.get("not").value.is_object() {
        nested(&rules.get("not"));
    }
    for junctor in ["allOf", "anyOf", "oneOf"] {
        rules.get(junctor).items().for_each(|schema| nested(&schema));
    }
}

fn covered(schema: &Field, nested: &Field, report: &Counted) {
    complete(schema, nested, report);
    let because = |place: &Field| format!("because it is defined in {}", place.place());
    let items = nested.get("items");
    if items.value.is_object() {
        match at(schema.value, "items").is_object() {
            true => covered(&schema.get("items"), &items, report),
            false => report.required(&schema.get("items"), &because(&items)),
        }
    }
    let (known, properties) = (schema.get("properties"), nested.get("properties"));
    for (name, property) in properties.entries() {
        let own = known.entry(name);
        match own.is_set() {
            true => covered(&own, &property, report),
            false => report.required(&own, &because(&property)),
        }
    }
}
