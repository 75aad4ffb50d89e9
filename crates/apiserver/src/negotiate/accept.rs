//! The Accept header as upstream's parser (goautoneg) reads it: clauses with parameters, the preferred ones first.

use http::{HeaderMap, header};

use super::{Encoding, JSON, PROTOBUF, YAML};

/// One clause of an Accept header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clause<'a> {
    pub media_type: &'a str,
    pub parameters: Vec<(&'a str, &'a str)>,
    quality: f64,
}

impl<'a> Clause<'a> {
    const ANYTHING: Clause<'static> = Clause { media_type: "*/*", parameters: Vec::new(), quality: 1.0 };

    /// The last value of a parameter.
    pub fn parameter(&self, name: &str) -> &'a str {
        self.parameters.iter().rfind(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(key, _)| *key == name)
    }

    /// The encodings it allows, in the server's order.
    pub fn encodings(&self) -> &'static [Encoding] {
        match self.media_type {
            JSON => &[Encoding::Json],
            YAML => &[Encoding::Yaml],
            PROTOBUF => &[Encoding::Protobuf],
            "application/*" | "*/*" => &[Encoding::Json, Encoding::Yaml, Encoding::Protobuf],
            _ => &[],
        }
    }

    fn halves(&self) -> (&str, &str) {
        self.media_type.split_once('/').unwrap_or((self.media_type, ""))
    }

    /// Upstream's comparison, which is no order: a wildcard yields to what is specific whatever their qualities are, unless it stands before.
    fn precedes(&self, other: &Clause<'_>) -> bool {
        let ((own_type, own_sub), (other_type, other_sub)) = (self.halves(), other.halves());
        self.quality > other.quality || own_type != "*" && other_type == "*" || own_sub != "*" && other_sub == "*"
    }
}

/// The clauses of the first Accept header, preferred ones first. No header, or an empty one: anything.
pub fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    let text = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text.is_empty() {
        return vec![Clause::ANYTHING];
    }
    let mut sorted: Vec<Clause> = Vec::new();
    for clause in text.split(',').filter_map(clause) {
        // The comparison is no order, so the way of sorting matters: one after the other, as Go sorts the few there are.
        let at = sorted.iter().rposition(|before| !clause.precedes(before)).map_or(0, |before| before + 1);
        sorted.insert(at, clause);
    }
    sorted
}

fn clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.split(';');
    let media_type = match parts.next().unwrap_or_default().trim() {
        "*" => "*/*",
        media_type => media_type,
    };
    if media_type.split('/').count() != 2 {
        return None;
    }
    let mut clause = Clause { media_type, ..Clause::ANYTHING };
    for (name, value) in parts.filter_map(|part| part.split_once('=')).filter(|(_, value)| !value.contains('=')) {
        match name.trim() {
            "q" => clause.quality = value.parse().unwrap_or(0.0),
            name if !value.is_empty() => clause.parameters.push((name, value.trim())),
            _ => {}
        }
    }
    Some(clause)
}
