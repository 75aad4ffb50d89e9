//! The query of a request as pairs. Pure.

/// Names and values, decoded, in order; a name without a value has an empty one.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name, true), decode(value, true)))
        .collect()
}

/// Resolves percent-encoding; `+` is a blank in queries only. What is no encoding stays as it is.
pub fn decode(text: &str, is_query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match encoded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if is_query && *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let pairs = pairs("command=sh&command=-c&command=echo+%24A%20b&tty=1&x&bad=%zz%4");
        let flat: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(flat, ["command=sh", "command=-c", "command=echo $A b", "tty=1", "x=", "bad=%zz%4"]);
        assert_eq!(decode("a+b%2Fc", false), "a+b/c");
    }
}
