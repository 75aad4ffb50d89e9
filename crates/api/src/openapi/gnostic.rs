//! The v2 document as gnostic's protobuf (openapi.v2.Document), which older kubectl asks for. Written straight from the JSON tree along a
//! table of field numbers; only what our own document contains is known, and references to parameters, which other servers' have.

use serde_json::Value;

/// How a JSON member is written.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    /// A list of texts.
    Texts,
    /// Any value, as YAML text in an Any.
    Any,
    Message(&'static Message),
    /// A list of messages.
    Messages(&'static Message),
    /// An object whose members become (name, value) pairs of a map message.
    Named(&'static Message),
    /// A value of several forms, written by a function of its own.
    Special(fn(&mut Vec<u8>, u32, &Value)),
}

/// Members by JSON name with number and kind; the number of vendor extensions (`x-…`).
struct Message {
    members: &'static [(&'static str, u32, Kind)],
    extensions: Option<u32>,
}

static DOCUMENT: Message = Message {
    members: &[
        ("swagger", 1, Kind::Text),
        ("info", 2, Kind::Message(&INFO)),
        ("paths", 8, Kind::Special(paths)),
        ("definitions", 9, Kind::Named(&SCHEMA)),
        ("parameters", 10, Kind::Special(parameter_definitions)),
        ("security", 12, Kind::Messages(&SECURITY_REQUIREMENT)),
        ("securityDefinitions", 13, Kind::Special(security_definitions)),
    ],
    extensions: Some(16),
};
static INFO: Message =
    Message { members: &[("title", 1, Kind::Text), ("version", 2, Kind::Text)], extensions: Some(7) };
static PATH_ITEM: Message = Message {
    members: &[
        ("get", 2, Kind::Message(&OPERATION)),
        ("put", 3, Kind::Message(&OPERATION)),
        ("post", 4, Kind::Message(&OPERATION)),
        ("delete", 5, Kind::Message(&OPERATION)),
        ("patch", 8, Kind::Message(&OPERATION)),
        ("parameters", 9, Kind::Special(parameters)),
    ],
    extensions: Some(10),
};
static OPERATION: Message = Message {
    members: &[
        ("tags", 1, Kind::Texts),
        ("description", 3, Kind::Text),
        ("operationId", 5, Kind::Text),
        ("produces", 6, Kind::Texts),
        ("consumes", 7, Kind::Texts),
        ("parameters", 8, Kind::Special(parameters)),
        ("responses", 9, Kind::Special(responses)),
        ("schemes", 10, Kind::Texts),
    ],
    extensions: Some(13),
};
static BODY_PARAMETER: Message = Message {
    members: &[
        ("description", 1, Kind::Text),
        ("name", 2, Kind::Text),
        ("in", 3, Kind::Text),
        ("required", 4, Kind::Flag),
        ("schema", 5, Kind::Message(&SCHEMA)),
    ],
    extensions: Some(6),
};
static QUERY_PARAMETER: Message = Message {
    members: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 6, Kind::Text),
        ("uniqueItems", 20, Kind::Flag),
    ],
    extensions: Some(23),
};
static PATH_PARAMETER: Message = Message {
    members: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 5, Kind::Text),
        ("uniqueItems", 19, Kind::Flag),
    ],
    extensions: Some(22),
};
static RESPONSE: Message = Message {
    members: &[("description", 1, Kind::Text), ("schema", 2, Kind::Special(schema_item))],
    extensions: Some(5),
};
static SCHEMA: Message = Message {
    members: &[
        ("$ref", 1, Kind::Text),
        ("format", 2, Kind::Text),
        ("description", 4, Kind::Text),
        ("default", 5, Kind::Any),
        ("required", 19, Kind::Texts),
        ("additionalProperties", 21, Kind::Special(schema_item)),
        ("type", 22, Kind::Special(type_item)),
        ("items", 23, Kind::Special(schema_item)),
        ("properties", 25, Kind::Special(properties)),
    ],
    extensions: Some(31),
};
static API_KEY: Message = Message {
    members: &[("type", 1, Kind::Text), ("name", 2, Kind::Text), ("in", 3, Kind::Text), ("description", 4, Kind::Text)],
    extensions: Some(5),
};
static SECURITY_REQUIREMENT: Message =
    Message { members: &[("BearerToken", 1, Kind::Special(requirement))], extensions: None };

