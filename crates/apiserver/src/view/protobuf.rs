//! Stored objects in protobuf: their messages, which lists, events and single answers put into envelopes of their own.

use api::kind::Kind;
use bytes::Bytes;
use store::Item;

use super::{partial, version_value};
use crate::encodings::{Encodings, Key};
use crate::meta::Meta;
use crate::negotiate::{Format, Transform};
use crate::objects;
use crate::status::Status;

/// The message of a stored object under a transform, Table excepted.
pub(crate) fn message(encodings: &Encodings, kind: &Kind, item: &Item<Meta>, format: Format) -> Result<Bytes, Status> {
    let key = Key {
        revision: item.revision,
        group: kind.group,
        version: kind.version,
        kind: kind.kind,
        transform: format.transform,
    };
    encodings.get(key, || message_of(kind, &item.bytes, format))
}

/// As [`message`], of bytes that are shown once.
pub(crate) fn message_of(kind: &Kind, stored: &[u8], format: Format) -> Result<Bytes, Status> {
    let shown = match format.transform {
        Transform::Partial => objects::parse_bytes(&partial(stored, format)?),
        _ => version_value(kind, stored),
    };
    let message = api::protobuf::message(&shown).map_err(Status::internal)?;
    // It may be kept: no more memory than it needs.
    Ok(message.into_boxed_slice().into())
}

/// A message in the envelope of one object.
pub(crate) fn enveloped(kind: &Kind, format: Format, message: &[u8]) -> Bytes {
    let (api_version, kind) = shown_type(kind, format);
    api::protobuf::envelope(&api_version, kind, message).into()
}

/// The apiVersion and kind under which an object is shown, Table excepted.
fn shown_type(kind: &Kind, format: Format) -> (String, &'static str) {
    match format.transform {
        Transform::Partial => (format.meta_api_version(), "PartialObjectMetadata"),
        _ => (kind.api_version(), kind.kind),
    }
}
