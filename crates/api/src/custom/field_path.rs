//! `fieldPath` of a rule: accessors of fields and map entries below the schema that has the rule (apiextensions-apiserver
//! pkg/apiserver/schema/cel ValidFieldPath).

use serde_json::Value;

/// The path as upstream writes it back, if every step of it is in the schema.
pub(crate) fn field_path(path: &str, props: &Value) -> Option<String> {
    let (mut out, mut schema, mut rest) = (String::new(), props, path);
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix("['") {
            let end = quote_end(after)?;
            name = unquoted(&after[..end])?;
            rest = after[end + 1..].strip_prefix(']')?;
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[', ']']).unwrap_or(after.len());
            (name, rest) = (after[..end].to_owned(), &after[end..]);
        }
        schema = step(&mut out, schema, &name)?;
    }
    Some(out).filter(|path| !path.is_empty())
}

/// One step into the schema: a field by its name, or any entry of a map.
fn step<'v>(out: &mut String, schema: &'v Value, name: &str) -> Option<&'v Value> {
    if name.is_empty() {
        return None;
    }
    if let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(name);
        return properties.get(name);
    }
    out.push_str(&format!("[{name}]"));
    schema.get("additionalProperties").filter(|entries| !entries.is_null())
}

/// Where the quoted text ends.
fn quote_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|at| bytes[*at] == b'\'' && (*at == 0 || bytes[*at - 1] != b'\\'))
}

fn unquoted(text: &str) -> Option<String> {
    let (mut out, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next()? {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            escaped @ ('\'' | '\\') => escaped,
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_name_what_the_schema_has() {
        let text = json!({"type": "string"});
        let props = json!({"properties": {
            "a": {"properties": {"b": text, "c.d": text}},
            "map": {"additionalProperties": {"properties": {"e": text}}},
            "list": {"items": {"properties": {"a": text}}},
        }});
        for (path, wanted) in [
            (".a", Some("a")),
            (".a.b", Some("a.b")),
            (".a['c.d']", Some("a.c.d")),
            ("['a']['b']", Some("a.b")),
            (".map['x'].e", Some("map[x].e")),
            (".map.x.e", Some("map[x].e")),
            (".map['it\\'s']", Some("map[it's]")),
            ("a", None),
            (".a.c", None),
            (".a[b]", None),
            (".list[0]", None),
            (".list[0.b", None),
            (".list0].b", None),
            (".map['\\x']", None),
            (".", None),
            ("..", None),
            ("   ", None),
        ] {
            assert_eq!(field_path(path, &props).as_deref(), wanted, "{path}");
        }
    }
}
