//! A configuration that a policy lays over an object: merged as server-side apply merges, with no owner noted (KEP-3962).

use serde_json::Value;

use super::check;
use super::merge::merge;
use super::place::{Atom, Place};
use crate::schema::Schema;

/// The object with the configuration over it. What has one owner as a whole cannot be configured in part and is refused.
pub fn configure(schema: &Schema, object: &Value, configuration: &Value) -> Result<Value, String> {
    let root = Place::root(schema);
    if let Some(why) = check::check(root, configuration) {
        return Err(format!("failed to convert patch object to typed object: {why}"));
    }
    let mut atomics = Vec::new();
    find(root, configuration, "", &mut atomics);
    if !atomics.is_empty() {
        let found = atomics.join(", ");
        return Err(format!("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {found}"));
    }
    Ok(merge(root, object, configuration))
}

/// The paths of atomic lists, maps and structs in a configuration.
fn find(place: Place, value: &Value, path: &str, atomics: &mut Vec<String>) {
    let atom = place.atom(Some(value));
    if matches!(atom, Atom::Leaf) && (place.is_list() && value.is_array() || place.is_map() && value.is_object()) {
        atomics.push(path.to_owned());
    }
    match (atom, value) {
        (Atom::Struct(object_type), Value::Object(map)) => {
            for (name, value) in map {
                if let Some(field) = object_type.field(name) {
                    find(field, value, &format!("{path}.{name}"), atomics);
                }
            }
        }
        (Atom::Set(item) | Atom::Keyed(item), Value::Array(list)) => {
            let below = item.below();
            list.iter().enumerate().for_each(|(at, value)| find(below, value, &format!("{path}[{at}]"), atomics));
        }
        _ => {}
    }
}
