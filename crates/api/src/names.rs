//! Syntax of names, labels and other words, with upstream's messages (apimachinery util/validation and api/validate/content). Every rule
//! returns what is wrong, nothing when the word is good. Addresses are in `ip`.

use serde_json::{Map, Value};

use crate::field_error::FieldError;
use crate::kind::NameRule;

/// The longest DNS subdomain.
pub const SUBDOMAIN_MAX: usize = 253;
/// The longest DNS label and label value.
pub const LABEL_MAX: usize = 63;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const UNDERSCORED_SUBDOMAIN: &str = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const WILDCARD: &str = "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_KEY_MESSAGE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// What is wrong with a word.
pub type Messages = Vec<String>;

/// metadata.name under its kind's rule.
pub fn check(rule: NameRule, name: &str) -> Messages {
    match rule {
        NameRule::DnsSubdomain => dns1123_subdomain(name),
        NameRule::DnsLabel => dns1123_label(name),
        NameRule::Dns1035Label => dns1035_label(name),
        NameRule::PathSegment => path_segment(name),
    }
}

/// Labels' keys and values, every error at the map's own path, as upstream has it.
pub fn label_errors(labels: &Map<String, Value>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels {
        let wrong = qualified_name(key).into_iter();
        errors.extend(wrong.map(|why| FieldError::invalid(path, &key.as_str().into(), &why)));
        let wrong = label_value(value.as_str().unwrap_or_default()).into_iter();
        errors.extend(wrong.map(|why| FieldError::invalid(path, value, &why)));
    }
    errors
}

/// `message (e.g. 'a',  or 'b', regex used for validation is '…')`, with upstream's two spaces.
pub fn regex_error(message: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{regex}')");
    }
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

pub fn max_length_error(length: usize) -> String {
    format!("must be no more than {length} characters")
}

pub fn range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

fn lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `inner` characters throughout, `outer` ones at both ends, at least one.
fn word(text: &str, outer: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(first), Some(last)) if outer(*first) && outer(*last))
        && bytes.iter().all(|byte| inner(*byte))
}

fn label_word(text: &str) -> bool {
    word(text, lower_alphanumeric, |byte| lower_alphanumeric(byte) || byte == b'-')
}

fn subdomain_word(text: &str) -> bool {
    text.split('.').all(label_word)
}

fn underscored_word(text: &str) -> bool {
    let text = text.strip_prefix('_').unwrap_or(text);
    word(text, lower_alphanumeric, |byte| lower_alphanumeric(byte) || byte == b'-' || byte == b'_')
}

