//! Printer columns, subresources and selectable fields: paths into the objects.

use serde_json::Value;

use crate::field::Field;
use crate::tree::at;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 9] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "name", "password"];
const SELECTABLE_MAX: usize = 8;

pub(super) fn column(column: &Field) {
    if column.get("name").text().is_empty() {
        column.get("name").required("");
    }
    let kind = column.get("type");
    let wanted = format!("must be one of {}", TYPES.join(","));
    match kind.text() {
        "" => kind.required(&wanted),
        text if !TYPES.contains(&text) => kind.invalid(&wanted),
        _ => {}
    }
    let format = column.get("format");
    if !format.text().is_empty() && !FORMATS.contains(&format.text()) {
        format.invalid(&format!("must be one of {}", FORMATS.join(",")));
    }
    // The internal type's name of the field, which upstream reports.
    let path = column.get("jsonPath");
    let path = path.value;
    let place = column.get("JSONPath");
    match path.as_str().unwrap_or_default() {
        "" => place.required(""),
        _ => drop(simple(&place.with(path))),
    }
}

pub(super) fn subresources(subresources: &Field) {
    let scale = subresources.get("scale");
    if !scale.is_set() {
        return;
    }
    for (name, roots) in [("specReplicasPath", &[".spec."][..]), ("statusReplicasPath", &[".status."][..])] {
        let place = scale.get(name);
        match place.text() {
            "" => place.required(""),
            _ => below(&place, roots, &format!("should be a json path under {}", roots[0].trim_end_matches('.'))),
        }
    }
    let selector = scale.get("labelSelectorPath");
    if !selector.text().is_empty() {
        below(&selector, &[".spec.", ".status."], "should be a json path under either .spec or .status");
    }
}

fn below(place: &Field, roots: &[&str], why: &str) {
    if simple(place) && !roots.iter().any(|root| place.text().starts_with(root)) {
        place.invalid(why);
    }
}

fn simple(path: &Field) -> bool {
    let fits = path.text().starts_with('.');
    if !fits {
        path.invalid("must be a simple json path starting with .");
    }
    fits
}

pub(super) fn selectable(fields: &Field, schema: &Value) {
    let mut known: Vec<String> = Vec::new();
    for field in fields.items() {
        let place = field.get("jsonPath");
        let path = place.text();
        if path.is_empty() {
            place.required("");
            continue;
        }
        let names = path.trim_start_matches('.').split('.');
        let found = names.clone().try_fold(schema, |schema, name| {
            schema["properties"]
                .get(name)
                .or_else(|| Some(at(schema, "additionalProperties")).filter(|schema| schema.is_object()))
        });
        let in_metadata = names.clone().next() == Some("metadata");
        let Some(found) = found.filter(|_| path.starts_with('.')).or(in_metadata.then_some(&Value::Null)) else {
            place.invalid(&format!("is an invalid path: does not refer to a valid field {path}"));
            continue;
        };
        if in_metadata {
            place.invalid("must not point to fields in metadata");
        }
        if !matches!(found["type"].as_str(), Some("string" | "boolean" | "integer")) {
            place.invalid(
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
            );
        }
        if known.iter().any(|known| known == path) {
            place.duplicate();
        } else {
            known.push(path.to_owned());
        }
    }
    if known.len() > SELECTABLE_MAX {
        fields.report(crate::field_error::FieldError::too_many(fields.place(), known.len(), SELECTABLE_MAX));
    }
}
