//! The tree that runs: constants folded, names resolved to places, paths such as `a.b[c]` gathered into one step, as costs count them.

use std::sync::Arc;

use regex::Regex;

use crate::ast::{Ast, Call, Expr, Fold, Kind, Literal, Select};
use crate::builtin::{Builtin, lookup};
use crate::checker::Checked;
use crate::convert::is_conversion;
use crate::types::Type;
use crate::value::{Map, Text, Value};

pub(crate) enum Node {
    Const(Value<'static>),
    Attr(Attr),
    Call(Box<CallNode>),
    Logical {
        or: bool,
        terms: Vec<Node>,
    },
    Equal {
        negated: bool,
        sides: Box<[Node; 2]>,
    },
    /// `or` and `orValue`, whose second side runs only when it is needed; they cost nothing.
    Otherwise {
        wrapped: bool,
        sides: Box<[Node; 2]>,
    },
    /// `in` a constant list, which costs nothing.
    OneOf {
        value: Box<Node>,
        among: Vec<Value<'static>>,
    },
    List(Vec<(Node, bool)>),
    Map(Vec<(Node, Node, bool)>),
    Struct {
        name: Arc<str>,
        fields: Vec<(String, Node, bool)>,
    },
    Fold(Box<FoldNode>),
}

pub(crate) struct CallNode {
    pub function: String,
    /// The one overload, or empty when types decide at run time.
    pub overload: &'static str,
    pub args: Vec<Node>,
    pub run: Run,
}

pub(crate) enum Run {
    Builtin(Builtin),
    /// With its constant pattern compiled.
    Pattern(Regex),
    /// What makes an error true.
    NotStrictlyFalse,
    /// Adds to the accumulator of the fold in this slot, in place.
    Grow(usize),
}

pub(crate) struct Attr {
    pub root: Root,
    pub qualifiers: Vec<Arc<Qualifier>>,
}

pub(crate) enum Root {
    Variable(String),
    Slot(usize),
    Node(Box<Node>),
    Choice(Box<(Node, Attr, Attr)>),
}

pub(crate) struct Qualifier {
    pub key: QualifierKey,
    pub optional: bool,
    /// `has(..)`: only whether it is there.
    pub test: bool,
}

pub(crate) enum QualifierKey {
    Const(Value<'static>),
    Attr(Attr),
}

pub(crate) struct FoldNode {
    pub range: Node,
    pub init: Node,
    pub condition: Node,
    pub step: Node,
    pub result: Node,
    /// The slot of the accumulator; the variables follow.
    pub base: usize,
    pub two: bool,
}

/// How many slots each fold takes.
pub(crate) const SLOTS: usize = 3;

pub(crate) fn plan(ast: &Ast, checked: &Checked) -> Result<Node, String> {
    Planner { checked, scopes: Vec::new() }.node(&ast.root, 0)
}

struct Planner<'c> {
    checked: &'c Checked,
    scopes: Vec<(String, usize)>,
}

type Planned = Result<Node, String>;

impl Planner<'_> {
    fn node(&mut self, expr: &Expr, depth: usize) -> Planned {
        match &expr.kind {
            Kind::Literal(literal) => Ok(Node::Const(constant(literal))),
            Kind::Ident(name) => self.ident(expr.id, name),
            Kind::Select(select) => self.select(select, depth),
            Kind::Call(call) => self.call(expr.id, call, depth),
            Kind::List(elements) => {
                let nodes: Result<Vec<(Node, bool)>, String> =
                    elements.iter().map(|element| Ok((self.node(&element.value, depth)?, element.optional))).collect();
                Ok(fold_list(nodes?))
            }
            Kind::Map(entries) => {
                let nodes: Result<Vec<(Node, Node, bool)>, String> = entries
                    .iter()
                    .map(|entry| Ok((self.node(&entry.key, depth)?, self.node(&entry.value, depth)?, entry.optional)))
                    .collect();
                fold_map(nodes?)
            }
            Kind::Struct(message) => {
                let fields: Result<Vec<(String, Node, bool)>, String> = message
                    .fields
                    .iter()
                    .map(|field| Ok((field.name.clone(), self.node(&field.value, depth)?, field.optional)))
                    .collect();
                Ok(Node::Struct { name: message.name.as_str().into(), fields: fields? })
            }
            Kind::Fold(fold) => self.fold(fold, depth),
        }
    }

