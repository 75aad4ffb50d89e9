//! Patterns in Go's dialect of regular expressions: `\d`, `\w` and `\s` mean ASCII.

use regex::Regex;

/// The expression, or why it is none.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&translated(pattern))
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut characters, mut in_class) = (pattern.chars(), false);
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(class @ ('d' | 'w' | 's')) => out.push_str(&ascii(class, in_class)),
                Some(class @ ('D' | 'W' | 'S')) if !in_class => {
                    out.push_str(&format!("[^{}]", ascii(class.to_ascii_lowercase(), true)));
                }
                // Go also denies a class within its braces.
                Some(class @ ('p' | 'P')) if characters.as_str().starts_with("{^") => {
                    characters = characters.as_str()[2..].chars();
                    out.push_str(if class == 'p' { "\\P{" } else { "\\p{" });
                }
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' if in_class => {
                // In Go a bracket within a class is itself, unless it opens a named class.
                let named = characters.as_str().starts_with(':');
                out.push_str(if named { "[" } else { "\\[" });
                if named && let Some(end) = characters.as_str().find(":]") {
                    out.push_str(&characters.as_str()[..end + 2]);
                    characters = characters.as_str()[end + 2..].chars();
                }
            }
            '[' => {
                in_class = true;
                out.push('[');
                // A bracket that closes comes first when it stands for itself.
                for first in ['^', ']'] {
                    if characters.as_str().starts_with(first) {
                        characters.next();
                        out.push_str(if first == ']' { "\\]" } else { "^" });
                    }
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Rust's classes have operators that Go's have not.
            '&' | '~' if in_class => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    out
}

fn ascii(class: char, in_class: bool) -> String {
    let members = match class {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\f\\r ",
    };
    if in_class { members.to_owned() } else { format!("[{members}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_mean_ascii_as_in_go() {
        for (pattern, text, matches) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "٣", false),
            (r"^\w+$", "é", false),
            (r"^[\w-]+$", "a-b", true),
            (r"^\D$", "x", true),
            (r"^[[a]+$", "[a", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]]$", "a", true),
            (r"^[[:alpha:]&]+$", "a&", true),
            (r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$", "* * * * */5", true),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
        assert!(compile("(").is_err());
    }

    /// https://pkg.go.dev/regexp/syntax: Unicode classes by category and by script.
    #[test]
    fn unicode_classes_are_known() {
        for (pattern, text, matches) in [
            (r"^\p{L}+$", "aéж", true),
            (r"^\p{L}+$", "a1", false),
            (r"^\pL\pN$", "a٣", true),
            (r"^\P{L}$", "1", true),
            (r"^\p{^L}$", "a", false),
            (r"^\p{Greek}+$", "αβ", true),
            (r"^[\p{Lu}\d]+$", "É1", true),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
    }
}
