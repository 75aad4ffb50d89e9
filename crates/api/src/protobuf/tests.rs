//! The oracle is upstream's own generated code: `cases/protobuf/*.tsv` were printed by it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const COMPLETE: &str = include_str!("../../cases/protobuf/complete.tsv");
const SPARSE: &str = include_str!("../../cases/protobuf/sparse.tsv");
const PICKED: &str = include_str!("../../cases/protobuf/picked.tsv");

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn cases(text: &'static str) -> impl Iterator<Item = (Vec<u8>, Value)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (hex, json) = line.split_once('\t').unwrap();
        (from_hex(hex), serde_json::from_str(json).unwrap())
    })
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect()
        }
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn name(object: &Value) -> String {
    format!("{} {}", object["apiVersion"], object["kind"])
}

#[test]
fn objects_are_read_as_upstream_reads_them() {
    let mut count = 0;
    for (bytes, expected) in cases(COMPLETE).chain(cases(SPARSE)).chain(cases(PICKED)) {
        let object = decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", name(&expected)));
        assert_eq!(object, expected, "{}", name(&expected));
        count += 1;
    }
    assert!(count > 350, "only {count} cases");
}

#[test]
fn objects_are_written_byte_for_byte_as_upstream_writes_them() {
    for (expected, object) in cases(COMPLETE).chain(cases(SPARSE)).chain(cases(PICKED)) {
        let bytes = encode(&object).unwrap_or_else(|error| panic!("{}: {error}", name(&object)));
        // An empty schema or time behind a pointer is null in JSON, which says no more than its absence.
        let metadata = object["metadata"].as_object();
        if object["kind"] == "CustomResourceDefinition" || metadata.is_some_and(|map| map.values().any(Value::is_null))
        {
            assert_eq!(without_nulls(&decode(&bytes).unwrap()), without_nulls(&object));
            continue;
        }
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{}", name(&object));
    }
}

/// The envelope of a message.
fn enveloped(api_version: &str, kind: &str, raw: &[u8], content_type: &str) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let named = wire::write_message(1, &mut out, |out| {
        wire::write_bytes(1, api_version.as_bytes(), out);
        wire::write_bytes(2, kind.as_bytes(), out);
        Ok::<(), ProtobufError>(())
    });
    named.unwrap();
    wire::write_bytes(2, raw, &mut out);
    wire::write_bytes(4, content_type.as_bytes(), &mut out);
    out
}

#[test]
fn an_envelope_may_hold_json() {
    let bytes = enveloped("example.com/v1", "Thing", br#"{"spec":{"a":1}}"#, "application/json");
    let expected = json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"a": 1}});
    assert_eq!(decode(&bytes).unwrap(), expected);
}

#[test]
fn what_is_no_object_is_refused_with_the_reason() {
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "no magic",
            b"{}".to_vec(),
            "provided data does not appear to be a protobuf message, expected prefix [107, 56, 115, 0]",
        ),
        ("nothing", b"k8s\0".to_vec(), "Object 'Kind' is missing"),
        ("no version", enveloped("", "Pod", b"", ""), "Object 'apiVersion' is missing"),
        ("custom", enveloped("a.b/v1", "C", b"", ""), "no kind \"C\" is registered for version \"a.b/v1\""),
        ("cut off", enveloped("v1", "Pod", &[0x0a, 5, 1], ""), "proto: unexpected EOF"),
        ("wrong wire type", enveloped("v1", "Pod", &[0x08, 1], ""), "proto: wrong wireType = 0"),
        ("tag 0", enveloped("v1", "Pod", &[0x02, 0], ""), "proto: illegal tag"),
        ("endless varint", enveloped("v1", "Pod", &[0xff; 11], ""), "proto: integer overflow"),
    ];
    for (case, bytes, expected) in cases {
        assert_eq!(decode(&bytes).unwrap_err().to_string(), expected, "{case}");
    }
}