    fn ident(&self, id: usize, name: &str) -> Planned {
        if let Some(of) = self.checked.constants.get(&id) {
            return match of {
                Type::Object(_) => Err(format!("reference to undefined type: {name}")),
                _ => Ok(Node::Const(Value::Type(of.clone()))),
            };
        }
        if matches!(self.checked.types[id], Type::Type(_)) {
            return Err(format!("reference to undefined type: {name}"));
        }
        let slot = self.scopes.iter().rev().find(|(known, _)| known == name).map(|(_, slot)| *slot);
        let root = slot.map_or_else(|| Root::Variable(name.to_owned()), Root::Slot);
        Ok(Node::Attr(Attr { root, qualifiers: Vec::new() }))
    }

    /// The node as a path that can go on.
    fn attr(node: Node) -> Attr {
        match node {
            Node::Attr(attr) => attr,
            other => Attr { root: Root::Node(Box::new(other)), qualifiers: Vec::new() },
        }
    }

    fn qualified(operand: Node, qualifier: Qualifier) -> Node {
        let mut attr = Self::attr(operand);
        push(&mut attr, Arc::new(qualifier));
        Node::Attr(attr)
    }

    fn select(&mut self, select: &Select, depth: usize) -> Planned {
        let operand = self.node(&select.operand, depth)?;
        let key = QualifierKey::Const(Value::text(select.field.as_str()));
        Ok(Self::qualified(operand, Qualifier { key, optional: false, test: select.test }))
    }

    fn call(&mut self, id: usize, call: &Call, depth: usize) -> Planned {
        let mut args = Vec::with_capacity(call.args.len() + 1);
        for arg in call.target.iter().chain(&call.args) {
            args.push(self.node(arg, depth)?);
        }
        let overload = match self.checked.overloads.get(&id).map(Vec::as_slice) {
            Some([one]) => one,
            _ => "",
        };
        match (call.function.as_str(), args.len()) {
            ("_&&_" | "_||_", 2) => Ok(Node::Logical { or: call.function == "_||_", terms: args }),
            ("_==_" | "_!=_", 2) => Ok(Node::Equal { negated: call.function == "_!=_", sides: pair(args)? }),
            ("_?_:_", 3) => Ok(choice(args)),
            ("_[_]" | "_[?_]" | "_?._", 2) => index(args, call.function != "_[_]"),
            ("or" | "orValue", 2) => Ok(Node::Otherwise { wrapped: call.function == "or", sides: pair(args)? }),
            ("@in", 2) if overload == "in_list" && matches!(args[1], Node::Const(_)) => one_of(args),
            _ => self.function(call, overload, args),
        }
    }

    fn function(&mut self, call: &Call, overload: &'static str, args: Vec<Node>) -> Planned {
        let function = call.function.clone();
        if function == "@not_strictly_false" {
            return Ok(Node::Call(Box::new(CallNode { function, overload, args, run: Run::NotStrictlyFalse })));
        }
        let builtin = lookup(&function).ok_or_else(|| format!("no such overload: {function}"))?;
        if let ([Node::Const(value)], true) = (args.as_slice(), is_conversion(&function)) {
            let args = std::slice::from_ref(value);
            let folded = builtin(args).map_err(|error| match error.as_str() {
                crate::builtin::NO_OVERLOAD => crate::builtin::describe(&function, args),
                _ => error,
            })?;
            return Ok(Node::Const(folded));
        }
        let mut run = Run::Builtin(builtin);
        if crate::regexes::takes_pattern(&function)
            && let Some(Node::Const(Value::String(pattern))) = args.get(1)
        {
            run = Run::Pattern(crate::regexes::compile(pattern)?);
        }
        if let Some(Node::Attr(Attr { root: Root::Slot(slot), qualifiers })) = args.first()
            && qualifiers.is_empty()
            && self.scopes.iter().any(|(name, at)| at == slot && name == crate::ast::ACCUMULATOR)
            && (overload == "add_list" || function == "cel.@mapInsert")
        {
            run = Run::Grow(*slot);
        }
        Ok(Node::Call(Box::new(CallNode { function, overload, args, run })))
    }

