//! The oracle for YAML is sigs.k8s.io/yaml itself: `cases/yaml.tsv` was printed by YAMLToJSON and YAMLToJSONStrict.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const YAML: &str = include_str!("../../cases/yaml.tsv");

#[test]
fn yaml_agrees_with_upstream() {
    let mut failures = Vec::new();
    for line in YAML.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let text: String = serde_json::from_str(cells[0]).expect("the first cell is a string literal");
        let expected = (!cells[1].starts_with("error: ")).then(|| serde_json::from_str::<Value>(cells[1]).unwrap());
        let actual = yaml(text.as_bytes());
        let same = match (&expected, &actual) {
            (None, Err(_)) => true,
            (Some(expected), Ok((value, duplicates))) => {
                same_numbers(expected, value) && strict_errors(duplicates).join("").replace('\n', "\\n") == cells[2]
            }
            _ => false,
        };
        if !same {
            failures.push(format!("{line}\n   ours: {actual:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Equal, and integers are integers; Go prints floats up to 1e21 without exponent, so beyond i64 only the number counts.
fn same_numbers(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => l == r || (l.as_i64().is_none() && l.as_f64() == r.as_f64()),
        (Value::Array(l), Value::Array(r)) => l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same_numbers(l, r)),
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len()
                && l.iter().all(|(key, value)| r.get(key).is_some_and(|other| same_numbers(value, other)))
        }
        _ => left == right,
    }
}

#[test]
fn json_notes_duplicates_with_their_path() {
    let text = br#"{"a": 1, "spec": {"replicas": 1, "list": [{"x": 1, "x": 2}], "replicas": 2}, "a": 3, "a": 4}"#;
    let (value, duplicates) = json(text).unwrap();
    assert_eq!(value, json!({"a": 4, "spec": {"replicas": 2, "list": [{"x": 2}]}}));
    let expected = ["duplicate field \"spec.list[0].x\"", "duplicate field \"spec.replicas\"", "duplicate field \"a\""];
    assert_eq!(strict_errors(&duplicates), expected);
}

#[test]
fn broken_texts_say_where() {
    for (text, line, column) in [
        ("{\"a\": 1,\n  \"b\": }", 2, 8),
        ("{\"a\": 1} x", 1, 10),
        ("", 1, 0),
        ("[1, 2", 1, 5),
        ("{\"ä\": \"éé\", }", 1, 13),
        ("\u{feff}{}", 1, 1),
    ] {
        let error = json(text.as_bytes()).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
    }
    let error = yaml(b"kind: Pod\nmetadata:\n  name: a\n labels: {}\n").unwrap_err();
    assert_eq!(error.line, 4, "{error}");
    let error = yaml(b"a: [1, 2\nb: c").unwrap_err();
    assert!(error.line >= 1 && error.to_string().starts_with("yaml: "), "{error}");
}

/// go-yaml looks for the byte order mark and reads UTF-16 by it; JSON is UTF-8 (RFC 8259).
#[test]
fn yaml_may_be_utf_16_and_json_may_not() {
    let text = "a: [é, 😀]";
    for units in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(units).collect();
        assert_eq!(yaml(&bytes).unwrap().0, json!({"a": ["é", "😀"]}));
        let error = json(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "json: the text is UTF-16, not UTF-8 at line 1 column 1");
    }
}

/// go-yaml: "invalid leading UTF-8 octet"; encoding/json replaces what is no UTF-8.
#[test]
fn yaml_is_refused_when_it_is_no_text() {
    let error = yaml(b"a: 1\nb: \xc3\xa9\xff").unwrap_err();
    assert_eq!(error.to_string(), "yaml: invalid UTF-8 at line 2 column 5");
    assert_eq!(json(b"[\"\xff\"]").unwrap().0, json!(["\u{fffd}"]));
}

#[test]
fn a_second_document_is_found() {
    for (text, line) in [
        ("a: 1\n---\nb: 2\n", Some(3)),
        ("%YAML 1.1\n---\na: 1\n--- {b: 2}", Some(4)),
        ("\u{feff}# one\n---\na: |\n  ---\n  x\n...\n# none\n---\n\n b: 1", Some(10)),
        ("a: 1\n...\nb: 1\n", Some(3)),
        ("---\na: 1\n---\n", None),
        ("---\n---\na: 1\n", None),
        ("a: 1\n---\n# nothing\n...\n", None),
        ("---a: 1\nb: ---\n", None),
        ("", None),
    ] {
        assert_eq!(second_document(text.as_bytes()), line, "{text:?}");
    }
}

