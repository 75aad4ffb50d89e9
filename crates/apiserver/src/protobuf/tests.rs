//! Messages made by upstream's own encoder (k8s.io/apimachinery v0.37.0), with the JSON it makes of the same objects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use super::{ProtobufError, decode};

const CASES: &str = include_str!("../../cases/protobuf.jsonl");

fn canonical(mut object: Value) -> Value {
    let (version, kind) =
        (object["apiVersion"].as_str().unwrap().to_owned(), object["kind"].as_str().unwrap().to_owned());
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let schema = api::schema::of(group, version, &kind).unwrap();
    assert_eq!(schema.normalise(&mut object), vec![], "{kind}");
    schema.fill(&mut object);
    object
}

#[test]
fn messages_are_the_objects_that_upstream_encoded() {
    let mut seen = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let bytes = STANDARD.decode(case["protobuf"].as_str().unwrap()).unwrap();
        let decoded = decode(&bytes).unwrap_or_else(|error| panic!("{error}: {}", case["json"]));
        assert_eq!(canonical(decoded), canonical(case["json"].clone()));
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} cases");
}

#[test]
fn what_is_no_message_is_refused() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::Prefix));
    assert_eq!(decode(b"k8s\0\x0a\xff"), Err(ProtobufError::End));
    assert!(matches!(decode(b"k8s\0"), Err(ProtobufError::Kind { .. })));
}

proptest! {
    /// Any damage to a message gives an object or an error, never a panic.
    #[test]
    fn damaged_messages_do_no_harm(line in 0_usize..8, at in 0_usize..4096, byte: u8, cut in 0_usize..4096) {
        let case: Value = serde_json::from_str(CASES.lines().nth(line).unwrap()).unwrap();
        let mut bytes = STANDARD.decode(case["protobuf"].as_str().unwrap()).unwrap();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(1 + cut % length);
        drop(decode(&bytes));
    }
}
