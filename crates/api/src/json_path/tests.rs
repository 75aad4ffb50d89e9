//! The examples of kubectl's documentation, and what is refused.

use serde_json::{Value, json};

use super::*;

/// Templates and results of the examples on kubernetes.io/docs/reference/kubectl/jsonpath.
#[test]
fn the_documented_examples() {
    let input = json!({
        "kind": "List",
        "items": [
            {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
             "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
            {"kind": "None", "metadata": {"name": "127.0.0.2"},
             "status": {"capacity": {"cpu": "8"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"},
                                                                 {"type": "another", "address": "127.0.0.3"}]}},
        ],
        "users": [{"name": "myself", "user": {}},
                  {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
    });
    let cases = [
        ("kind is {.kind}", "kind is List"),
        ("{['kind']}", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.items[*]['metadata.name', 'status.capacity']}", r#"127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}"#),
        (r#"{.users[?(@.name=="e2e")].user.password}"#, "secret"),
        (r#"{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}"#, "[127.0.0.1, 4] [127.0.0.2, 8] "),
        (r#"{.items[0].metadata.labels.kubernetes\.io/hostname}"#, "127.0.0.1"),
        (r#"{range .items[*]}{.metadata.name}{"\n"}{end}"#, "127.0.0.1\n127.0.0.2\n"),
        ("{.items[-1].metadata.name}", "127.0.0.2"),
        ("{.items[0:1].metadata.name}", "127.0.0.1"),
    ];
    for (path, expected) in cases {
        let rendered = template(path).expect(path).render(&input).expect(path);
        assert_eq!(rendered, expected, "{path}");
    }
    for bad in ["{.a", "{range .a}", "{end}", "{.a[x]}"] {
        assert!(template(bad).is_err(), "{bad}");
    }
}

/// Nothing panics, overflows or multiplies without end.
#[test]
fn paths_have_limits() {
    let list = json!([1, 2, 3]);
    assert_eq!(JsonPath::parse("{[9223372036854775807]}").unwrap().find(&list), Vec::<&Value>::new());
    assert_eq!(JsonPath::parse("{[-9223372036854775808:2]}").unwrap().find(&list), [&json!(1), &json!(2)]);
    let nested = |times: usize| format!("{}@{}", "[?(@".repeat(times), ")]".repeat(times));
    assert!(JsonPath::parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(JsonPath::parse(&nested(10_000)), Err(JsonPathError::TooDeep));
    let doubled = "['','']".repeat(40);
    assert_eq!(JsonPath::parse(&doubled).unwrap().find(&list), Vec::<&Value>::new());
    assert_eq!(template(&format!("{{{doubled}}}")).unwrap().render(&list), Err(JsonPathError::TooMuch));
    let ranges = |times: usize| format!("{}x{}", "{range ['','']}".repeat(times), "{end}".repeat(times));
    assert_eq!(template(&ranges(3)).unwrap().render(&list).as_deref(), Ok("xxxxxxxx"));
    assert_eq!(template(&ranges(30)).unwrap().render(&list), Err(JsonPathError::TooMuch));
    assert_eq!(template(&ranges(1000)), Err(JsonPathError::TooDeep));
}

/// What a table shows is bounded for each cell: a list has as many as it has objects.
#[test]
fn a_column_shows_the_first_value_within_its_own_limit() {
    let list = json!({"items": [{"a": 1}, {"a": 2}]});
    let first = |path: &str| JsonPath::parse(path).unwrap().first(&list).cloned();
    assert_eq!(first(".items[*].a"), Some(json!(1)));
    assert_eq!(first(".items[?(@.a==2)].a"), Some(json!(2)));
    assert_eq!(first(".items[5].a"), None);
    let wide = json!({"items": vec![json!({"a": 1}); CELL_PLACES_MAX]});
    let path = JsonPath::parse(".items[*].a").unwrap();
    assert_eq!(path.first(&wide), None);
    assert_eq!(path.find(&wide).len(), CELL_PLACES_MAX, "a command may go farther");
}
