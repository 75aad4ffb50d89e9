//! What a watcher is told about a change: which event a selector makes of it, and the frame's bytes. Pure.

use api::kind::Kind;
use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use store::{Event, Item, Revision};

use crate::meta::Meta;
use crate::negotiate::{Encoding, Format, Transform};
use crate::status::Status;
use crate::table::Include;
use crate::{table, view};

/// What happened, as the watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum EventType {
    Added,
    Modified,
    Deleted,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// How frames look: equal shapes share frames.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub kind: &'static Kind,
    /// Of the kind's definition.
    pub generation: u64,
    pub format: Format,
    pub include: Include,
    /// Tables tell their columns once, with the first event.
    pub columns: bool,
}

/// The event a watcher with this selection sees, if any. An object that leaves the selection is deleted for it, one that enters is added.
pub(super) fn seen(event: &Event<Meta>, selected: impl Fn(&Item<Meta>) -> bool) -> Option<EventType> {
    let before = event.previous.as_ref().is_some_and(|item| selected(item));
    let after = event.current.as_ref().is_some_and(|item| selected(item));
    match (before, after) {
        (false, false) => None,
        (false, true) => Some(EventType::Added),
        (true, true) => Some(EventType::Modified),
        (true, false) => Some(EventType::Deleted),
    }
}

/// The bytes an event shows: the new state, or the last one a watcher knew with the revision of the change.
pub(super) fn shown(event: &Event<Meta>, event_type: EventType) -> (Bytes, &Item<Meta>) {
    match (event_type, &event.current, &event.previous) {
        // It went out of the selection: its last selected state, at the revision of the change.
        (EventType::Deleted, Some(_), Some(previous)) => (previous.bytes_at(event.revision), previous),
        _ => {
            let item = event.shown();
            (item.bytes.clone(), item)
        }
    }
}

/// One frame: `{"type":"ADDED","object":{...}}` and a line feed; in protobuf its length and the event.
pub(super) fn frame(shape: Shape, event_type: EventType, stored: &Bytes, now: Timestamp) -> Result<Bytes, Status> {
    if shape.format.encoding == Encoding::Protobuf {
        return message_frame(shape, event_type, &view::message_of(shape.kind, stored, shape.format)?);
    }
    let name = event_type.as_str();
    let object = object(shape, stored, now)?;
    let mut out = BytesMut::with_capacity(object.len() + 32);
    out.put_slice(b"{\"type\":\"");
    out.put_slice(name.as_bytes());
    out.put_slice(b"\",\"object\":");
    out.put_slice(&object);
    out.put_slice(b"}\n");
    Ok(out.freeze())
}

/// A frame in protobuf, of an object's message.
pub(super) fn message_frame(shape: Shape, event_type: EventType, message: &[u8]) -> Result<Bytes, Status> {
    let object = view::enveloped(shape.kind, shape.format, message);
    Ok(api::protobuf::watch_event(event_type.as_str(), &object).map_err(Status::internal)?.into())
}

fn object(shape: Shape, stored: &Bytes, now: Timestamp) -> Result<Bytes, Status> {
    let kind = shape.kind;
    match shape.format.transform {
        Transform::Whole => Ok(view::version_bytes(kind, stored)),
        Transform::Partial => view::partial(stored, shape.format),
        Transform::Table => {
            let value = view::version_value(kind, stored);
            let mut metadata = Map::new();
            metadata.insert("resourceVersion".to_owned(), value["metadata"]["resourceVersion"].clone());
            let row = table::row(kind, &value, shape.include, now, shape.format.meta_version);
            Ok(table_object(shape, metadata, vec![row]))
        }
    }
}

fn table_object(shape: Shape, metadata: Map<String, Value>, rows: Vec<Value>) -> Bytes {
    let api_version = format!("meta.k8s.io/{}", shape.format.meta_version);
    let columns = if shape.columns { table::columns(shape.kind).into() } else { Value::Null };
    json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": columns, "rows": rows}).to_string().into()
}

/// A bookmark: everything up to `revision` has been sent. `initial`: and it ends the initial state of a WatchList.
pub(super) fn bookmark(shape: Shape, revision: Revision, initial: bool, now: Timestamp) -> Bytes {
    let (kind, api_version) = match shape.format.transform {
        Transform::Partial => ("PartialObjectMetadata", format!("meta.k8s.io/{}", shape.format.meta_version)),
        Transform::Whole | Transform::Table => (shape.kind.kind, shape.kind.api_version()),
    };
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if initial {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
    if shape.format.transform != Transform::Table {
        return event(shape.format, "BOOKMARK", &object);
    }
    // A row carries the bookmark's metadata, the annotation among them.
    let row = table::row(shape.kind, &object, Include::Metadata, now, shape.format.meta_version);
    let metadata = Map::from_iter([("resourceVersion".to_owned(), revision.to_string().into())]);
    let mut out = BytesMut::from(&b"{\"type\":\"BOOKMARK\",\"object\":"[..]);
    out.put_slice(&table_object(shape, metadata, vec![row]));
    out.put_slice(b"}\n");
    out.freeze()
}

/// An ERROR frame; the stream ends after it.
pub(super) fn error(format: Format, status: &Status) -> Bytes {
    event(format, "ERROR", &status.to_value())
}

/// The frame of an object that the server made up itself.
fn event(format: Format, event_type: &str, object: &Value) -> Bytes {
    if format.encoding != Encoding::Protobuf {
        return format!("{}\n", json!({"type": event_type, "object": object})).into();
    }
    let frame = api::protobuf::encode(object).and_then(|object| api::protobuf::watch_event(event_type, &object));
    frame.expect("a Status and metadata have a protobuf encoding").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_a_stream_in_its_own_encoding() {
        let status = Status::expired("too old resource version: 1 (5)");
        let json: Value = serde_json::from_slice(&error(Format::PLAIN, &status)).unwrap();
        assert_eq!((&json["type"], &json["object"]["code"]), (&json!("ERROR"), &json!(410)));
        let frame = error(Format { encoding: Encoding::Protobuf, ..Format::PLAIN }, &status);
        let (length, event) = frame.split_first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, event.len());
        let event = api::protobuf::decode(&api::protobuf::envelope("v1", "WatchEvent", event)).unwrap();
        assert_eq!((&event["type"], &event["object"]["reason"]), (&json!("ERROR"), &json!("Expired")));
        assert_eq!(event["object"], json["object"]);
    }
}
