//! Regular expressions in RE2's syntax, on Rust's engine: both run in linear time. Classes such as \d are ASCII, as in Go.

use regex::{Regex, RegexBuilder};

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::value::Value;

/// The most memory that one compiled pattern may take.
const MAX_PROGRAM: usize = 10 << 20;

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "matches" => |args| with_pattern("matches", args),
        "find" => |args| with_pattern("find", args),
        "findAll" => |args| with_pattern("findAll", args),
        _ => return None,
    })
}

/// The functions whose second argument is a pattern, compiled once when it is constant.
pub(crate) fn takes_pattern(function: &str) -> bool {
    matches!(function, "matches" | "find" | "findAll")
}

fn with_pattern<'a>(function: &str, args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [Value::String(_), Value::String(pattern), ..] => run(function, &compile(pattern)?, args),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

pub(crate) fn run<'a>(function: &str, regex: &Regex, args: &[Value<'a>]) -> Outcome<'a> {
    let Some(Value::String(text)) = args.first() else { return Err(NO_OVERLOAD.to_owned()) };
    Ok(match (function, args.get(2)) {
        ("matches", None) => Value::Bool(regex.is_match(text)),
        ("find", None) => Value::text(regex.find(text).map_or("", |found| found.as_str())),
        ("findAll", limit) => {
            let most = match limit {
                None => usize::MAX,
                Some(Value::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
                Some(_) => return Err(NO_OVERLOAD.to_owned()),
            };
            Value::list(regex.find_iter(text).take(most).map(|found| Value::text(found.as_str())).collect())
        }
        _ => return Err(NO_OVERLOAD.to_owned()),
    })
}

/// A pattern in Go's dialect, ready to match; else why it is none, in Go's words. Schemas' patterns are of this dialect, too.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translator::new(pattern).translate()?;
    RegexBuilder::new(&translated).size_limit(MAX_PROGRAM).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("error parsing regexp: expression too large: `{pattern}`"),
        _ => complaint(pattern),
    })
}

fn complaint(pattern: &str) -> String {
    let open = pattern.matches('(').count();
    let what = if pattern.contains('[') && !pattern.contains(']') {
        format!("missing closing ]: `{}`", &pattern[pattern.find('[').unwrap_or(0)..])
    } else if open > pattern.matches(')').count() {
        format!("missing closing ): `{pattern}`")
    } else {
        format!("invalid pattern: `{pattern}`")
    };
    format!("error parsing regexp: {what}")
}

