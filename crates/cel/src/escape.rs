//! Names of fields as identifiers of expressions: upstream's escapes for what the grammar does not take.

use crate::parser::RESERVED;

/// Words of the grammar besides those it keeps for later.
const WORDS: [&str; 4] = ["true", "false", "null", "in"];

/// Whether a name is a word of the language, so that no variable can have it.
pub fn is_keyword(name: &str) -> bool {
    WORDS.contains(&name) || RESERVED.contains(&name)
}

/// The identifier that stands for a field, or none when expressions cannot name it.
pub fn escape(name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if is_keyword(name) {
        return Some(format!("__{name}__"));
    }
    let mut escaped = String::with_capacity(name.len());
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '_' if characters.peek() == Some(&'_') => {
                characters.next();
                escaped.push_str("__underscores__");
            }
            '.' => escaped.push_str("__dot__"),
            '-' => escaped.push_str("__dash__"),
            '/' => escaped.push_str("__slash__"),
            '_' => escaped.push('_'),
            other if other.is_ascii_alphanumeric() => escaped.push(other),
            _ => return None,
        }
    }
    Some(escaped)
}

/// The field an identifier stands for, or none when it holds an escape that does not exist.
pub fn unescape(identifier: &str) -> Option<String> {
    let mut name = String::with_capacity(identifier.len());
    let mut rest = identifier;
    while let Some(start) = rest.find("__") {
        let inner = &rest[start + 2..];
        let length = inner.find('_').unwrap_or(inner.len());
        if length == 0 || !inner[length..].starts_with("__") {
            let skip = start + 1;
            name.push_str(&rest[..skip]);
            rest = &rest[skip..];
            continue;
        }
        name.push_str(&rest[..start]);
        let whole = rest.len() == identifier.len() && start == 0 && length + 4 == identifier.len();
        name.push_str(match &inner[..length] {
            "underscores" => "__",
            "dot" => ".",
            "dash" => "-",
            "slash" => "/",
            keyword if is_keyword(keyword) && whole => keyword,
            _ => return None,
        });
        rest = &inner[length + 2..];
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};

    #[test]
    fn names_are_escaped_and_read_back() {
        for (name, identifier) in [
            ("namespace", "__namespace__"),
            ("a-b", "a__dash__b"),
            ("a.b/c", "a__dot__b__slash__c"),
            ("a__b", "a__underscores__b"),
            ("_a", "_a"),
            ("a_b", "a_b"),
            ("inner", "inner"),
        ] {
            assert_eq!(escape(name).as_deref(), Some(identifier));
            assert_eq!(unescape(identifier).as_deref(), Some(name));
        }
        for name in ["", "1a", "a b", "ä", "a$"] {
            assert_eq!(escape(name), None, "{name}");
        }
        assert_eq!(unescape("a__nope__b"), None);
        assert_eq!(unescape("x__namespace__"), None);
    }
}
