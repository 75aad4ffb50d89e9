//! The tree of an expression after macros. Every node has an id; positions (in characters from the start) and what the checker
//! learns are kept beside the tree by that id.

use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
}

#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub id: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Literal),
    Ident(String),
    Select(Box<Select>),
    Call(Box<Call>),
    List(Vec<Element>),
    Map(Vec<Entry>),
    Struct(Box<Struct>),
    Fold(Box<Fold>),
}

#[derive(Debug, Clone)]
pub(crate) struct Select {
    pub operand: Expr,
    pub field: String,
    /// Whether only the presence is asked for: `has(operand.field)`.
    pub test: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub function: String,
    pub target: Option<Expr>,
    pub args: Vec<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub value: Expr,
    pub optional: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Expr,
    pub value: Expr,
    pub optional: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Struct {
    pub name: String,
    pub fields: Vec<FieldInit>,
}

#[derive(Debug, Clone)]
pub(crate) struct FieldInit {
    pub id: usize,
    pub name: String,
    pub value: Expr,
    pub optional: bool,
}

/// What every macro over a list or a map becomes: `accu` starts as `init`, is replaced by `step` for every element while `condition`
/// holds, and `result` is the value.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    pub range: Expr,
    pub var: String,
    pub var2: Option<String>,
    pub accu: String,
    pub init: Expr,
    pub condition: Expr,
    pub step: Expr,
    pub result: Expr,
}

#[derive(Debug, Clone)]
pub(crate) struct Ast {
    pub root: Expr,
    /// Where each node stands, by id, in characters.
    pub positions: Vec<u32>,
    pub source: Arc<str>,
}

/// The accumulator of the standard macros; `@` cannot be typed by a user.
pub(crate) const ACCUMULATOR: &str = "@result";

/// Visits what stands right below.
pub(crate) fn children<'e>(kind: &'e Kind, visit: &mut dyn FnMut(&'e Expr)) {
    match kind {
        Kind::Literal(_) | Kind::Ident(_) => {}
        Kind::Select(select) => visit(&select.operand),
        Kind::Call(call) => call.target.iter().chain(&call.args).for_each(visit),
        Kind::List(elements) => elements.iter().for_each(|element| visit(&element.value)),
        Kind::Map(entries) => entries.iter().for_each(|entry| {
            visit(&entry.key);
            visit(&entry.value);
        }),
        Kind::Struct(message) => message.fields.iter().for_each(|field| visit(&field.value)),
        Kind::Fold(fold) => {
            [&fold.range, &fold.init, &fold.condition, &fold.step, &fold.result].into_iter().for_each(visit);
        }
    }
}

impl Expr {
    /// The names of `a.b.c`, when the expression is nothing else.
    pub(crate) fn qualified_name(&self) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        let mut current = self;
        loop {
            match &current.kind {
                Kind::Ident(name) => {
                    names.push(name.as_str());
                    names.reverse();
                    return Some(names);
                }
                Kind::Select(select) if !select.test => {
                    names.push(select.field.as_str());
                    current = &select.operand;
                }
                _ => return None,
            }
        }
    }
}