struct Translator<'a> {
    pattern: &'a str,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    result: String,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Translator { pattern, rest: pattern.chars().peekable(), result: String::with_capacity(pattern.len() + 16) }
    }

    fn translate(mut self) -> Result<String, String> {
        while let Some(character) = self.rest.next() {
            match character {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '{' => self.count()?,
                '(' => self.group()?,
                other => self.result.push(other),
            }
        }
        Ok(self.result)
    }

    fn refuse<T>(&self) -> Result<T, String> {
        Err(complaint(self.pattern))
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(character) = self.rest.next() else {
            return Err(format!("error parsing regexp: trailing backslash at end of expression: `{}`", self.pattern));
        };
        let class = match character {
            'd' => "0-9",
            's' => "\\t\\n\\x0C\\r ",
            'w' => "0-9A-Za-z_",
            'D' | 'S' | 'W' => {
                let positive = match character {
                    'D' => "0-9",
                    'S' => "\\t\\n\\x0C\\r ",
                    _ => "0-9A-Za-z_",
                };
                self.result.push_str(&format!("[^{positive}]"));
                return Ok(());
            }
            'b' | 'B' if !in_class => {
                self.result.push_str(if character == 'b' { "(?-u:\\b)" } else { "(?-u:\\B)" });
                return Ok(());
            }
            'Q' if !in_class => {
                self.quoted();
                return Ok(());
            }
            'C' | 'R' | 'X' | 'u' | 'U' | 'Z' | 'G' | 'h' | 'H' | 'K' | '<' | '>' => return self.refuse(),
            'p' | 'P' => {
                self.unicode_class(character == 'p');
                return Ok(());
            }
            other => {
                self.result.push('\\');
                self.result.push(other);
                return Ok(());
            }
        };
        self.result.push_str(&if in_class { class.to_owned() } else { format!("[{class}]") });
        Ok(())
    }

    /// `\pL`, `\p{Greek}`; Go also denies a class within its braces.
    fn unicode_class(&mut self, mut positive: bool) {
        let mut name = String::new();
        if self.rest.next_if_eq(&'{').is_some() {
            positive ^= self.rest.next_if_eq(&'^').is_some();
            let is_closed = self.rest.clone().any(|letter| letter == '}');
            name = self.rest.by_ref().take_while(|letter| *letter != '}').collect();
            if !is_closed {
                // No class has such a name.
                name.push('{');
            }
        } else {
            name.extend(self.rest.next());
        }
        self.result.push_str(&format!("\\{}{{{name}}}", if positive { 'p' } else { 'P' }));
    }

    /// `\Q...\E`: what stands for itself.
    fn quoted(&mut self) {
        while let Some(character) = self.rest.next() {
            if character == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.result.push_str(&regex::escape(&character.to_string()));
        }
    }

    /// In a class Rust knows nested classes and operators that RE2 does not.
    fn class(&mut self) -> Result<(), String> {
        self.result.push('[');
        if self.rest.peek() == Some(&'^') {
            self.rest.next();
            self.result.push('^');
        }
        let mut first = true;
        while let Some(character) = self.rest.next() {
            match character {
                ']' if !first => {
                    self.result.push(']');
                    return Ok(());
                }
                ']' => self.result.push_str("\\]"),
                '[' if self.rest.peek() == Some(&':') => {
                    self.result.push('[');
                    for inner in self.rest.by_ref() {
                        self.result.push(inner);
                        if inner == ']' {
                            break;
                        }
                    }
                }
                '[' | '&' | '~' => {
                    self.result.push('\\');
                    self.result.push(character);
                }
                '-' if self.rest.peek() == Some(&'-') => self.result.push_str("\\-"),
                '\\' => self.escape(true)?,
                other => self.result.push(other),
            }
            first = false;
        }
        Err(format!(
            "error parsing regexp: missing closing ]: `{}`",
            &self.pattern[self.pattern.find('[').unwrap_or(0)..]
        ))
    }

    /// `{2,5}` repeats, at most 1000 times; other braces stand for themselves.
    fn count(&mut self) -> Result<(), String> {
        // No further than that, or a row of braces would be read once for each of them.
        let ahead: String = self.rest.clone().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        let (low, high) = ahead.split_once(',').unwrap_or((&ahead, &ahead));
        let is_closed = self.rest.clone().nth(ahead.len()) == Some('}');
        if !is_closed || low.is_empty() || high.contains(',') {
            self.result.push_str("\\{");
            return Ok(());
        }
        if [low, high].iter().any(|text| text.parse::<u32>().is_ok_and(|count| count > 1000) || text.len() > 4) {
            return Err(format!("error parsing regexp: invalid repeat count: `{{{ahead}}}`"));
        }
        self.result.push('{');
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        self.result.push('(');
        if self.rest.peek() == Some(&'?') {
            let mut inner = self.rest.clone().skip(1);
            let is_named = match inner.next() {
                Some('<') => true,
                Some('P') => inner.next() == Some('<'),
                _ => false,
            };
            let mut flags = self.rest.clone().skip(1).skip_while(|c| "imsU-".contains(*c));
            if !is_named && !matches!(flags.next(), None | Some(')' | ':')) {
                return self.refuse();
            }
        }
        Ok(())
    }
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

    /// https://pkg.go.dev/regexp/syntax: x{n,m} up to 1000; other braces are letters. A pattern is read once, however long it is.
    #[test]
    fn braces_are_counts_or_letters() {
        for (pattern, text, matches) in [
            ("^a{2,3}$", "aa", true),
            ("^a{2,}$", "aaaa", true),
            ("^a{2}$", "aaa", false),
            ("^a{,2}$", "a{,2}", true),
            ("^a{x}$", "a{x}", true),
            ("^{{1$", "{{1", true),
            (r"^(?i:A)(?P<name>b)(?U)c$", "abc", true),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
        assert_eq!(compile("a{1001}").unwrap_err(), "error parsing regexp: invalid repeat count: `{1001}`");
        assert!(compile("(?=a)").is_err() && compile("(?P=a)").is_err());
        for long in ["{".repeat(1 << 20), "(?P<".repeat(1 << 18)] {
            assert!(Translator::new(&long).translate().is_ok());
        }
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
            (r"^\P{^L}$", "a", true),
            (r"^\p{Greek}+$", "αβ", true),
            (r"^[\p{Lu}\d]+$", "É1", true),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
        for pattern in [r"\p{L", r"\p", r"\p{Nowhere}"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