fn label_key_word(text: &str) -> bool {
    word(text, |byte| byte.is_ascii_alphanumeric(), |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn too_long(text: &str, max: usize) -> Messages {
    if text.len() > max { vec![max_length_error(max)] } else { Messages::new() }
}

/// A label of a DNS name (RFC 1123): names of namespaces, containers, volumes.
pub fn dns1123_label(text: &str) -> Messages {
    let mut messages = too_long(text, LABEL_MAX);
    if !label_word(text) {
        messages.push(if subdomain_word(text) {
            "must not contain dots".to_owned()
        } else {
            regex_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    messages
}

/// A DNS name (RFC 1123): names of most objects.
pub fn dns1123_subdomain(text: &str) -> Messages {
    subdomain(text, "characters")
}

/// Upstream counts in bytes where the rule is a part of a label key's.
fn subdomain(text: &str, unit: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > SUBDOMAIN_MAX {
        messages.push(format!("must be no more than {SUBDOMAIN_MAX} {unit}"));
    }
    if !subdomain_word(text) {
        messages.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    messages
}

/// A DNS name that may have underscores: search domains.
pub fn dns1123_subdomain_with_underscore(text: &str) -> Messages {
    let mut messages = too_long(text, SUBDOMAIN_MAX);
    if !text.split('.').all(underscored_word) {
        messages.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
            UNDERSCORED_SUBDOMAIN,
            &["example.com"],
        ));
    }
    messages
}

/// `*.` and a DNS name: hosts of Ingresses.
pub fn wildcard_dns1123_subdomain(text: &str) -> Messages {
    let mut messages = too_long(text, SUBDOMAIN_MAX);
    if !text.strip_prefix("*.").is_some_and(subdomain_word) {
        messages.push(regex_error(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            WILDCARD,
            &["*.example.com"],
        ));
    }
    messages
}

/// A label of a DNS name by RFC 1035: starts with a letter.
pub fn dns1035_label(text: &str) -> Messages {
    let mut messages = too_long(text, LABEL_MAX);
    if !label_word(text) || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
        messages.push(regex_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    messages
}

/// A label key, also called a qualified name: `name` or `example.com/name`.
pub fn qualified_name(text: &str) -> Messages {
    let mut messages = Messages::new();
    let syntax = || regex_error(LABEL_KEY_MESSAGE, LABEL_KEY, &["MyName", "my.name", "123-abc"]);
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                syntax()
            )];
        }
        Some(("", name)) => {
            messages.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            messages.extend(subdomain(prefix, "bytes").into_iter().map(|message| format!("prefix part {message}")));
            name
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        messages.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !label_key_word(name) {
        messages.push(format!("name part {}", syntax()));
    }
    messages
}

/// A label's value; may be empty.
pub fn label_value(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > LABEL_MAX {
        messages.push(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if !text.is_empty() && !label_key_word(text) {
        messages.push(regex_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    messages
}

/// A name that fits into a URL's path: names of RBAC objects.
pub fn path_segment(text: &str) -> Messages {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    path_segment_prefix(text)
}

/// The beginning of such a name.
pub fn path_segment_prefix(text: &str) -> Messages {
    ["/", "%"].iter().filter(|part| text.contains(**part)).map(|part| format!("may not contain '{part}'")).collect()
}

/// Key of a ConfigMap or Secret.
pub fn config_map_key(text: &str) -> Messages {
    let mut messages = too_long(text, SUBDOMAIN_MAX);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        messages.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    messages.extend(upwards(text));
    messages
}

fn upwards(text: &str) -> Option<String> {
    match text {
        "." | ".." => Some(format!("must not be '{text}'")),
        _ if text.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// Name of an environment variable: printable ASCII but `=`.
pub fn env_var_name(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.is_empty() {
        messages.push("environment variable name must be non-empty".to_owned());
    }
    if !text.chars().all(|letter| (letter.is_ascii_graphic() || letter == ' ') && letter != '=') {
        messages.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    messages
}

/// An identifier of C.
pub fn c_identifier(text: &str) -> Messages {
    let good = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good {
        return Messages::new();
    }
    vec![regex_error(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// Name of a port (RFC 6335).
pub fn port_name(text: &str) -> Messages {
    let mut messages = too_long(text, 15);
    if text.is_empty() || !text.bytes().all(|byte| lower_alphanumeric(byte) || byte == b'-') {
        messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        messages.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        messages.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        messages.push("must not begin or end with a hyphen".to_owned());
    }
    messages
}

/// Number of a port.
pub fn port_number(port: i64) -> Messages {
    if (1..=65535).contains(&port) { Messages::new() } else { vec![range_error(1, 65535)] }
}

/// A user or group id.
pub fn user_id(id: i64) -> Messages {
    let max = i64::from(i32::MAX);
    if (0..=max).contains(&id) { Messages::new() } else { vec![range_error(0, max)] }
}

/// `12%`.
pub fn percent(text: &str) -> Messages {
    let digits = text.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Messages::new();
    }
    vec![regex_error(
        "a valid percent string must be a numeric string followed by an ending '%'",
        "[0-9]+%",
        &["1%", "93%"],
    )]
}

/// Name of an HTTP header.
pub fn http_header_name(text: &str) -> Messages {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Messages::new();
    }
    vec![regex_error(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

/// The beginning of a generated name under a rule: a trailing dash is fine, for more follows.
pub fn mask_trailing_dash(prefix: &str) -> String {
    if prefix.len() > 1 && prefix.ends_with('-') && prefix.is_char_boundary(prefix.len() - 2) {
        return format!("{}a", &prefix[..prefix.len() - 2]);
    }
    prefix.to_owned()
}

#[cfg(test)]
mod tests;
