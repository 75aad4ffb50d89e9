//! metadata.managedFields as entries by manager, and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::FieldSet;

/// Who an entry belongs to. An applier has one entry whatever the version; an updater has one per version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManagerId {
    pub manager: String,
    /// `false`: Update.
    pub applies: bool,
    /// Empty for appliers.
    pub api_version: String,
    pub subresource: String,
}

/// The fields of a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub api_version: String,
    pub fields: FieldSet,
    pub time: Option<String>,
}

/// All entries of an object.
pub type Managers = BTreeMap<ManagerId, Entry>;

impl ManagerId {
    pub fn applier(manager: &str, subresource: &str) -> Self {
        Self { manager: named(manager), applies: true, api_version: String::new(), subresource: subresource.to_owned() }
    }

    pub fn updater(manager: &str, api_version: &str, subresource: &str) -> Self {
        let (api_version, subresource) = (api_version.to_owned(), subresource.to_owned());
        Self { manager: named(manager), applies: false, api_version, subresource }
    }

    fn operation(&self) -> &'static str {
        if self.applies { "Apply" } else { "Update" }
    }

    /// As conflicts name it.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if !self.applies {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}

fn named(manager: &str) -> String {
    if manager.is_empty() { "unknown".to_owned() } else { manager.to_owned() }
}

/// Reads managedFields; `None` when an entry is not as it has to be.
pub fn decode(managed_fields: &Value) -> Option<Managers> {
    let Some(list) = managed_fields.as_array() else { return Some(Managers::new()) };
    list.iter().map(decode_entry).collect()
}

fn decode_entry(entry: &Value) -> Option<(ManagerId, Entry)> {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let (version, subresource) = (text("apiVersion"), text("subresource"));
    let mut id = match text("operation") {
        "Apply" => ManagerId::applier(text("manager"), subresource),
        "Update" => ManagerId::updater(text("manager"), version, subresource),
        _ => return None,
    };
    id.manager = text("manager").to_owned();
    if version.is_empty() || text("fieldsType") != "FieldsV1" {
        return None;
    }
    let time = entry["time"].as_str().map(str::to_owned);
    Some((id, Entry { api_version: version.to_owned(), fields: FieldSet::parse(&entry["fieldsV1"]), time }))
}

/// Whether managedFields ask for a new start: an empty list or one empty entry.
pub fn is_reset(managed_fields: &Value) -> bool {
    match managed_fields.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// Writes managedFields in upstream's order: appliers first, then by time and name. `None`: there are no entries.
pub fn encode(managers: &Managers) -> Option<Value> {
    let mut entries: Vec<(&ManagerId, &Entry)> = managers.iter().collect();
    entries.sort_by_key(|(id, entry)| {
        (id.operation(), entry.time.as_deref(), &id.manager, &entry.api_version, &id.subresource)
    });
    let entries: Vec<Value> = entries.into_iter().map(|(id, entry)| encode_entry(id, entry)).collect();
    (!entries.is_empty()).then_some(Value::Array(entries))
}

fn encode_entry(id: &ManagerId, entry: &Entry) -> Value {
    let mut map = Map::new();
    let texts = [
        ("manager", Some(id.manager.as_str())),
        ("operation", Some(id.operation())),
        ("apiVersion", Some(entry.api_version.as_str())),
        ("time", entry.time.as_deref()),
        ("fieldsType", Some("FieldsV1")),
        ("subresource", Some(id.subresource.as_str())),
    ];
    for (field, text) in texts {
        map.extend(text.filter(|text| !text.is_empty()).map(|text| (field.to_owned(), Value::from(text))));
    }
    map.insert("fieldsV1".to_owned(), entry.fields.to_fields());
    Value::Object(map)
}

/// Whether two managedFields differ in nothing but times.
pub fn same_but_times(left: &Value, right: &Value) -> bool {
    let (left, right) = (left.as_array().map(Vec::as_slice), right.as_array().map(Vec::as_slice));
    let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
    let timeless = |entry: &Value| {
        let mut entry = entry.clone();
        crate::tree::remove(&mut entry, "time");
        entry
    };
    left.len() == right.len() && {
        let rest: Vec<Value> = right.iter().map(timeless).collect();
        left.iter().map(timeless).all(|entry| rest.contains(&entry))
    }
}
