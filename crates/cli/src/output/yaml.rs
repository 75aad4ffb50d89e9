//! YAML as kubectl writes it: sorted keys, lists as deep as their key, plain text where it can be, else quoted; long text is folded at
//! column 80, text of several lines is a literal block.

use serde_json::Value;

const WIDTH: usize = 80;

/// A value as a YAML document.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(value, 0, false, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        other => {
            scalar(other, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

/// The entries of a map; the first one stands behind a dash where `inline`.
fn mapping(map: &Value, indent: usize, inline: bool, out: &mut String) {
    for (at, (key, value)) in map.as_object().into_iter().flatten().enumerate() {
        if !(inline && at == 0) {
            out.push_str(&" ".repeat(indent));
        }
        text(key, 0, true, out);
        out.push(':');
        below(value, indent, out);
    }
}

fn below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            mapping(value, indent + 2, false, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(items, indent, out);
        }
        other => {
            out.push(' ');
            scalar(other, indent + 2, out);
            out.push('\n');
        }
    }
}

fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        // The first item of a list within a list stands behind the outer dash.
        if !(at == 0 && out.ends_with("- ")) {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(item, indent + 2, true, out),
            Value::Array(items) if !items.is_empty() => sequence(items, indent + 2, out),
            other => {
                scalar(other, indent + 2, out);
                out.push('\n');
            }
        }
    }
}

/// A scalar whose further lines are indented by `indent`.
fn scalar(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(string) => text(string, indent, false, out),
        other => out.push_str(&other.to_string()),
    }
}

fn text(string: &str, indent: usize, is_key: bool, out: &mut String) {
    let printable = |letter: char| letter == '\n' || !(letter.is_control() || letter == '\u{feff}');
    let special = !string.chars().all(printable);
    let space_break = string.contains(" \n");
    let lines = string.contains('\n');
    if special || (lines && (is_key || space_break || string.ends_with(' '))) {
        return double_quoted(string, indent, is_key, out);
    }
    if lines {
        return literal(string, indent, out);
    }
    if means_something_else(string) {
        return double_quoted(string, indent, is_key, out);
    }
    if may_be_plain(string) {
        return folded(string, indent, is_key, out);
    }
    out.push('\'');
    folded(&string.replace('\'', "''"), indent, is_key, out);
    out.push('\'');
}

/// Writes text on lines that break at the first space after column 80.
fn folded(string: &str, indent: usize, is_key: bool, out: &mut String) {
    let letters: Vec<char> = string.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let lone =
            *letter == ' ' && at > 0 && letters[at - 1] != ' ' && letters.get(at + 1).is_some_and(|next| *next != ' ');
        if lone && !is_key && column(out) > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
        } else {
            out.push(*letter);
        }
    }
}

fn column(out: &str) -> usize {
    out.chars().rev().take_while(|letter| *letter != '\n').count()
}

fn literal(string: &str, indent: usize, out: &mut String) {
    out.push('|');
    if string.starts_with([' ', '\n']) {
        // How deep the block is cannot be seen from its first line.
        out.push('2');
    }
    if !string.ends_with('\n') {
        out.push('-');
    } else if string.ends_with("\n\n") || string == "\n" {
        out.push('+');
    }
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
}

fn double_quoted(string: &str, indent: usize, is_key: bool, out: &mut String) {
    out.push('"');
    let letters: Vec<char> = string.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let inside = at > 0 && at + 1 < letters.len();
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{1b}' => out.push_str("\\e"),
            ' ' if inside && !is_key && letters[at - 1] != ' ' && column(out) > WIDTH => {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                if letters[at + 1] == ' ' {
                    out.push('\\');
                }
            }
            letter if (*letter as u32) < 0x20 || *letter == '\u{7f}' => {
                out.push_str(&format!("\\x{:02X}", *letter as u32))
            }
            '\u{feff}' => out.push_str("\\uFEFF"),
            letter => out.push(*letter),
        }
    }
    out.push('"');
}

/// Text that would be read as something other than text.
fn means_something_else(string: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y", "Y", "yes", "Yes",
        "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf",
        ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    WORDS.contains(&string) || is_number(string) || is_date(string)
}

fn is_number(string: &str) -> bool {
    let plain = string.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let based = |prefix: &str, base| {
        let digits = unsigned.strip_prefix(prefix);
        digits.is_some_and(|digits| u64::from_str_radix(digits, base).is_ok())
    };
    let base60 = unsigned.contains(':')
        && unsigned.split(':').enumerate().all(|(at, part)| {
            let whole = part.split('.').next().unwrap_or_default();
            !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) && (at == 0 || whole.len() <= 2)
        });
    let starts = unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    let ends = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    base60 || based("0x", 16) || based("0b", 2) || based("0o", 8) || (starts && ends && unsigned.parse::<f64>().is_ok())
}

/// `2026-01-02` and `2026-01-02T03:04:05Z`.
fn is_date(string: &str) -> bool {
    let day = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.len() == 3
            && parts[0].len() == 4
            && parts.iter().all(digits)
            && parts[1..].iter().all(|part| part.len() <= 2)
    };
    day(string) || string.parse::<jiff::Timestamp>().is_ok()
}

/// Text that needs no quotes.
fn may_be_plain(string: &str) -> bool {
    let indicator = |letter: char| "#,[]{}&*!|>'\"%@`".contains(letter);
    let first = string.chars().next().unwrap_or(' ');
    let second = string.chars().nth(1);
    let dashes = matches!(first, '-' | '?' | ':') && second.is_none_or(char::is_whitespace);
    let marks = string.starts_with("---") || string.starts_with("...");
    !(indicator(first)
        || dashes
        || marks
        || string.starts_with(' ')
        || string.ends_with(' ')
        || string.ends_with(':')
        || string.contains(": ")
        || string.contains(" #"))
}