#[test]
fn depth_and_aliases_are_limited() {
    let deep = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    assert!(json(deep("[", "]", 100).as_bytes()).is_ok());
    assert!(json(deep("[", "]", 200).as_bytes()).is_err());
    assert!(json(deep("[", "]", 1_000_000).as_bytes()).is_err());
    assert!(yaml(deep("[", "]", 100).as_bytes()).is_ok());
    assert!(yaml(deep("[", "]", 200).as_bytes()).is_err());
    assert!(yaml("- ".repeat(100_000).as_bytes()).is_err());
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 9].join(", "));
    }
    assert!(yaml(bomb.as_bytes()).unwrap_err().message.contains("excessive aliasing"));
}

#[test]
fn numbers_keep_their_kind() {
    let (value, _) = json(b"[1, -1, 1.0, 1e3, -0, 18446744073709551615]").unwrap();
    assert_eq!(value.to_string(), "[1,-1,1.0,1000.0,0,18446744073709551615]");
}

/// Objects as programs print them, and such texts with something in them that JSON and YAML may not read alike.
fn near_json() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "<<",
        "\\ud83d\\ude00",
        "\\u00e9",
        "\\/",
        "\\t",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\t",
        "é",
        "😀",
        "#",
        " #x",
        ": ",
        "- ",
        "y",
        "0x1",
    ]);
    let number =
        prop::sample::select(vec!["0", "-0", "1.0", "1e3", "-7", "9223372036854775807", "18446744073709551615", "0.5"]);
    let space = prop::sample::select(vec!["", " ", "\n", "\n  ", "\t", "\r\n"]);
    let odds = (odd.clone(), odd, number, space.clone(), space, "[a-z<:#\"\\\\ -]{0,12}");
    odds.prop_map(|(key, text, number, one, two, free)| {
        let free = Value::from(free);
        format!("{one}{{{two}\"k{key}\":{one}\"{text}\",{two}\"n\":{number},\"l\": [{number}{one},null,true]{two},\"f\":{free}}}{one}")
    })
}

#[test]
fn what_programs_apply_is_read_as_json() {
    let text = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","labels":{}},"data":{"a":"caf\u00e9\n"},"n":[1,-2,true,null]}"#;
    let expected = super::yaml::decode(text).unwrap().0;
    assert_eq!(flow::decode(text), Some(expected));
    for other in [
        "a: b",
        "{a: b}",
        "{\"a\": 1.5}",
        "{\"a\": 1, \"a\": 2}",
        "[1]",
        "{} {}",
        "{\"a\": \"\\ud83d\\ude00\"}",
        "{\"a\":\t1}",
    ] {
        assert_eq!(flow::decode(other.as_bytes()), None, "{other}");
    }
    let long = format!("{{\"{}\": 1}}", "k".repeat(1000));
    assert_eq!(flow::decode(long.as_bytes()), None, "YAML's keys are short");
}

/// Decodes both ways; a refusal has a text.
fn explains(bytes: &[u8]) -> bool {
    [json(bytes), yaml(bytes)].iter().all(|decoded| !decoded.as_ref().is_err_and(|error| error.message.is_empty()))
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(explains(&bytes));
    }

    #[test]
    fn never_panics_on_near_yaml(text in "[-a-c0-9 :\\[\\]{}&*!<>|'\"\n#,?%.+_~]{0,80}") {
        prop_assert!(explains(text.as_bytes()));
    }

    #[test]
    fn what_is_taken_for_json_is_what_yaml_makes_of_it(text in near_json()) {
        if let Some(tree) = flow::decode(text.as_bytes()) {
            prop_assert_eq!(super::yaml::decode(text.as_bytes()), Ok((tree, Vec::new())));
        }
    }

    #[test]
    fn json_text_decodes_alike_as_yaml(number in any::<i32>(), text in "[a-zA-Z0-9 :#'\\\\\"\n-]{0,20}", flag in any::<bool>()) {
        let value = json!({"n": number, "t": text, "l": [flag, null, {"x": text}]});
        let bytes = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(&json(&bytes).unwrap().0, &value);
        prop_assert_eq!(&yaml(&bytes).unwrap().0, &value);
    }
}
