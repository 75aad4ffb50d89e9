//! The static estimate: the least and the most that an expression may cost, from the limits of what it names. Follows upstream's rules
//! node by node, since the most decides which rules a custom resource may have.

use std::collections::HashMap;

use crate::ast::{ACCUMULATOR, Call, Element, Entry, Expr, Fold, Kind, Literal, Select};
use crate::checker::Checked;
use crate::decl::{Decl, DeclKind};
use crate::env::Env;
use crate::estimate_calls::{CallEstimate, Subject, call_estimate};
use crate::meter;
use crate::types::Type;

/// A range, of a cost or of a size. Sums and products stay at the largest number rather than overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostEstimate {
    pub min: u64,
    pub max: u64,
}

pub(crate) type Size = CostEstimate;

impl CostEstimate {
    pub(crate) const UNKNOWN: CostEstimate = CostEstimate { min: 0, max: u64::MAX };

    pub(crate) fn fixed(cost: u64) -> CostEstimate {
        CostEstimate { min: cost, max: cost }
    }

    pub(crate) fn plus(self, other: CostEstimate) -> CostEstimate {
        CostEstimate { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    pub(crate) fn times(self, other: CostEstimate) -> CostEstimate {
        CostEstimate { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }

    /// Rounded up.
    pub(crate) fn scaled(self, factor: f64) -> CostEstimate {
        let scale = |number: u64| (number as f64 * factor).ceil() as u64;
        CostEstimate { min: scale(self.min), max: scale(self.max) }
    }

    pub(crate) fn union(self, other: CostEstimate) -> CostEstimate {
        CostEstimate { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// The sizes of the keys and values that a list or a map holds.
#[derive(Debug, Clone, Copy)]
struct Entries {
    list: bool,
    key: Size,
    value: Size,
}

impl Entries {
    fn union(first: Option<Entries>, second: Option<Entries>) -> Option<Entries> {
        let (first, second) = (first?, second?);
        Some(Entries { list: first.list, key: first.key.union(second.key), value: first.value.union(second.value) })
    }
}

#[derive(Debug, Clone)]
struct Local {
    name: String,
    path: Vec<String>,
    size: Option<Size>,
    entries: Option<Entries>,
}

pub(crate) struct Estimator<'e> {
    checked: &'e Checked,
    sizes: Option<&'e Decl>,
    paths: HashMap<usize, Vec<String>>,
    locals: Vec<Local>,
    computed: HashMap<usize, Size>,
    entries: HashMap<usize, Entries>,
}

impl<'e> Estimator<'e> {
    pub(crate) fn new(env: &'e Env, checked: &'e Checked) -> Estimator<'e> {
        Estimator {
            checked,
            sizes: env.sizes(),
            paths: HashMap::new(),
            locals: Vec::new(),
            computed: HashMap::new(),
            entries: HashMap::new(),
        }
    }

    pub(crate) fn estimate(&mut self, expr: &Expr) -> CostEstimate {
        match &expr.kind {
            Kind::Literal(_) => CostEstimate::fixed(0),
            Kind::Ident(name) => {
                let path = self.local(name).map_or_else(|| vec![name.clone()], |local| local.path.clone());
                self.paths.insert(expr.id, path);
                CostEstimate::fixed(1)
            }
            Kind::Select(select) => self.select(expr.id, select),
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => self.list(expr.id, elements),
            Kind::Map(entries) => self.map(expr.id, entries),
            Kind::Struct(message) => {
                let fields = message
                    .fields
                    .iter()
                    .fold(CostEstimate::fixed(0), |sum, field| sum.plus(self.estimate(&field.value)));
                fields.plus(CostEstimate::fixed(meter::OBJECT))
            }
            Kind::Fold(fold) if is_bind(fold) => self.bind(expr.id, fold),
            Kind::Fold(fold) => self.fold(expr.id, fold),
        }
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn of(&self, expr: &Expr) -> &'e Type {
        &self.checked.types[expr.id]
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        if let Kind::Ident(name) = &expr.kind
            && let Some(local) = self.local(name)
        {
            return local.path.clone();
        }
        self.paths.get(&expr.id).cloned().unwrap_or_default()
    }

    fn select(&mut self, id: usize, select: &Select) -> CostEstimate {
        let operand = self.estimate(&select.operand);
        if select.test {
            return operand;
        }
        let costs = matches!(self.of(&select.operand), Type::Map(..) | Type::Object(_) | Type::Param(_));
        let mut path = self.path(&select.operand);
        path.push(select.field.clone());
        self.paths.insert(id, path);
        operand.plus(CostEstimate::fixed(u64::from(costs)))
    }

    fn list(&mut self, id: usize, elements: &[Element]) -> CostEstimate {
        let mut sum = CostEstimate::fixed(meter::LIST);
        let mut items = CostEstimate { min: if elements.is_empty() { 0 } else { u64::MAX }, max: 0 };
        for element in elements {
            sum = sum.plus(self.estimate(&element.value));
            items = items.union(self.size_or_unknown(&element.value));
        }
        self.entries.insert(id, Entries { list: true, key: Size::fixed(1), value: items });
        sum
    }

    fn map(&mut self, id: usize, entries: &[Entry]) -> CostEstimate {
        let mut sum = CostEstimate::fixed(meter::MAP);
        let none = CostEstimate { min: if entries.is_empty() { 0 } else { u64::MAX }, max: 0 };
        let (mut key, mut value) = (none, none);
        for entry in entries {
            sum = sum.plus(self.estimate(&entry.key)).plus(self.estimate(&entry.value));
            key = key.union(self.size_or_unknown(&entry.key));
            value = value.union(self.size_or_unknown(&entry.value));
        }
        self.entries.insert(id, Entries { list: false, key, value });
        sum
    }

    fn bind(&mut self, id: usize, fold: &Fold) -> CostEstimate {
        let sum = self.estimate(&fold.range).plus(self.estimate(&fold.init));
        self.push_accu(fold);
        let sum = sum.plus(self.estimate(&fold.result));
        self.locals.pop();
        let (size, entries) = (self.size(&fold.result), self.entry_sizes(&fold.result));
        self.copy(id, size, entries);
        sum
    }

    fn copy(&mut self, id: usize, size: Option<Size>, entries: Option<Entries>) {
        self.computed.extend(size.map(|size| (id, size)));
        self.entries.extend(entries.map(|entries| (id, entries)));
    }

    fn push_accu(&mut self, fold: &Fold) {
        let local = Local {
            name: fold.accu.clone(),
            path: self.path(&fold.init),
            size: self.size(&fold.init),
            entries: self.entry_sizes(&fold.init),
        };
        self.locals.push(local);
    }

    fn push_variables(&mut self, fold: &Fold) {
        let entries = self.entry_sizes(&fold.range);
        let list = entries.map_or_else(|| matches!(self.of(&fold.range), Type::List(_)), |entries| entries.list);
        let path = self.path(&fold.range);
        // In upstream both paths may share their storage, and the second name then overwrites the first.
        let shared = !path.is_empty() && !path.len().is_power_of_two();
        let mut push = |name: &str, part: &str, size: Option<Size>| {
            let mut path = path.clone();
            path.push(part.to_owned());
            self.locals.push(Local { name: name.to_owned(), path, size, entries: None });
        };
        let (key, value) = (entries.map(|entries| entries.key), entries.map(|entries| entries.value));
        match (&fold.var2, list) {
            (Some(var2), true) => {
                push(&fold.var, if shared { "@items" } else { "@indices" }, key);
                push(var2, "@items", value);
            }
            (Some(var2), false) => {
                push(&fold.var, if shared { "@values" } else { "@keys" }, key);
                push(var2, "@values", value);
            }
            (None, true) => push(&fold.var, "@items", value),
            (None, false) => push(&fold.var, "@keys", key),
        }
    }

    fn fold(&mut self, id: usize, fold: &Fold) -> CostEstimate {
        let mut sum = self.estimate(&fold.range).plus(self.estimate(&fold.init));
        self.push_accu(fold);
        let depth = self.locals.len();
        self.push_variables(fold);
        let turn = self.estimate(&fold.condition).plus(self.estimate(&fold.step));
        self.locals.truncate(depth);
        sum = sum.plus(self.estimate(&fold.result));
        self.locals.truncate(depth - 1);
        let turns = self.size_or_unknown(&fold.range);
        sum = sum.plus(turns.times(turn));
        match fold.init.kind {
            Kind::Literal(_) => {
                let size = self.size(&fold.init);
                self.copy(id, size, None);
            }
            Kind::List(_) | Kind::Map(_) => {
                let entries = self.entry_sizes(&fold.step);
                self.copy(id, Some(turns), entries);
            }
            _ => {}
        }
        sum
    }

    fn subject(&mut self, expr: &Expr) -> Subject<'e> {
        let mut path = self.path(expr);
        if path.first().is_some_and(|name| name == ACCUMULATOR || name == "__result__") {
            path.clear();
        }
        let literal = match &expr.kind {
            Kind::Literal(Literal::Int(value)) => Some(*value),
            _ => None,
        };
        Subject { path, of: self.of(expr), size: self.size(expr), literal }
    }

    fn call(&mut self, expr: &Expr, call: &Call) -> CostEstimate {
        if let ("dyn", [arg]) = (call.function.as_str(), call.args.as_slice()) {
            let cost = self.estimate(arg).plus(CostEstimate::fixed(1));
            let (size, entries) = (self.size(arg), self.entry_sizes(arg));
            self.copy(expr.id, size, entries);
            return cost;
        }
        let mut costs = Vec::with_capacity(call.args.len());
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            costs.push(self.estimate(arg));
            args.push(self.subject(arg));
        }
        let Some(overloads) = self.checked.overloads.get(&expr.id).filter(|overloads| !overloads.is_empty()) else {
            return CostEstimate::fixed(0);
        };
        let mut sum = CostEstimate::fixed(0);
        let mut target = None;
        if let Some(operand) = &call.target {
            sum = self.estimate(operand);
            target = Some(self.subject(operand));
        }
        let mut cost = CostEstimate { min: u64::MAX, max: 0 };
        let mut size: Option<Size> = None;
        for overload in overloads {
            let one = self.overload(expr, call, overload, target.as_ref(), &args, &costs);
            cost = cost.union(one.cost);
            if let Some(result) = one.size {
                size = Some(size.map_or(result, |size| size.union(result)));
            }
            if let ("index_list" | "index_map", Some(operand)) = (*overload, call.args.first()) {
                size = self.entry_sizes(operand).map(|entries| entries.value);
                let mut path = self.path(operand);
                path.push(if *overload == "index_list" { "@items" } else { "@values" }.to_owned());
                self.paths.insert(expr.id, path);
            }
            if size.is_none() {
                size = self.size(expr);
            }
        }
        self.copy(expr.id, size, None);
        sum.plus(cost)
    }

    fn overload(
        &mut self,
        expr: &Expr,
        call: &Call,
        overload: &'static str,
        target: Option<&Subject<'e>>,
        args: &[Subject<'e>],
        costs: &[CostEstimate],
    ) -> CallEstimate {
        let all = costs.iter().fold(CostEstimate::fixed(0), |sum, cost| sum.plus(*cost));
        match overload {
            "logical_or" | "logical_and" => {
                let cost = CostEstimate { min: costs[0].min, max: costs[0].plus(costs[1]).max };
                return CallEstimate { cost, size: None };
            }
            "conditional" => {
                let sides = Entries::union(self.entry_sizes(&call.args[1]), self.entry_sizes(&call.args[2]));
                self.copy(expr.id, None, sides);
                let size = args[1].known_size().union(args[2].known_size());
                return CallEstimate { cost: costs[0].plus(costs[1].union(costs[2])), size: Some(size) };
            }
            "add_list" | "add_string" | "add_bytes" if args.len() == 2 => {
                let sides = Entries::union(self.entry_sizes(&call.args[0]), self.entry_sizes(&call.args[1]));
                self.copy(expr.id, None, sides);
            }
            _ => {}
        }
        let bounds = |subject: &Subject<'_>| self.declared(&subject.path);
        let estimate = call_estimate(&call.function, overload, target, args, &bounds);
        CallEstimate { cost: estimate.cost.plus(all), size: estimate.size }
    }

    /// What is declared of the place a path leads to; the first name is that of the variable, whichever.
    fn declared(&self, path: &[String]) -> Option<Size> {
        let mut decl = self.sizes.filter(|_| !path.is_empty())?;
        for name in &path[1..] {
            decl = match (&decl.kind, name.as_str()) {
                (DeclKind::List { items, .. }, "@items") => items,
                (DeclKind::Map(values), "@values") => values,
                (DeclKind::Map(_), "@keys") => return Some(Size::fixed(0)),
                (DeclKind::Object(object), name) => &object.field(name)?.decl,
                _ => return None,
            };
        }
        Some(Size { min: 0, max: u64::try_from(decl.max_elements).unwrap_or_default() })
    }

    fn size_or_unknown(&mut self, expr: &Expr) -> Size {
        self.size(expr).unwrap_or(Size::UNKNOWN)
    }

    fn size(&mut self, expr: &Expr) -> Option<Size> {
        if let Some(size) = self.computed.get(&expr.id) {
            return Some(*size);
        }
        if let Some(size) = literal_size(&expr.kind) {
            return Some(Size::fixed(size));
        }
        if let Some(size) = self.declared(&self.path(expr)) {
            self.computed.insert(expr.id, size);
            return Some(size);
        }
        if self.of(expr).is_scalar() {
            return Some(Size::fixed(1));
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.size),
            _ => None,
        }
    }

    fn entry_sizes(&self, expr: &Expr) -> Option<Entries> {
        if let Some(entries) = self.entries.get(&expr.id) {
            return Some(*entries);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.entries),
            _ => None,
        }
    }
}

fn literal_size(kind: &Kind) -> Option<u64> {
    Some(match kind {
        Kind::Literal(Literal::String(text)) => text.chars().count() as u64,
        Kind::Literal(Literal::Bytes(bytes)) => bytes.len() as u64,
        Kind::Literal(_) => 1,
        Kind::List(elements) => elements.len() as u64,
        Kind::Map(entries) => entries.len() as u64,
        _ => return None,
    })
}

fn is_bind(fold: &Fold) -> bool {
    matches!(&fold.range.kind, Kind::List(elements) if elements.is_empty())
        && matches!(fold.condition.kind, Kind::Literal(Literal::Bool(false)))
        && fold.accu != "__result__"
}
