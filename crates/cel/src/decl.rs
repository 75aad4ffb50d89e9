//! Declarations: what a variable holds, with the limits that the static estimate counts with. Made from structural schemas by
//! upstream's rules; a declaration is also what tells how a JSON value is seen by an expression.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::types::Type;

/// The largest request, and so the largest object.
const MAX_REQUEST: i64 = 3 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct Decl {
    pub kind: DeclKind,
    /// The most items, entries, or bytes of text; 0 where it does not apply.
    pub max_elements: i64,
    /// The least bytes of JSON.
    pub min_size: i64,
    pub nullable: bool,
}

#[derive(Debug, Clone)]
pub enum DeclKind {
    /// Any JSON; numbers are int or double as they are written.
    Dyn,
    IntOrString,
    Bool,
    Int,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    Date,
    List {
        items: Arc<Decl>,
        kind: ListKind,
    },
    Map(Arc<Decl>),
    Object(Arc<ObjectDecl>),
    /// What expressions cannot name: data without a schema. Two of them are equal when their JSON is.
    Hidden,
    /// A type of a library, or any other that is bound as a value rather than as JSON.
    Of(Type),
    Optional(Arc<Decl>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    Atomic,
    Set,
    /// The JSON names of the keys.
    Map(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct ObjectDecl {
    pub name: Arc<str>,
    /// By JSON name.
    pub fields: BTreeMap<String, Field>,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub decl: Arc<Decl>,
    /// The identifier in expressions; none for what they cannot name.
    pub identifier: Option<String>,
}

impl ObjectDecl {
    /// The field an expression names.
    pub fn field(&self, identifier: &str) -> Option<&Field> {
        let name = crate::escape::unescape(identifier)?;
        self.fields.get(&name).filter(|field| field.identifier.as_deref() == Some(identifier))
    }
}

impl From<Type> for Decl {
    fn from(of: Type) -> Decl {
        match of {
            Type::Dyn => Decl::simple(DeclKind::Dyn, 1),
            other => Decl::simple(DeclKind::Of(other), 1),
        }
    }
}

impl Decl {
    pub fn simple(kind: DeclKind, min_size: i64) -> Decl {
        Decl { kind, max_elements: 0, min_size, nullable: false }
    }

    fn sized(kind: DeclKind, max_elements: i64, min_size: i64) -> Decl {
        Decl { kind, max_elements, min_size, nullable: false }
    }

    pub fn optional(inner: Arc<Decl>) -> Decl {
        Decl::simple(DeclKind::Optional(inner), 1)
    }

    pub fn object(name: &str, fields: BTreeMap<String, Decl>) -> Decl {
        let fields = fields
            .into_iter()
            .map(|(json, decl)| {
                let identifier = crate::escape::escape(&json);
                (json, Field { decl: Arc::new(decl), identifier })
            })
            .collect();
        Decl::simple(DeclKind::Object(Arc::new(ObjectDecl { name: name.into(), fields })), 2)
    }

    pub fn list(items: Decl, max_items: i64) -> Decl {
        Decl::sized(DeclKind::List { items: Arc::new(items), kind: ListKind::Atomic }, max_items, 2)
    }

    pub fn map(values: Decl, max_properties: i64) -> Decl {
        Decl::sized(DeclKind::Map(Arc::new(values)), max_properties, 2)
    }

    /// The type the checker works with.
    pub fn ty(&self) -> Type {
        match &self.kind {
            DeclKind::Dyn | DeclKind::IntOrString | DeclKind::Hidden => Type::Dyn,
            DeclKind::Bool => Type::Bool,
            DeclKind::Int => Type::Int,
            DeclKind::Double => Type::Double,
            DeclKind::String => Type::String,
            DeclKind::Bytes => Type::Bytes,
            DeclKind::Duration => Type::Duration,
            DeclKind::Timestamp | DeclKind::Date => Type::Timestamp,
            DeclKind::List { items, .. } => Type::list(items.ty()),
            DeclKind::Map(values) => Type::map(Type::String, values.ty()),
            DeclKind::Object(object) => Type::Object(object.name.clone()),
            DeclKind::Of(of) => of.clone(),
            DeclKind::Optional(inner) => Type::optional(inner.ty()),
        }
    }

    /// Adds the declared objects in here to `objects`, by name.
    pub(crate) fn collect_objects(&self, objects: &mut BTreeMap<Arc<str>, Arc<ObjectDecl>>) {
        match &self.kind {
            DeclKind::List { items, .. } => items.collect_objects(objects),
            DeclKind::Map(inner) | DeclKind::Optional(inner) => inner.collect_objects(objects),
            DeclKind::Object(object) if objects.insert(object.name.clone(), object.clone()).is_none() => {
                object.fields.values().for_each(|field| field.decl.collect_objects(objects));
            }
            _ => {}
        }
    }

    /// How many times data of at least this size fits into an object: the worst number of runs of a rule below an unbounded list.
    pub fn max_cardinality(&self) -> u64 {
        u64::try_from(MAX_REQUEST / (self.min_size + 1)).unwrap_or_default()
    }

    pub(crate) fn hidden() -> Decl {
        Decl::simple(DeclKind::Hidden, 1)
    }

    pub(crate) fn int_or_string(max_length: Option<i64>) -> Decl {
        Decl::sized(DeclKind::IntOrString, max_length.map_or(MAX_REQUEST - 2, |length| length.max(0) * 4), 1)
    }

    pub(crate) fn text(max_length: Option<i64>, longest_enum: Option<i64>) -> Decl {
        let longest = max_length.map(|length| length.max(0) * 4).or(longest_enum).unwrap_or(MAX_REQUEST - 2);
        Decl::sized(DeclKind::String, longest, 2)
    }

    pub(crate) fn formatted(format: &str, max_length: Option<i64>) -> Option<Decl> {
        Some(match format {
            "byte" => Decl::sized(DeclKind::Bytes, max_length.map_or(MAX_REQUEST - 2, |length| length.max(0)), 2),
            "duration" => Decl::sized(DeclKind::Duration, 32, 3),
            "date" => Decl::sized(DeclKind::Date, 12, 12),
            "date-time" => Decl::sized(DeclKind::Timestamp, 32, 21),
            _ => return None,
        })
    }

    pub(crate) fn array(items: Decl, max_items: Option<i64>, kind: ListKind) -> Decl {
        let most = max_items.map_or((MAX_REQUEST - 2) / (items.min_size + 1), |most| most.max(0));
        Decl::sized(DeclKind::List { items: Arc::new(items), kind }, most, 2)
    }

    pub(crate) fn dictionary(values: Decl, max_properties: Option<i64>) -> Decl {
        let most = max_properties.map_or((MAX_REQUEST - 2) / (values.min_size + 6), |most| most.max(0));
        Decl::map(values, most)
    }
}