/// Encodes a v2 document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    message(&mut bytes, &DOCUMENT, document);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A length-delimited field.
fn field(bytes: &mut Vec<u8>, number: u32, content: &[u8]) {
    varint(bytes, u64::from(number) << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

/// A field whose content a function writes.
fn nested(bytes: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::new();
    write(&mut content);
    field(bytes, number, &content);
}

fn text(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    let text = value.as_str().unwrap_or_default();
    field(bytes, number, text.as_bytes());
}

fn message(bytes: &mut Vec<u8>, message_type: &Message, value: &Value) {
    for (name, number, kind) in message_type.members {
        if let Some(member) = value.get(name) {
            member_of(bytes, *number, *kind, member);
        }
    }
    let Some(number) = message_type.extensions else { return };
    for (name, extension) in value.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-")) {
        nested(bytes, number, |pair| {
            field(pair, 1, name.as_bytes());
            any(pair, 2, extension);
        });
    }
}

fn member_of(bytes: &mut Vec<u8>, number: u32, kind: Kind, value: &Value) {
    match kind {
        Kind::Text => text(bytes, number, value),
        Kind::Flag if value == &Value::Bool(true) => {
            varint(bytes, u64::from(number) << 3);
            bytes.push(1);
        }
        Kind::Flag => {}
        Kind::Texts => value.as_array().into_iter().flatten().for_each(|item| text(bytes, number, item)),
        Kind::Any => any(bytes, number, value),
        Kind::Message(inner) => nested(bytes, number, |content| message(content, inner, value)),
        Kind::Messages(inner) => {
            value
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|item| nested(bytes, number, |content| message(content, inner, item)));
        }
        Kind::Named(inner) => nested(bytes, number, |map| named(map, 1, inner, value)),
        Kind::Special(write) => write(bytes, number, value),
    }
}

/// The members of an object as (name, value) messages.
fn named(bytes: &mut Vec<u8>, number: u32, inner: &Message, value: &Value) {
    for (name, member) in value.as_object().into_iter().flatten() {
        nested(bytes, number, |pair| {
            field(pair, 1, name.as_bytes());
            nested(pair, 2, |content| message(content, inner, member));
        });
    }
}

/// JSON is YAML.
fn any(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| field(content, 2, format!("{value}\n").as_bytes()));
}

fn paths(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| named(content, 2, &PATH_ITEM, value));
}

fn properties(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| named(content, 1, &SCHEMA, value));
}

/// Messages that hold a schema as their first field: SchemaItem, ItemsItem, AdditionalPropertiesItem.
fn schema_item(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |item| nested(item, 1, |content| message(content, &SCHEMA, value)));
}

fn type_item(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| text(content, 1, value));
}

/// ParametersItem { Parameter | JsonReference }
fn parameters(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    for item in value.as_array().into_iter().flatten() {
        nested(bytes, number, |content| match item.get("$ref") {
            Some(reference) => nested(content, 2, |name| text(name, 1, reference)),
            None => nested(content, 1, |content| parameter(content, item)),
        });
    }
}

/// ParameterDefinitions { NamedParameter }
fn parameter_definitions(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| {
        for (name, member) in value.as_object().into_iter().flatten() {
            nested(content, 1, |pair| {
                field(pair, 1, name.as_bytes());
                nested(pair, 2, |content| parameter(content, member));
            });
        }
    });
}

/// Parameter { BodyParameter | NonBodyParameter { … } }
fn parameter(bytes: &mut Vec<u8>, parameter: &Value) {
    match parameter["in"].as_str() {
        Some("body") => nested(bytes, 1, |body| message(body, &BODY_PARAMETER, parameter)),
        Some("path") => nested(bytes, 2, |other| nested(other, 4, |path| message(path, &PATH_PARAMETER, parameter))),
        _ => nested(bytes, 2, |other| nested(other, 3, |query| message(query, &QUERY_PARAMETER, parameter))),
    }
}

fn responses(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| {
        for (code, response) in value.as_object().into_iter().flatten() {
            nested(content, 1, |pair| {
                field(pair, 1, code.as_bytes());
                nested(pair, 2, |either| nested(either, 1, |content| message(content, &RESPONSE, response)));
            });
        }
    });
}

fn security_definitions(bytes: &mut Vec<u8>, number: u32, value: &Value) {
    nested(bytes, number, |content| {
        for (name, definition) in value.as_object().into_iter().flatten() {
            nested(content, 1, |pair| {
                field(pair, 1, name.as_bytes());
                nested(pair, 2, |either| nested(either, 2, |key| message(key, &API_KEY, definition)));
            });
        }
    });
}

/// NamedStringArray: the name, and no scopes.
fn requirement(bytes: &mut Vec<u8>, number: u32, _: &Value) {
    nested(bytes, number, |pair| {
        field(pair, 1, b"BearerToken");
        field(pair, 2, &[]);
    });
}
