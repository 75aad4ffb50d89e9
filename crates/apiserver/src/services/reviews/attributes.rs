//! The request that a review asks about (upstream: pkg/registry/authorization/util). Requirements of selectors that cannot be understood are left
//! out, which asks for more, and told. Pure.

use api::selector::{FieldSelector, LabelSelector};
use serde_json::{Value, json};

use super::text;
use crate::request::RequestInfo;

/// Terms that were understood, and whether others were not.
type Terms = (Vec<String>, bool);

/// The request, and what of its selectors is ignored.
pub(super) fn read(spec: &Value) -> (RequestInfo, Vec<String>) {
    let paths = &spec["nonResourceAttributes"];
    if paths.is_object() {
        let owned = |field: &str| text(paths, field).to_owned();
        return (RequestInfo { path: owned("path"), verb: owned("verb"), ..RequestInfo::default() }, Vec::new());
    }
    let resource = &spec["resourceAttributes"];
    let fields = terms(&resource["fieldSelector"], |raw| FieldSelector::parse(raw).is_ok(), field_term);
    let labels = terms(&resource["labelSelector"], |raw| LabelSelector::parse(raw).is_ok(), label_term);
    let ignored = [("fieldSelector", &fields), ("labelSelector", &labels)].into_iter().filter_map(ignored).collect();
    let owned = |field: &str| text(resource, field).to_owned();
    let info = RequestInfo {
        is_resource: true,
        verb: owned("verb"),
        api_group: owned("group"),
        // Without a version all are meant.
        api_version: Some(owned("version")).filter(|version| !version.is_empty()).unwrap_or_else(|| "*".to_owned()),
        namespace: owned("namespace"),
        resource: owned("resource"),
        subresource: owned("subresource"),
        name: owned("name"),
        field_selector: fields.0.join(","),
        label_selector: labels.0.join(","),
        ..RequestInfo::default()
    };
    (info, ignored)
}

fn ignored((name, (terms, broken)): (&str, &Terms)) -> Option<String> {
    let partially = if terms.is_empty() { "" } else { "partially " };
    broken.then(|| format!("spec.resourceAttributes.{name} {partially}ignored due to parse error"))
}

fn terms(selector: &Value, parses: fn(&str) -> bool, term: fn(&Value) -> Option<String>) -> Terms {
    let raw = Some(text(selector, "rawSelector")).filter(|raw| !raw.is_empty());
    let requirements = selector["requirements"].as_array().filter(|list| !list.is_empty());
    match (requirements, raw) {
        (Some(list), _) => {
            let terms: Vec<String> = list.iter().filter_map(term).collect();
            let broken = terms.len() < list.len();
            (terms, broken)
        }
        (None, Some(raw)) if parses(raw) => (vec![raw.to_owned()], false),
        (None, raw) => (Vec::new(), raw.is_some()),
    }
}

/// Field selectors know one value only, and none that is there or not.
fn field_term(requirement: &Value) -> Option<String> {
    let sign = match text(requirement, "operator") {
        "In" => "=",
        "NotIn" => "!=",
        _ => return None,
    };
    let [Value::String(value)] = requirement["values"].as_array()?.as_slice() else { return None };
    let escaped: String = value
        .chars()
        .flat_map(|letter| ['\\', ',', '='].contains(&letter).then_some('\\').into_iter().chain([letter]))
        .collect();
    Some(format!("{}{sign}{escaped}", text(requirement, "key")))
}

fn label_term(requirement: &Value) -> Option<String> {
    let selector = LabelSelector::from_json(&json!({"matchExpressions": [requirement]}));
    selector.ok().map(|selector| selector.to_string())
}