#[test]
fn unknown_numbers_groups_and_packed_lists_are_understood() {
    // Field 100 as varint, bytes and a group; supplementalGroups (4) of spec.securityContext (14) packed.
    let mut pod = vec![0xa0, 0x06, 1, 0xa2, 0x06, 1, 7, 0xa3, 0x06, 0x08, 1, 0xa4, 0x06];
    let written = wire::write_message(2, &mut pod, |out| {
        wire::write_message(14, out, |out| {
            wire::write_bytes(4, &[1, 0xac, 2], out);
            wire::write_varint(4, 5, out);
            Ok::<(), ProtobufError>(())
        })
    });
    written.unwrap();
    let object = decode(&enveloped("v1", "Pod", &pod, "")).unwrap();
    assert_eq!(object["spec"]["securityContext"], json!({"supplementalGroups": [1, 300, 5]}));
}

#[test]
fn a_message_that_comes_twice_is_merged() {
    let twice: Vec<u8> = [vec![0x0a, 3, 0x0a, 1, b'a'], vec![0x0a, 3, 0x1a, 1, b'b']].concat();
    let object = decode(&enveloped("v1", "ConfigMap", &twice, "")).unwrap();
    assert_eq!(object["metadata"], json!({"name": "a", "namespace": "b"}));
}

#[test]
fn depth_and_number_of_messages_are_limited() {
    let mut schema = Vec::new();
    for _ in 0..200 {
        let mut outer = Vec::new();
        // not: JSONSchemaProps
        wire::write_bytes(28, &schema, &mut outer);
        schema = outer;
    }
    let mut crd = Vec::new();
    let written = wire::write_message(2, &mut crd, |out| {
        wire::write_message(7, out, |out| {
            wire::write_message(4, out, |out| {
                wire::write_bytes(1, &schema, out);
                Ok::<(), ProtobufError>(())
            })
        })
    });
    written.unwrap();
    let bytes = enveloped("apiextensions.k8s.io/v1", "CustomResourceDefinition", &crd, "");
    assert!(matches!(decode(&bytes), Err(ProtobufError::TooDeep)), "{:?}", decode(&bytes));

    let containers = [0x12, 0].repeat(MAX_MESSAGES);
    let mut pod = Vec::new();
    wire::write_bytes(2, &containers, &mut pod);
    assert!(matches!(decode(&enveloped("v1", "Pod", &pod, "")), Err(ProtobufError::TooMany)));
}

#[test]
fn a_watch_event_is_a_framed_message_with_an_enveloped_object() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let frame = watch_event("ADDED", &encode(&object).unwrap()).unwrap();
    let length = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
    assert_eq!(length, frame.len() - 4);
    let event = decode(&enveloped("meta.k8s.io/v1", "WatchEvent", &frame[4..], "")).unwrap();
    assert_eq!(event["type"], "ADDED");
    assert_eq!(event["object"], decode(&encode(&object).unwrap()).unwrap());
}

#[test]
fn a_list_written_around_its_items_is_the_list() {
    let items: Vec<Value> = (0..40)
        .map(|at| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x".repeat(at * 9)}, "data": {"k": "v"}}))
        .collect();
    let metadata = json!({"resourceVersion": "7", "continue": "c", "remainingItemCount": 3});
    let list = json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": metadata, "items": items});
    let messages: Vec<Vec<u8>> = items.iter().map(|item| message(item).unwrap()).collect();
    let frame = ListFrame::new("v1", "ConfigMapList", metadata, messages.iter().map(Vec::len)).unwrap();
    let mut written = frame.head.clone();
    for message in &messages {
        written.extend_from_slice(&frame.before(message.len()));
        written.extend_from_slice(message);
    }
    written.extend_from_slice(ListFrame::TAIL);
    assert_eq!(written, encode(&list).unwrap());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(raw: Vec<u8>, case in 0_usize..400, cut: prop::sample::Index, byte: u8) {
        let outcome = decode(&raw);
        prop_assert!(outcome.is_err() || raw.starts_with(MAGIC));
        for kind in ["Pod", "Event", "Node", "Service"] {
            if let Ok(object) = decode(&enveloped("v1", kind, &raw, "")) {
                prop_assert_eq!(decode(&encode(&object).unwrap()).unwrap(), object);
            }
        }
        // One byte of a real object changed.
        if let Some((mut bytes, _)) = cases(PICKED).nth(case % 50) {
            let at = cut.index(bytes.len());
            bytes[at] = byte;
            if let Ok(object) = decode(&bytes) {
                prop_assert!(object.is_object());
            }
        }
    }
}
