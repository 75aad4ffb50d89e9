//! Quoted text to what it means.

/// The text between the quotes, and whether escapes stand for themselves.
fn content(token: &str) -> (&str, bool) {
    let start = token.find(['"', '\'']).unwrap_or(0);
    let raw = token[..start].contains(['r', 'R']);
    let body = &token[start..];
    let quote = if body.starts_with("\"\"\"") || body.starts_with("'''") { 3 } else { 1 };
    let end = body.len().saturating_sub(quote);
    (body.get(quote..end).unwrap_or_default(), raw)
}

pub(crate) fn string_literal(token: &str) -> Option<String> {
    let (text, raw) = content(token);
    if raw {
        return Some(text.to_owned());
    }
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        result.push(if character == '\\' { char::from_u32(escape(&mut characters)?.0)? } else { character });
    }
    Some(result)
}

pub(crate) fn bytes_literal(token: &str) -> Option<Vec<u8>> {
    let (text, raw) = content(token);
    if raw {
        return Some(text.as_bytes().to_vec());
    }
    let mut result = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let (value, unicode) = escape(&mut characters)?;
        if unicode {
            return None;
        }
        result.push(u8::try_from(value).ok()?);
    }
    Some(result)
}

/// What an escape stands for, and whether it is a code point rather than a byte.
fn escape(characters: &mut std::str::Chars<'_>) -> Option<(u32, bool)> {
    let kind = characters.next()?;
    let mut number = |prefix: String, count: usize, radix: u32| {
        let digits: String = prefix.chars().chain(characters.by_ref().take(count)).collect();
        u32::from_str_radix(&digits, radix).ok()
    };
    Some(match kind {
        'a' => (7, false),
        'b' => (8, false),
        'f' => (12, false),
        'n' => (10, false),
        'r' => (13, false),
        't' => (9, false),
        'v' => (11, false),
        'x' | 'X' => (number(String::new(), 2, 16)?, false),
        'u' => (number(String::new(), 4, 16)?, true),
        'U' => (number(String::new(), 8, 16)?, true),
        '0'..='3' => (number(kind.to_string(), 2, 8)?, false),
        other => (other as u32, false),
    })
}
