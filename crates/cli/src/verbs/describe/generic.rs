//! Kinds without a row of their own: every field by its name, in words.

use serde_json::Value;

use super::events;
use super::related::Related;
use super::text::{Text, at, show, text};

pub fn write(object: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.map(0, "Labels", at(object, "metadata.labels"));
    out.annotations(0, "Annotations", at(object, "metadata.annotations"));
    fields(object, 0, &["name", "namespace", "labels", "annotations", "managedFields"], out);
    events::write(related, out);
}

fn fields(value: &Value, level: usize, left_out: &[&str], out: &mut Text) {
    let mut names: Vec<(String, &String, &Value)> =
        value.as_object().into_iter().flatten().map(|(name, value)| (heading(name), name, value)).collect();
    names.sort_by(|left, right| left.0.cmp(&right.0));
    for (heading, name, value) in names {
        if level > 0 && left_out.contains(&name.as_str()) {
            continue;
        }
        // Only metadata leaves out what stands at the top.
        let below = if level == 0 && name == "metadata" { left_out } else { &[] };
        match value {
            Value::Object(_) => {
                out.line(level, format_args!("{heading}:"));
                fields(value, level + 1, below, out);
            }
            Value::Array(items) => {
                out.line(level, format_args!("{heading}:"));
                for item in items {
                    match item {
                        Value::Object(_) => fields(item, level + 1, &[], out),
                        other => out.line(level + 1, show(other)),
                    }
                }
            }
            other => out.field(level, &heading, show(other)),
        }
    }
}

/// `addressType` as `Address Type`, `podIP` as `Pod IP`.
fn heading(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut heading = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let begins = letter.is_uppercase()
            && at > 0
            && (!letters[at - 1].is_uppercase() || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            heading.push(' ');
        }
        if at == 0 { heading.extend(letter.to_uppercase()) } else { heading.push(*letter) }
    }
    if ["Api Version", "Uid"].contains(&heading.as_str()) {
        heading.replace("Api", "API").replace("Uid", "UID")
    } else {
        heading
    }
}
