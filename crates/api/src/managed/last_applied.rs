//! The annotation of client-side apply: what it gives kubectl to take over, and how it is kept up to date.

use serde_json::Value;

use super::Versions;
use super::compare::compare;
use super::fields::fields_of;
use super::place::Place;
use super::set::FieldSet;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Upstream's limit of all annotations together.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][ANNOTATION].as_str().filter(|text| !text.is_empty())
}

/// The fields client-side apply wrote and nobody changed since.
pub(super) fn fields(versions: &Versions<'_>, live: &Value) -> Option<FieldSet> {
    let applied: Value = serde_json::from_str(annotation(live)?).ok()?;
    if applied["apiVersion"].as_str() != Some(versions.api_version) {
        return None;
    }
    let place = Place::root(&versions.schema);
    let differs = compare(place, &applied, live);
    let all = fields_of(place, &applied);
    Some(all.difference(&differs.modified).difference(&differs.added).difference(&differs.removed))
}

/// Writes the applied configuration into an annotation that is there.
pub(super) fn renew(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = config.pointer_mut("/metadata/annotations") {
        crate::tree::remove(annotations, ANNOTATION);
    }
    let annotations = crate::tree::map_mut(object, "metadata.annotations");
    annotations.insert(ANNOTATION.to_owned(), format!("{config}\n").into());
    let bytes = annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum::<usize>();
    if bytes > ANNOTATIONS_BYTES_MAX {
        annotations.remove(ANNOTATION);
    }
}