    fn fold(&mut self, fold: &Fold, depth: usize) -> Planned {
        let inner = depth + SLOTS;
        let init = self.node(&fold.init, inner)?;
        let range = self.node(&fold.range, depth)?;
        let known = self.scopes.len();
        self.scopes.push((fold.accu.clone(), depth));
        self.scopes.push((fold.var.clone(), depth + 1));
        if let Some(var2) = &fold.var2 {
            self.scopes.push((var2.clone(), depth + 2));
        }
        let condition = self.node(&fold.condition, inner)?;
        let step = self.node(&fold.step, inner)?;
        self.scopes.truncate(known + 1);
        let result = self.node(&fold.result, inner)?;
        self.scopes.truncate(known);
        Ok(Node::Fold(Box::new(FoldNode {
            range,
            init,
            condition,
            step,
            result,
            base: depth,
            two: fold.var2.is_some(),
        })))
    }
}

/// A qualifier of a choice belongs to both of its sides.
fn push(attr: &mut Attr, qualifier: Arc<Qualifier>) {
    match &mut attr.root {
        Root::Choice(choice) => {
            push(&mut choice.1, qualifier.clone());
            push(&mut choice.2, qualifier);
        }
        _ => attr.qualifiers.push(qualifier),
    }
}

fn pair(args: Vec<Node>) -> Result<Box<[Node; 2]>, String> {
    <[Node; 2]>::try_from(args).map(Box::new).map_err(|_| "two arguments are needed".to_owned())
}

fn choice(args: Vec<Node>) -> Node {
    let mut args = args.into_iter();
    let condition = args.next().unwrap_or(Node::Const(Value::Null));
    let mut side = || Planner::attr(args.next().unwrap_or(Node::Const(Value::Null)));
    let (truthy, falsy) = (side(), side());
    Node::Attr(Attr { root: Root::Choice(Box::new((condition, truthy, falsy))), qualifiers: Vec::new() })
}

fn index(args: Vec<Node>, optional: bool) -> Planned {
    let [operand, key] = *pair(args)?;
    let key = match key {
        Node::Const(value) => QualifierKey::Const(value),
        other => QualifierKey::Attr(Planner::attr(other)),
    };
    Ok(Planner::qualified(operand, Qualifier { key, optional, test: false }))
}

/// Constant lists of primitives become sets; an empty one makes `in` false.
fn one_of(args: Vec<Node>) -> Planned {
    let [value, list] = *pair(args)?;
    let Node::Const(Value::List(list)) = list else { return Err("a list is needed".to_owned()) };
    let among = list.values()?;
    if among.is_empty() {
        return Ok(Node::Const(Value::Bool(false)));
    }
    let primitive = |value: &Value<'_>| {
        matches!(value, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_))
    };
    if among.iter().all(primitive) {
        return Ok(Node::OneOf { value: Box::new(value), among });
    }
    let run = Run::Builtin(lookup("@in").ok_or("no such overload: @in")?);
    let args = vec![value, Node::Const(Value::list(among))];
    Ok(Node::Call(Box::new(CallNode { function: "@in".to_owned(), overload: "in_list", args, run })))
}

fn fold_list(nodes: Vec<(Node, bool)>) -> Node {
    if !nodes.iter().all(|(node, optional)| matches!(node, Node::Const(_)) && !optional) {
        return Node::List(nodes);
    }
    let values = nodes.into_iter().filter_map(|(node, _)| match node {
        Node::Const(value) => Some(value),
        _ => None,
    });
    Node::Const(Value::list(values.collect()))
}

fn fold_map(nodes: Vec<(Node, Node, bool)>) -> Planned {
    if !nodes.iter().all(|(key, value, optional)| matches!((key, value), (Node::Const(_), Node::Const(_))) && !optional)
    {
        return Ok(Node::Map(nodes));
    }
    let mut values = std::collections::BTreeMap::new();
    for (key, value, _) in nodes {
        if let (Node::Const(key), Node::Const(value)) = (key, value) {
            values.insert(crate::equal::key(&key)?, value);
        }
    }
    Ok(Node::Const(Value::Map(Map::Values(Arc::new(values)))))
}

fn constant(literal: &Literal) -> Value<'static> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::String(Text::Shared(text.clone())),
        Literal::Bytes(bytes) => Value::Bytes(bytes.clone()),
    }
}
