//! JSON by serde_json's parser with a visitor of our own that sees every key.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{DecodeError, Decoded, Duplicate, note};
use crate::path::Path;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    refuse_mark(bytes)?;
    let text = String::from_utf8_lossy(bytes);
    let duplicates = RefCell::new(Vec::new());
    let mut parser = serde_json::Deserializer::from_str(&text);
    let tree = Seed { path: Path::Root, duplicates: &duplicates }.deserialize(&mut parser);
    let value = tree.and_then(|value| parser.end().map(|()| value)).map_err(|error| broken(&error, &text))?;
    Ok((value, duplicates.into_inner()))
}

/// JSON is UTF-8 and begins with its value.
fn refuse_mark(bytes: &[u8]) -> Result<(), DecodeError> {
    let found = match bytes {
        [0xef, 0xbb, 0xbf, ..] => "a byte order mark stands before the value",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the text is UTF-16, not UTF-8",
        _ => return Ok(()),
    };
    Err(DecodeError { line: 1, column: 1, message: format!("json: {found}") })
}

/// The parser counts columns in bytes; people count letters.
fn broken(error: &serde_json::Error, text: &str) -> DecodeError {
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message);
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let further = line.bytes().take(error.column()).filter(|byte| byte & 0xc0 == 0x80).count();
    DecodeError { line: error.line(), column: error.column() - further, message: format!("json: {message}") }
}

struct Seed<'a> {
    path: Path<'a>,
    duplicates: &'a RefCell<Vec<Duplicate>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // `-0` reaches us as a float; Go reads it as the integer 0.
        if value == 0.0 && value.is_sign_negative() {
            return Ok(0.into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let item = |index| Seed { path: Path::Index(&self.path, index), duplicates: self.duplicates };
        while let Some(value) = items.next_element_seed(item(list.len()))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = entries.next_key::<Key<'de>>()? {
            let path = Path::Key(&self.path, &key);
            if map.contains_key(key.as_ref()) {
                let duplicate = Duplicate { path: path.to_string(), key: key.clone().into_owned(), line: 0 };
                note(&mut self.duplicates.borrow_mut(), duplicate);
            }
            let value = entries.next_value_seed(Seed { path, duplicates: self.duplicates })?;
            map.insert(key.into_owned(), value);
        }
        Ok(Value::Object(map))
    }
}

/// An object key, borrowed from the text where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}
