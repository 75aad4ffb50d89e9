//! YAML from a parser's events to a tree, as sigs.k8s.io/yaml makes JSON of it: anchors, merge keys, keys of any scalar type.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag};
use serde_json::{Map, Value};

use super::yaml_scalar::{Scalar, resolve};
use super::{DecodeError, Decoded, Duplicate, MAX_DEPTH, note};
use crate::path::Path;

/// Nodes that aliases may add to a document: enough for any manifest, too few for a bomb.
const MAX_ALIASED_NODES: usize = 100_000;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let text = match super::utf16(bytes) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|error| not_utf8(&bytes[..error.valid_up_to()]))?),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut options = Options::default();
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut composer = Composer { text, parser, anchors: HashMap::new(), aliased: 0, duplicates: Vec::new() };
    let value = composer.document()?;
    Ok((value, composer.duplicates))
}

/// A node that an alias may repeat.
struct Anchored {
    value: Value,
    nodes: usize,
}

struct Composer<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    aliased: usize,
    duplicates: Vec<Duplicate>,
}

type Next<'a> = (Event<'a>, Span);

impl<'a> Composer<'a> {
    /// The first document; an empty stream is null.
    fn document(&mut self) -> Result<Value, DecodeError> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
                _ => {
                    self.refuse_tab(&event, &span)?;
                    let value = self.node((event, span), &Path::Root, 1)?;
                    // What follows the node belongs to this document or ends it: a syntax error there counts.
                    self.next()?;
                    return Ok(value);
                }
            }
        }
    }

    /// The parser takes a tab before the first key; upstream, like YAML, takes none.
    fn refuse_tab(&self, event: &Event, span: &Span) -> Result<(), DecodeError> {
        let block = matches!(
            event,
            Event::MappingStart(StructureStyle::Block, ..) | Event::SequenceStart(StructureStyle::Block, ..)
        );
        let line = self.text.lines().nth(span.start.line().saturating_sub(1)).unwrap_or_default();
        if block && line.chars().take(span.start.col()).any(|c| c == '\t') {
            return Err(at(span, "found a tab where indentation is expected"));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Next<'a>, DecodeError> {
        loop {
            return match self.parser.next_event() {
                // Comments say nothing to us; whether the parser shows them is a feature that any crate may turn on for all.
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok(next)) => Ok(next),
                Some(Err(error)) => Err(broken(&error)),
                None => Err(DecodeError { line: 0, column: 0, message: "yaml: unexpected end of stream".to_owned() }),
            };
        }
    }

    fn node(&mut self, (event, span): Next<'a>, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(at(&span, "nested too deeply"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag, &span)?.into_value().map_err(|e| at(&span, &e))?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(path, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(path, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, &span),
            other => return Err(at(&span, &format!("unexpected {other:?}"))),
        };
        if anchor != 0 {
            let nodes = count(&value);
            self.anchors.insert(anchor, Anchored { value: value.clone(), nodes });
        }
        Ok(value)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Value, DecodeError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(at(span, "anchor contains itself"));
        };
        self.aliased += anchored.nodes;
        if self.aliased > MAX_ALIASED_NODES {
            return Err(at(span, "document contains excessive aliasing"));
        }
        Ok(anchored.value.clone())
    }

    fn sequence(&mut self, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(list)),
                next => {
                    let value = self.node(next, &Path::Index(path, list.len()), depth + 1)?;
                    list.push(value);
                }
            }
        }
    }

    fn mapping(&mut self, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let mut map = Map::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Object(map));
            }
            if is_merge(&event) {
                let next = self.next()?;
                let merged = self.node(next, path, depth + 1)?;
                self.merge(&mut map, merged, path, &span)?;
                continue;
            }
            let key = self.key(event, &span)?;
            let path = Path::Key(path, &key);
            let next = self.next()?;
            let value = self.node(next, &path, depth + 1)?;
            self.insert(&mut map, key.clone(), value, &path, &span);
        }
    }

    fn key(&mut self, event: Event<'a>, span: &Span) -> Result<String, DecodeError> {
        let scalar = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = scalar(&text, style, tag, span)?;
                if anchor != 0 {
                    let value = scalar.clone().into_value().map_err(|e| at(span, &e))?;
                    self.anchors.insert(anchor, Anchored { value, nodes: 1 });
                }
                scalar
            }
            Event::Alias(anchor) => match self.alias(anchor, span)? {
                Value::String(text) => Scalar::Text(text),
                Value::Bool(value) => Scalar::Bool(value),
                Value::Number(number) => Scalar::Text(number.to_string()),
                _ => return Err(at(span, "invalid map key")),
            },
            _ => return Err(at(span, "invalid map key: only scalars can be keys")),
        };
        scalar.into_key().map_err(|e| at(span, &e))
    }

    /// The values of `<<` replace what stands before them, as in go-yaml v2; in a list of maps the earlier ones win.
    fn merge(
        &mut self,
        map: &mut Map<String, Value>,
        merged: Value,
        path: &Path,
        span: &Span,
    ) -> Result<(), DecodeError> {
        let sources = match merged {
            Value::Array(list) => list.into_iter().rev().collect(),
            other => vec![other],
        };
        for source in sources {
            let Value::Object(source) = source else {
                return Err(at(span, "map merge requires map or sequence of maps as the value"));
            };
            for (key, value) in source {
                let path = Path::Key(path, &key);
                self.insert(map, key.clone(), value, &path, span);
            }
        }
        Ok(())
    }

    fn insert(&mut self, map: &mut Map<String, Value>, key: String, value: Value, path: &Path, span: &Span) {
        if map.contains_key(&key) {
            let duplicate = Duplicate { path: path.to_string(), key: key.clone(), line: span.start.line() };
            note(&mut self.duplicates, duplicate);
        }
        map.insert(key, value);
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, span: &Span) -> Result<Scalar, DecodeError> {
    let tag = tag.as_deref().filter(|tag| !(tag.handle().is_empty() && tag.suffix() == "!"));
    let name = tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:").unwrap_or(Cow::Borrowed("")));
    resolve(text, style == ScalarStyle::Plain, name.as_deref()).map_err(|message| at(span, &message))
}

fn is_merge(event: &Event) -> bool {
    match event {
        Event::Scalar(text, style, _, None) => text == "<<" && *style == ScalarStyle::Plain,
        Event::Scalar(_, _, _, Some(tag)) => {
            tag.suffix_in_namespace("tag:yaml.org,2002:").is_some_and(|name| name == "merge")
        }
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Unlike in JSON, nothing is replaced.
fn not_utf8(before: &[u8]) -> DecodeError {
    let before = String::from_utf8_lossy(before);
    let last = before.rsplit('\n').next().unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    DecodeError { line, column: last.chars().count() + 1, message: "yaml: invalid UTF-8".to_owned() }
}

fn at(span: &Span, message: &str) -> DecodeError {
    DecodeError { line: span.start.line(), column: span.start.col() + 1, message: format!("yaml: {message}") }
}

fn broken(error: &ScanError) -> DecodeError {
    let marker = error.marker();
    DecodeError { line: marker.line(), column: marker.col() + 1, message: format!("yaml: {}", error.info()) }
}
