//! Short texts of queries, fields and flags: selectors, quantities, JSONPath.

use std::sync::LazyLock;

use api::json_path::{JsonPath, template};
use api::quantity::{Quantity, written_form};
use api::selector::{FieldSelector, LabelSelector};
use serde_json::{Value, json};

static OBJECT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "kind": "List",
        "items": [
            {"metadata": {"name": "a", "labels": {"kubernetes.io/os": "linux"}}, "n": [1, -2, 0.5], "t": true},
            {"metadata": {"name": "b"}, "n": [], "t": null, "deep": {"a": {"a": {"a": [[[{"name": "c"}]]]}}}},
        ],
    })
});

pub fn selectors(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(selector) = LabelSelector::parse(text) {
        selector.matches(None);
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        selector.matches(&[("metadata.name", "a".to_owned())]);
    }
}

/// What is written reads as the same amount.
pub fn quantities(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(quantity) = Quantity::parse(text) else { return };
    // What is too long to be read again has none.
    let Ok(written) = written_form(text) else { return };
    let again = Quantity::parse(&written).expect("the written form is read");
    assert_eq!(again, quantity, "{text:?} is written {written:?}");
    // Upstream's parser remembers short texts as they are: "005" stays.
    let twice = written_form(&written).expect("the written form is read");
    assert_eq!(written_form(&twice), Ok(twice), "what was written twice is final");
}

/// A path is a printer column's, a template is kubectl's; both walk an object.
pub fn jsonpath(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(path) = JsonPath::parse(text) {
        path.find(&OBJECT);
    }
    if let Ok(template) = template(text) {
        drop(template.render(&OBJECT));
    }
}
