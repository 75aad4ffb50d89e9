//! The field table in memory: parsed once from the embedded text, all names borrowed from it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Schema;

const TEXT: &str = include_str!("../../data/fields.tsv");

/// Index of a type in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u16);

/// All built-in types and the kinds that name them.
#[derive(Debug)]
pub struct Table {
    types: Vec<Type>,
    by_name: HashMap<&'static str, TypeId>,
    kinds: Vec<KindRow>,
}

#[derive(Debug)]
struct KindRow {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    schema: Schema,
}

/// A struct type.
#[derive(Debug)]
pub struct Type {
    /// OpenAPI's name without `io.k8s.`: `api.core.v1.Pod`.
    pub name: &'static str,
    /// The whole object has one owner in server-side apply.
    pub atomic: bool,
    /// Sorted by name.
    pub fields: Vec<Field>,
    /// Indexes of the fields that [`Schema::fill`] may have to add.
    pub(super) filled: Vec<usize>,
    /// Indexes of the fields that are written, as a zero value or as null, although they hold nothing.
    written: Vec<usize>,
}

/// One JSON field.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    /// Absent and zero are different things.
    pub pointer: bool,
    /// Upstream's encoder leaves the zero value out (never a struct, though).
    pub omit_empty: bool,
    /// Upstream's encoder leaves the zero value out, structs included.
    pub omit_zero: bool,
    pub list_type: Option<ListType>,
    /// Keys of a list of type map, for server-side apply.
    pub list_keys: Vec<&'static str>,
    pub merge_strategy: MergeStrategy,
    /// Key of a merged list in a strategic merge patch; not always among `list_keys`.
    pub merge_key: Option<&'static str>,
    /// Protobuf field numbers, from the outermost message inwards: one, or two and more for inlined structs; none when not encoded.
    pub numbers: Vec<u32>,
    /// The default upstream publishes, as JSON text; zero values are not listed.
    pub default: Option<&'static str>,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    String,
    Bool,
    Int32,
    Int64,
    Float,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    FieldsV1,
    RawExtension,
    Json,
    /// A JSONSchemaProps, or a list of them, a boolean, or a list of strings.
    SchemaOrArray,
    SchemaOrBool,
    SchemaOrStrings,
    /// A list of strings that is a message of its own in protobuf.
    Strings,
    List(Box<Shape>),
    Map(Box<Shape>),
    Object(TypeId),
}

/// Who owns what in a list, map or struct under server-side apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    Atomic,
    Set,
    Map,
    /// Each field by itself although the type is atomic elsewhere.
    Granular,
}

/// The `patchStrategy` tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeStrategy {
    pub merge: bool,
    pub replace: bool,
    pub retain_keys: bool,
}

/// The one table, parsed on first use.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(TEXT));
    &TABLE
}

impl Table {
    /// The type with this id.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[usize::from(id.0)]
    }

    /// The type of this name (without `io.k8s.`).
    pub fn by_name(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The schema of exactly this kind.
    pub fn schema(&self, group: &str, version: &str, kind: &str) -> Option<&Schema> {
        let wanted = (group, version, kind);
        let found = self.kinds.binary_search_by(|row| (row.group, row.version, row.kind).cmp(&wanted)).ok()?;
        Some(&self.kinds[found].schema)
    }

    /// Every kind: group, version, kind and type.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, TypeId)> + '_ {
        self.kinds.iter().filter_map(|row| Some((row.group, row.version, row.kind, row.schema.type_id()?)))
    }

    /// The ids of all types, in their order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TypeId> + use<> {
        (0..).take(self.types.len()).map(TypeId)
    }

    /// Every type, sorted by name.
    pub fn types(&self) -> impl Iterator<Item = &Type> {
        self.types.iter()
    }

    /// The text is our own generator's: what it cannot mean is a bug found by the first test.
    fn parse(text: &'static str) -> Self {
        let rows = || text.lines().filter(|line| !line.starts_with('#'));
        let names =
            rows().filter_map(|line| line.strip_prefix("T\t")).map(|line| line.split('\t').next().unwrap_or(line));
        let by_name: HashMap<_, _> = names.zip(0..).map(|(name, index)| (name, TypeId(index))).collect();
        let mut table = Table { types: Vec::with_capacity(by_name.len()), by_name, kinds: Vec::new() };
        for line in rows() {
            let mut cells = line.split('\t');
            let mut next = || cells.next().unwrap_or("");
            match next() {
                "K" => {
                    let (group, version, kind) = (next(), next(), next());
                    let schema = Schema::BuiltIn(table.by_name[next()]);
                    table.kinds.push(KindRow { group, version, kind, schema });
                }
                "T" => {
                    let (name, atomic) = (next(), next() == "atomic");
                    table.types.push(Type {
                        name,
                        atomic,
                        fields: Vec::new(),
                        filled: Vec::new(),
                        written: Vec::new(),
                    });
                }
                _ => {
                    let cells: [&'static str; 9] = std::array::from_fn(|_| next());
                    let field = Field::parse(cells, &table.by_name);
                    table.types.last_mut().expect("a field row follows a type row").fields.push(field);
                }
            }
        }
        table.kinds.sort_by_key(|row| (row.group, row.version, row.kind));
        table.types.iter_mut().for_each(Type::finish);
        table
    }
}

