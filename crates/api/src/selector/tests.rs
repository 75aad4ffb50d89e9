//! Selectors against cases/selectors/*.yaml (texts, messages and matches from apimachinery's labels and fields tests), and properties.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn cases(text: &str) -> Vec<Value> {
    let (value, _) = crate::decode::yaml(text.as_bytes()).expect("cases are YAML");
    value.as_array().expect("a list of cases").clone()
}

#[test]
fn label_selectors_agree_with_upstream() {
    for case in cases(include_str!("../../cases/selectors/labels.yaml")) {
        let text = case["selector"].as_str().expect("selector");
        match LabelSelector::parse(text) {
            Ok(selector) => {
                assert_eq!(case.get("error"), None, "{text:?} was accepted");
                assert_eq!(selector.to_string(), case["text"].as_str().unwrap_or(text));
                for labels in case["matches"].as_array().into_iter().flatten() {
                    assert!(selector.matches(labels.as_object()), "{text:?} must match {labels}");
                }
                for labels in case["rejects"].as_array().into_iter().flatten() {
                    assert!(!selector.matches(labels.as_object()), "{text:?} must not match {labels}");
                }
            }
            Err(error) => assert_eq!(Some(error.to_string().as_str()), case["error"].as_str(), "{text:?}"),
        }
    }
}

#[test]
fn field_selectors_agree_with_upstream() {
    for case in cases(include_str!("../../cases/selectors/fields.yaml")) {
        let text = case["selector"].as_str().expect("selector");
        match FieldSelector::parse(text) {
            Ok(selector) => {
                assert_eq!(case.get("error"), None, "{text:?} was accepted");
                assert_eq!(selector.to_string(), case["text"].as_str().unwrap_or(text));
                let field = |fields: &Value, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
                for (list, wanted) in [("matches", true), ("rejects", false)] {
                    for fields in case[list].as_array().into_iter().flatten() {
                        let pairs = ["a", "b", "x"].map(|name| (name, field(fields, name).unwrap_or_default()));
                        assert_eq!(selector.matches(&pairs), wanted, "{text:?} on {fields}");
                    }
                }
            }
            Err(error) => assert_eq!(Some(error.to_string().as_str()), case["error"].as_str(), "{text:?}"),
        }
    }
}

#[test]
fn selectors_from_json_agree_with_upstream() {
    for case in cases(include_str!("../../cases/selectors/json.yaml")) {
        match LabelSelector::from_json(&case["selector"]) {
            Ok(selector) => {
                assert_eq!(selector.to_string(), case["text"].as_str().unwrap_or_default(), "{case}");
                assert_eq!(selector.matches(Some(&Default::default())), case["everything"] == json!(true), "{case}");
            }
            Err(error) => assert_eq!(Some(error.to_string().as_str()), case["error"].as_str(), "{case}"),
        }
    }
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,30}", near in "[a-c=!(),><in \\\\]{0,24}") {
        for text in [text, near] {
            // Only that it returns matters.
            drop((LabelSelector::parse(&text), FieldSelector::parse(&text)));
        }
    }

    #[test]
    fn printed_label_selectors_read_back(text in "[a-c]( in \\([a-c](,[a-c]){0,2}\\)|=[a-c]|!=[a-c])?(,![a-c])?") {
        let selector = LabelSelector::parse(&text).expect("good by construction");
        prop_assert_eq!(LabelSelector::parse(&selector.to_string()).expect("printed"), selector);
    }

    #[test]
    fn printed_field_selectors_read_back(value in "[a-c,=\\\\]{0,8}") {
        let escaped = value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
        let selector = FieldSelector::parse(&format!("metadata.name={escaped}")).expect("escaped");
        prop_assert_eq!(selector.exact("metadata.name"), Some(value.as_str()));
        prop_assert_eq!(FieldSelector::parse(&selector.to_string()).expect("printed"), selector);
    }
}
