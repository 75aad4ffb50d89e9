//! Named formats and their checks.

use base64::Engine;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::value::Value;

pub struct Format {
    pub(crate) name: &'static str,
    check: fn(&str) -> Vec<String>,
    /// The length of a pattern that would check the same, which costs count with.
    pub(crate) pattern: u64,
}

/// The most that a format's name and pattern count in the static estimate.
pub(crate) const MAX_NAME: u64 = 64;
pub(crate) const MAX_PATTERN: f64 = 128.0;

static FORMATS: [(&str, Format); 12] = [
    ("dns1123Label", Format { name: "DNS1123Label", check: |text| label(text, 63), pattern: 30 }),
    ("dns1123Subdomain", Format { name: "DNS1123Subdomain", check: subdomain, pattern: 60 }),
    ("dns1035Label", Format { name: "DNS1035Label", check: dns1035, pattern: 30 }),
    ("qualifiedName", Format { name: "QualifiedName", check: qualified_name, pattern: 60 }),
    (
        "dns1123LabelPrefix",
        Format { name: "DNS1123LabelPrefix", check: |text| label(&unfinished(text), 63), pattern: 30 },
    ),
    (
        "dns1123SubdomainPrefix",
        Format { name: "DNS1123SubdomainPrefix", check: |text| subdomain(&unfinished(text)), pattern: 60 },
    ),
    (
        "dns1035LabelPrefix",
        Format { name: "DNS1035LabelPrefix", check: |text| dns1035(&unfinished(text)), pattern: 30 },
    ),
    ("labelValue", Format { name: "LabelValue", check: label_value, pattern: 40 }),
    (
        "uri",
        Format {
            name: "URI",
            check: |text| crate::urls::check_request(text).err().into_iter().collect(),
            pattern: 1104,
        },
    ),
    (
        "uuid",
        Format { name: "uuid", check: |text| unless(is_uuid(text), "does not match the UUID format"), pattern: 72 },
    ),
    ("byte", Format { name: "byte", check: |text| unless(is_base64(text), "invalid base64"), pattern: 84 }),
    (
        "date",
        Format {
            name: "date",
            check: |text| unless(crate::times::parse_date(text).is_some(), "invalid date"),
            pattern: 72,
        },
    ),
];
static DATETIME: Format = Format {
    name: "datetime",
    check: |text| unless(crate::times::parse_timestamp(text).is_some(), "invalid datetime"),
    pattern: 72,
};

fn find(name: &str) -> Option<&'static Format> {
    if name == "datetime" {
        return Some(&DATETIME);
    }
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, format)| format)
}

fn wrap<'a>(format: &'static Format) -> Value<'a> {
    Value::library(Library::Format(format))
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    macro_rules! constant {
        ($name:literal) => {
            |_| find($name).map(wrap).ok_or_else(|| NO_OVERLOAD.to_owned())
        };
    }
    Some(match name {
        "format.named" => |args| match args {
            [Value::String(name)] => Ok(Value::Optional(find(name).map(|format| wrap(format).into()))),
            _ => Err(NO_OVERLOAD.to_owned()),
        },
        "validate" => validate,
        "format.dns1123Label" => constant!("dns1123Label"),
        "format.dns1123Subdomain" => constant!("dns1123Subdomain"),
        "format.dns1035Label" => constant!("dns1035Label"),
        "format.qualifiedName" => constant!("qualifiedName"),
        "format.dns1123LabelPrefix" => constant!("dns1123LabelPrefix"),
        "format.dns1123SubdomainPrefix" => constant!("dns1123SubdomainPrefix"),
        "format.dns1035LabelPrefix" => constant!("dns1035LabelPrefix"),
        "format.labelValue" => constant!("labelValue"),
        "format.uri" => constant!("uri"),
        "format.uuid" => constant!("uuid"),
        "format.byte" => constant!("byte"),
        "format.date" => constant!("date"),
        "format.datetime" => constant!("datetime"),
        _ => return None,
    })
}

fn validate<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Library(value), Value::String(text)] = args else { return Err(NO_OVERLOAD.to_owned()) };
    let Library::Format(format) = &**value else { return Err(NO_OVERLOAD.to_owned()) };
    let problems = (format.check)(text);
    if problems.is_empty() {
        return Ok(Value::Optional(None));
    }
    Ok(Value::some(Value::list(problems.into_iter().map(Value::text).collect())))
}

fn unless(holds: bool, problem: &str) -> Vec<String> {
    if holds { Vec::new() } else { vec![problem.to_owned()] }
}

/// A prefix may end in what a whole name may not.
fn unfinished(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(start) => format!("{start}a"),
        None => text.to_owned(),
    }
}

fn too_long(text: &str, most: usize) -> Vec<String> {
    unless(text.len() <= most, &format!("must be no more than {most} bytes"))
}

fn is_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

fn label(text: &str, most: usize) -> Vec<String> {
    let mut problems = too_long(text, most);
    problems.extend(unless(
        is_label(text),
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
         alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ));
    problems
}

fn subdomain(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 253);
    problems.extend(unless(
        text.split('.').all(is_label),
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an \
         alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ));
    problems
}

fn dns1035(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 63);
    problems.extend(unless(
        is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase()),
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an \
         alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ));
    problems
}

fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

const NAME_PROBLEM: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
     (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn qualified_name(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (prefix, name) = match parts[..] {
        [name] => (None, name),
        [prefix, name] => (Some(prefix), name),
        _ => {
            return vec![format!(
                "a valid label key {NAME_PROBLEM} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let mut problems = Vec::new();
    match prefix {
        Some("") => problems.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => problems.extend(subdomain(prefix).into_iter().map(|problem| format!("prefix part {problem}"))),
        None => {}
    }
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else {
        problems.extend(too_long(name, 63).into_iter().map(|problem| format!("name part {problem}")));
    }
    problems.extend(unless(is_name(name), &format!("name part {NAME_PROBLEM}")));
    problems
}

fn label_value(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 63);
    problems.extend(unless(
        text.is_empty() || is_name(text),
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
         '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ));
    problems
}

fn is_uuid(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (lengths == [32] || lengths == [8, 4, 4, 4, 12])
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}
