//! A structural schema as a tree that pruning, defaulting, validation and server-side apply walk. Read from `openAPIV3Schema`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::intern::intern;
use super::rules::Rules;
use super::validations::Validations;
use crate::schema::ListType;

/// What the values of a schema are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueType {
    /// Not said: int-or-string, or anything.
    #[default]
    Unset,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// What fields an object may have besides those that are named.
#[derive(Clone, Debug, Default)]
pub enum Additional {
    #[default]
    None,
    /// `true` or `false`.
    Any(bool),
    Schema(Box<Structural>),
}

/// One schema with all below it.
#[derive(Clone, Debug, Default)]
pub struct Structural {
    pub value_type: ValueType,
    pub nullable: bool,
    pub int_or_string: bool,
    pub preserve_unknown: bool,
    pub embedded: bool,
    pub properties: BTreeMap<String, Structural>,
    pub additional: Additional,
    pub items: Option<Box<Structural>>,
    pub default: Option<Value>,
    pub list_type: Option<ListType>,
    /// `x-kubernetes-map-type: atomic`.
    pub atomic: bool,
    pub list_keys: Vec<&'static str>,
    /// What is asked of values; boxed, for most schemas ask nothing.
    pub rules: Option<Box<Rules>>,
    /// CEL.
    pub validations: Option<Arc<Validations>>,
    /// Rules of CEL stand here or below.
    pub has_rules: bool,
}

impl ValueType {
    fn parse(text: &str) -> Self {
        match text {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => Self::Unset,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

impl Structural {
    /// Reads a JSONSchemaProps; what is no schema reads as an empty one.
    pub fn parse(props: &Value) -> Self {
        Self::parse_at(props, false)
    }

    /// As [`Structural::parse`], of a whole resource, whose metadata rules can name.
    pub fn parse_root(props: &Value) -> Self {
        Self::parse_at(props, true)
    }

    fn parse_at(props: &Value, root: bool) -> Self {
        let flag = |name: &str| props[name] == true;
        let text = |name: &str| props[name].as_str().unwrap_or_default();
        let keys = props["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
        let mut schema = Self {
            value_type: ValueType::parse(text("type")),
            nullable: flag("nullable"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            properties: Self::named(&props["properties"]),
            additional: match &props["additionalProperties"] {
                Value::Bool(any) => Additional::Any(*any),
                schema @ Value::Object(_) => Additional::Schema(Box::new(Self::parse(schema))),
                _ => Additional::None,
            },
            items: props["items"].is_object().then(|| Box::new(Self::parse(&props["items"]))),
            default: props.get("default").filter(|value| !value.is_null()).cloned(),
            list_type: match text("x-kubernetes-list-type") {
                "set" => Some(ListType::Set),
                "map" => Some(ListType::Map),
                "atomic" => Some(ListType::Atomic),
                _ => None,
            },
            atomic: text("x-kubernetes-map-type") == "atomic",
            list_keys: keys.filter_map(Value::as_str).map(intern).collect(),
            rules: Rules::parse(props).map(Box::new),
            validations: Validations::parse(props, root || flag("x-kubernetes-embedded-resource")).map(Arc::new),
            has_rules: false,
        };
        schema.has_rules = schema.validations.is_some() || schema.below().any(|below| below.has_rules);
        schema
    }

    /// The schemas of what values may hold.
    fn below(&self) -> impl Iterator<Item = &Structural> {
        let entries = match &self.additional {
            Additional::Schema(entries) => Some(&**entries),
            _ => None,
        };
        self.properties.values().chain(self.items.as_deref()).chain(entries)
    }

    fn named(properties: &Value) -> BTreeMap<String, Structural> {
        let all = properties.as_object().into_iter().flatten();
        all.map(|(name, props)| (name.clone(), Self::parse(props))).collect()
    }

    /// The schema of a field that an object has; `None`: nothing is said of it.
    pub fn child(&self, name: &str) -> Option<&Structural> {
        self.properties.get(name).or(match &self.additional {
            Additional::Schema(schema) => Some(schema),
            _ => None,
        })
    }

    /// Whether fields of any name may be there.
    pub fn is_open(&self) -> bool {
        self.preserve_unknown || matches!(self.additional, Additional::Any(true) | Additional::Schema(_))
    }
}