impl TypeId {
    /// The place in the table.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Type {
    /// The fields that upstream's encoder may write although they hold nothing.
    pub(crate) fn written_fields(&self) -> impl Iterator<Item = &Field> {
        self.written.iter().map(|&index| &self.fields[index])
    }

    /// The field of this JSON name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let found = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        Some(&self.fields[found])
    }

    /// The Go name with its package, as upstream's messages have it: `v1.PodSpec`.
    pub fn go_name(&self) -> &'static str {
        let dots: Vec<usize> = self.name.rmatch_indices('.').map(|(index, _)| index).take(2).collect();
        dots.last().map_or(self.name, |dot| &self.name[dot + 1..])
    }

    fn finish(&mut self) {
        self.fields.sort_by_key(|field| field.name);
        let filled = |(index, field): (usize, &Field)| field.is_filled().then_some(index);
        self.filled = self.fields.iter().enumerate().filter_map(filled).collect();
        let time = |field: &Field| !field.pointer && matches!(field.shape, Shape::Time | Shape::MicroTime);
        let kept = |field: &Field| !field.omit_zero && (field.is_filled() || !field.omit_empty || time(field));
        let written = |(index, field): (usize, &Field)| kept(field).then_some(index);
        self.written = self.fields.iter().enumerate().filter_map(written).collect();
    }
}

impl Field {
    /// `[name, shape, flags, list type, list keys, merge strategy, merge key, protobuf numbers, default]`
    fn parse(cells: [&'static str; 9], types: &HashMap<&'static str, TypeId>) -> Self {
        let [name, shape, flags, list_type, keys, strategy, merge_key, numbers, default] = cells;
        Field {
            name,
            shape: Shape::parse(shape, types),
            pointer: flags.contains('p'),
            omit_empty: flags.contains('o'),
            omit_zero: flags.contains('z'),
            list_type: match list_type {
                "atomic" => Some(ListType::Atomic),
                "set" => Some(ListType::Set),
                "map" => Some(ListType::Map),
                "separable" => Some(ListType::Granular),
                _ => None,
            },
            list_keys: keys.split(',').filter(|key| !key.is_empty()).collect(),
            merge_strategy: MergeStrategy {
                merge: strategy.split(',').any(|word| word == "merge"),
                replace: strategy.split(',').any(|word| word == "replace"),
                retain_keys: strategy.split(',').any(|word| word == "retainKeys"),
            },
            merge_key: Some(merge_key).filter(|key| !key.is_empty()),
            numbers: numbers.split('/').filter_map(|number| number.parse().ok()).collect(),
            default: Some(default).filter(|text| !text.is_empty()),
        }
    }

    /// Whether upstream's encoder can write the field without the object having it.
    fn is_filled(&self) -> bool {
        !self.pointer
            && !self.omit_zero
            && match self.shape {
                Shape::Object(_) | Shape::Quantity | Shape::IntOrString => true,
                Shape::String | Shape::Bool | Shape::Int32 | Shape::Int64 | Shape::Float => !self.omit_empty,
                _ => false,
            }
    }
}

impl Shape {
    fn parse(text: &str, types: &HashMap<&'static str, TypeId>) -> Self {
        let inner = |text: &str| Box::new(Shape::parse(text, types));
        match text {
            "string" => Shape::String,
            "bool" => Shape::Bool,
            "int32" => Shape::Int32,
            "int64" => Shape::Int64,
            "float" => Shape::Float,
            "bytes" => Shape::Bytes,
            "quantity" => Shape::Quantity,
            "intorstring" => Shape::IntOrString,
            "time" => Shape::Time,
            "microtime" => Shape::MicroTime,
            "fieldsv1" => Shape::FieldsV1,
            "rawextension" => Shape::RawExtension,
            "json" => Shape::Json,
            "schemaorarray" => Shape::SchemaOrArray,
            "schemaorbool" => Shape::SchemaOrBool,
            "schemaorstrings" => Shape::SchemaOrStrings,
            "strings" => Shape::Strings,
            _ => match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
                Some(("list", text)) => Shape::List(inner(text)),
                Some(("map", text)) => Shape::Map(inner(text)),
                _ => Shape::Object(types[text]),
            },
        }
    }
}
