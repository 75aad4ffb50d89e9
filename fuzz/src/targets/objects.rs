//! Bodies: decoded, pruned, defaulted and validated as the server does, and patched.

use api::kind::WriteContext;
use api::{decode, kinds, meta, patch, protobuf, schema};
use serde_json::Value;

pub fn json(bytes: &[u8]) {
    if let Ok((object, duplicates)) = decode::json(bytes) {
        decode::strict_errors(&duplicates);
        written(object);
    }
}

pub fn yaml(bytes: &[u8]) {
    if let Ok((object, duplicates)) = decode::yaml(bytes) {
        decode::strict_errors(&duplicates);
        written(object);
    }
}

/// What was read is written, and what is written stays. (Reading may say more: an empty message can be null in JSON, which is not written.)
pub fn protobuf(bytes: &[u8]) {
    let Ok(object) = protobuf::decode(bytes) else { return };
    let written = protobuf::encode(&object).expect("what was read can be written");
    let again = protobuf::decode(&written).expect("what was written can be read");
    assert_eq!(protobuf::encode(&again).ok(), Some(written), "writing it again gives the same");
    self::written(object);
}

/// A document and a patch, a zero byte between them.
pub fn patches(bytes: &[u8]) {
    let Some(middle) = bytes.iter().position(|byte| *byte == 0) else { return };
    let (Ok((document, _)), Ok((patch, _))) = (decode::json(&bytes[..middle]), decode::json(&bytes[middle + 1..]))
    else {
        return;
    };
    drop(patch::json_patch(document.clone(), &patch));
    drop(patch::merge_patch(document.clone(), &patch));
    let pod = schema::of("", "v1", "Pod").expect("Pods are known");
    drop(patch::strategic_merge(pod, document.clone(), patch.clone()));
    drop(patch::three_way(Some(pod), &document, &patch, &document));
    drop(patch::three_way(None, &document, &patch, &document));
}

fn written(mut object: Value) {
    let (group, version) = meta::group_version(meta::api_version(&object));
    let Some(kind) = kinds::by_kind(group, version, meta::kind(&object)) else { return };
    let Some(schema) = schema::of(group, version, kind.kind) else { return };
    if !schema.normalise(&mut object).is_empty() || !object.is_object() {
        return;
    }
    (kind.hooks.default)(&mut object);
    schema.fill(&mut object);
    let context = WriteContext {
        now: "2026-05-05T12:00:00Z".parse().expect("a time"),
        namespace: "default",
        subresource: "",
        user_name: "",
        user_groups: &[],
        user_uid: "",
    };
    (kind.hooks.prepare_create)(&mut object, &context);
    (kind.hooks.validate)(&object, &context);
    (kind.hooks.validate_create)(&object, &context);
    (kind.hooks.validate_update)(&object, &object, &context);
    drop(protobuf::encode(&object));
}
