//! Good and bad words as upstream's own tests have them (apimachinery util/validation and api/validate/content).

use super::*;

fn check(rule: fn(&str) -> Messages, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(rule(text), Messages::new(), "{text:?}");
    }
    for text in bad {
        assert!(!rule(text).is_empty(), "{text:?}");
    }
}

#[test]
fn labels_and_subdomains() {
    let long = "a".repeat(64);
    check(
        dns1123_label,
        &["a", "ab", "abc", "a1", "a-1", "a--1--2--b", "0", "01", "012", "1a", "1-a", "1--a--b--2"],
        &[
            "", "A", "ABC", "aBc", "A1", "-", "a-", "-a", "1-", "_", "a_", "a_b", ".", "a.", "a.b", " ", "a ", "1 2",
            &long,
        ],
    );
    check(
        dns1123_subdomain,
        &["a", "a1", "0", "a.a", "a.1", "1.a", "a.b.c.d.e", "aa.bb.cc.dd.ee", "a--1.b"],
        &[
            "",
            "A",
            "-",
            "a-",
            "1-a-",
            "_",
            ".",
            "a.",
            ".a",
            "a..b",
            "a.b-",
            "A.a",
            "a@b",
            "a,b",
            "a/b",
            &"a".repeat(254),
        ],
    );
    check(dns1035_label, &["a", "abc", "a1", "a-1"], &["0", "01", "1a", "1-a", "", "A", "a.b", "a_", &long]);
    check(
        wildcard_dns1123_subdomain,
        &["*.example.com", "*.bar.com"],
        &["*.*.bar.com", "*.foo.*.com", "*bar.com", "*"],
    );
    assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(
        dns1123_subdomain("Bad_Name"),
        [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        dns1123_label("A"),
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
}

#[test]
fn qualified_names_and_label_values() {
    check(
        qualified_name,
        &[
            "simple",
            "now-with-dashes",
            "1-starts-with-num",
            "1234",
            "simple/simple",
            "1.2.3.4/5678",
            "Uppercase_Is_OK_123",
            "example.com/Uppercase_Is_OK_123",
            "requests.storage-foo",
            &"a".repeat(63),
        ],
        &[
            "nospecialchars%^=@",
            "cantendwithadash-",
            "-cantstartwithadash-",
            "only/one/slash",
            "Example.com/abc",
            "example_com/abc",
            "example.com/",
            "/simple",
            &"a".repeat(64),
        ],
    );
    check(
        label_value,
        &["simple", "now-with-dashes", "1-starts-with-num", "end-with-num-1", "1234", "", &"a".repeat(63)],
        &[
            "nospecialchars%^=@",
            "Tama-nui-te-rā.is.Māori.sun",
            "\\backslashes\\are\\bad",
            "-starts-with-dash",
            "ends-with-dash-",
            ".starts.with.dot",
            "ends.with.dot.",
            &"a".repeat(64),
        ],
    );
    assert_eq!(qualified_name("/simple"), ["prefix part must be non-empty"]);
    assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
}

#[test]
fn ports_keys_and_variables() {
    check(
        port_name,
        &["telnet", "re-mail-ck", "pop3", "a", "a-1", "1-a", "a-1-b-2-c", "1-a-2-b-3"],
        &["longerthan15characters", "", "12345678901234567890", "-", "1", "1--2", "-a", "a-", "a--b", "A"],
    );
    check(
        config_map_key,
        &["a", "good", "good-good", "still.good", "THIS_IS_GOOD", ".foo"],
        &[".", "..", "..bad", "bad*", "b\u{e9}", ""],
    );
    check(env_var_name, &["a", "A B", "1", "x.y", "-"], &["", "a=b", "b\u{e9}", "\n"]);
    check(c_identifier, &["a", "_a", "A_1"], &["", "1a", "a-b"]);
    check(percent, &["0%", "99%"], &["%", "1", "-1%", "1.5%", ""]);
    assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
    assert_eq!(user_id(-1), ["must be between 0 and 2147483647, inclusive"]);
    assert_eq!(path_segment(".."), ["may not be '..'"]);
    assert_eq!(path_segment("a/b%"), ["may not contain '/'", "may not contain '%'"]);
}

#[test]
fn a_generated_name_may_end_in_a_dash() {
    assert_eq!(mask_trailing_dash("web-"), "wea");
    assert_eq!(mask_trailing_dash("-"), "-");
    assert_eq!(mask_trailing_dash("é-"), "é-");
}
