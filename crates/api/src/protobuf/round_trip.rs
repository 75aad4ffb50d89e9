//! Objects of every kind of the field table, with fields chosen by chance: JSON to protobuf to JSON says the same.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{decode, encode, is_known};
use crate::schema::{self, Field, Shape, TypeId, table};

/// Structs inside structs are not made deeper than this.
const DEPTH_MAX: usize = 6;

/// Choices that follow from a seed.
pub(crate) struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    /// An object of a type. The deeper it stands, the fewer fields it gets.
    pub fn object(&mut self, id: TypeId, depth: usize) -> Value {
        let mut object = Map::new();
        for field in table().get(id).fields.iter().filter(|field| !field.numbers.is_empty()) {
            if self.wants(field, depth) {
                object.insert(field.name.to_owned(), self.value(&field.shape, depth));
            }
        }
        Value::Object(object)
    }

    fn wants(&mut self, field: &Field, depth: usize) -> bool {
        let inner = matches!(field.shape, Shape::Object(_) | Shape::List(_) | Shape::Map(_));
        // Wide types are tried in full near the top, and thinner further in.
        self.below(1 + depth as u64) == 0 && !(inner && depth >= DEPTH_MAX)
    }

    fn value(&mut self, shape: &Shape, depth: usize) -> Value {
        match shape {
            Shape::String => ["", "a", "ü\n\"", "a-b/c", "0"][self.below(5) as usize].into(),
            Shape::Bool => (self.below(2) == 1).into(),
            Shape::Int32 => [0, 1, -1, i32::MAX, i32::MIN, 300][self.below(6) as usize].into(),
            Shape::Int64 => [0, 1, -1, i64::MAX, i64::MIN, 1 << 40][self.below(6) as usize].into(),
            Shape::Float => json!([0.5, -2.25, 1e300][self.below(3) as usize]),
            Shape::Bytes => ["AAH/", "YQ==", "LS0t"][self.below(3) as usize].into(),
            Shape::Quantity => ["0", "500m", "1Gi", "-3", "100k"][self.below(5) as usize].into(),
            Shape::IntOrString => [json!(0), json!(8080), json!("25%"), json!("web")][self.below(4) as usize].clone(),
            Shape::Time => ["2024-01-02T03:04:05Z", "1969-12-31T23:59:59Z"][self.below(2) as usize].into(),
            Shape::MicroTime => {
                ["2024-01-02T03:04:05.000006Z", "1969-12-31T23:59:59.999999Z"][self.below(2) as usize].into()
            }
            Shape::FieldsV1 => json!({"f:metadata": {"f:labels": {".": {}}}}),
            Shape::RawExtension => json!({"apiVersion": "a.b/v1", "kind": "C", "x": [1, {"y": null}]}),
            Shape::Json => {
                [json!({"a": [1, 2.5, "b"]}), json!("text"), json!(7), json!([])][self.below(4) as usize].clone()
            }
            Shape::Strings => json!(["a", ""]),
            Shape::SchemaOrArray | Shape::SchemaOrStrings | Shape::SchemaOrBool => self.schema(shape, depth),
            Shape::Object(id) => self.object(*id, depth + 1),
            Shape::List(item) => (0..1 + self.below(3)).map(|_| self.value(item, depth + 1)).collect(),
            Shape::Map(item) => (0..1 + self.below(3))
                .map(|at| (format!("k{at}"), self.value(item, depth + 1)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    fn schema(&mut self, shape: &Shape, depth: usize) -> Value {
        let props = |chance: &mut Self| match depth {
            0..DEPTH_MAX => chance.object(super::schema_props(), depth + 2),
            _ => json!({"type": "string"}),
        };
        match (shape, self.below(2)) {
            (_, 0) => props(self),
            (Shape::SchemaOrBool, _) => (self.below(2) == 1).into(),
            (Shape::SchemaOrStrings, _) => json!(["a", "b"]),
            _ => json!([props(self), props(self)]),
        }
    }
}

/// As the server stores it, but for its names, which not every message has.
fn canonical(group: &str, version: &str, kind: &str, mut object: Value) -> Value {
    object.as_object_mut().expect("an object").retain(|key, _| key != "apiVersion" && key != "kind");
    let schema = schema::of(group, version, kind).expect("a kind of the table");
    assert_eq!(schema.normalise(&mut object), [], "{version} {kind}: {object}");
    schema.fill(&mut object);
    object
}

fn round_trip(group: &str, version: &str, kind: &str, object: Value) {
    let written = encode(&object).unwrap_or_else(|error| panic!("{kind}: {error}: {object}"));
    let read = decode(&written).unwrap_or_else(|error| panic!("{kind}: {error}: {object}"));
    assert_eq!(canonical(group, version, kind, read.clone()), canonical(group, version, kind, object), "{kind}");
    // What is read from protobuf stands as it is.
    assert_eq!(encode(&read).expect("what was read"), written, "{kind}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_kind_survives_the_way_there_and_back(seed in 1_u64..) {
        let mut kinds = 0;
        for (group, version, kind, id) in table().kinds() {
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            prop_assert!(is_known(&api_version, kind));
            let mut object = Chance(seed.wrapping_add(kinds)).object(id, 0);
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.into();
            round_trip(group, version, kind, object);
            kinds += 1;
        }
        prop_assert!(kinds > 150, "only {kinds} kinds");
    }
}
