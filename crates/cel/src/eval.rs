//! Runs a plan over bindings. Every step is counted as upstream counts it; over the budget everything ends at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builtin::{NO_OVERLOAD, PLAIN_NO_OVERLOAD, describe};
use crate::equal::equal;
use crate::meter;
use crate::plan::{Attr, CallNode, FoldNode, Node, Qualifier, QualifierKey, Root, Run, SLOTS};
use crate::value::{Key, List, Map, Object, Value};

/// Why an expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalError {
    Failed(String),
    /// The budget is used up.
    OverBudget,
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EvalError::Failed(message) => f.write_str(message),
            EvalError::OverBudget => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

impl std::error::Error for EvalError {}

impl From<String> for EvalError {
    fn from(message: String) -> EvalError {
        EvalError::Failed(message)
    }
}

pub(crate) type Evaluated<'a> = Result<Value<'a>, EvalError>;

enum Slot<'a> {
    Empty,
    /// An accumulator that nobody looked at yet.
    Waiting(&'a Node),
    Ready(Evaluated<'a>),
}

pub(crate) struct Machine<'m, 'a> {
    variables: &'m dyn Fn(&str) -> Option<Result<Value<'a>, String>>,
    slots: Vec<Slot<'a>>,
    pub(crate) cost: u64,
    limit: u64,
}

impl<'m, 'a> Machine<'m, 'a> {
    pub(crate) fn new(variables: &'m dyn Fn(&str) -> Option<Result<Value<'a>, String>>, limit: u64) -> Machine<'m, 'a> {
        Machine { variables, slots: Vec::new(), cost: 0, limit }
    }

    fn spend(&mut self, cost: u64) -> Result<(), EvalError> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit { Err(EvalError::OverBudget) } else { Ok(()) }
    }

    pub(crate) fn run(&mut self, node: &'a Node) -> Evaluated<'a> {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Attr(attr) => self.observed(attr),
            Node::Call(call) => self.call(call),
            Node::Logical { or, terms } => self.logical(*or, terms),
            Node::Equal { negated, sides } => self.equality(*negated, sides),
            Node::Otherwise { wrapped, sides } => self.otherwise(*wrapped, sides),
            Node::OneOf { value, among } => {
                let value = self.run(value)?;
                Ok(Value::Bool(among.iter().any(|known| equal(known, &value))))
            }
            Node::List(elements) => self.list(elements),
            Node::Map(entries) => self.map(entries),
            Node::Struct { name, fields } => self.object(name, fields),
            Node::Fold(fold) => self.fold(fold),
        }
    }

    /// A path that is a step of its own costs one more than its parts, unless it only tests or chooses.
    fn observed(&mut self, attr: &'a Attr) -> Evaluated<'a> {
        let result = self.attr(attr);
        if result == Err(EvalError::OverBudget) {
            return result;
        }
        let tests = attr.qualifiers.last().is_some_and(|qualifier| qualifier.test);
        if !tests && !matches!(attr.root, Root::Choice(_)) {
            self.spend(1)?;
        }
        match result {
            Ok(Value::Optional(inner)) if tests => Ok(Value::Bool(inner.is_some())),
            other => other,
        }
    }

    fn attr(&mut self, attr: &'a Attr) -> Evaluated<'a> {
        let value = match &attr.root {
            Root::Variable(name) => (self.variables)(name)
                .unwrap_or_else(|| Err(format!("no such attribute(s): {name}")))
                .map_err(EvalError::from)?,
            Root::Slot(slot) => self.slot(*slot)?,
            Root::Node(node) => self.run(node)?,
            Root::Choice(choice) => {
                let (condition, truthy, falsy) = &**choice;
                return match self.run(condition)? {
                    Value::Bool(true) => self.attr(truthy),
                    Value::Bool(false) => self.attr(falsy),
                    _ => Err(PLAIN_NO_OVERLOAD.to_owned().into()),
                };
            }
        };
        if attr.qualifiers.is_empty() { Ok(value) } else { self.qualify(value, &attr.qualifiers) }
    }

    fn slot(&mut self, slot: usize) -> Evaluated<'a> {
        if let Some(Slot::Waiting(init)) = self.slots.get(slot) {
            let init = *init;
            let value = self.run(init);
            if value == Err(EvalError::OverBudget) {
                return value;
            }
            self.slots[slot] = Slot::Ready(value);
        }
        match self.slots.get(slot) {
            Some(Slot::Ready(value)) => value.clone(),
            _ => Err("no such attribute(s): @result".to_owned().into()),
        }
    }

    fn qualify(&mut self, value: Value<'a>, qualifiers: &'a [Arc<Qualifier>]) -> Evaluated<'a> {
        let (mut value, mut optional) = match value {
            Value::Optional(None) => return Ok(value),
            Value::Optional(Some(inner)) => (Value::clone(&inner), true),
            other => (other, false),
        };
        for qualifier in qualifiers {
            optional |= qualifier.optional;
            let key = match &qualifier.key {
                QualifierKey::Const(key) => key.clone(),
                QualifierKey::Attr(attr) => match self.attr(attr) {
                    Err(EvalError::Failed(message)) => {
                        self.spend(u64::from(!optional))?;
                        return Err(EvalError::Failed(message));
                    }
                    key => key?,
                },
            };
            let found = member(&value, &key, optional || qualifier.test);
            match found {
                Ok(None) if optional && !qualifier.test => return Ok(Value::Optional(None)),
                Err(error) if optional && !qualifier.test => return Err(error),
                _ => self.spend(1)?,
            }
            value = match found? {
                found if qualifier.test => Value::Bool(found.is_some()),
                Some(found) => found,
                None => return Err(missing(&value, &key).into()),
            };
        }
        let test = qualifiers.last().is_some_and(|qualifier| qualifier.test);
        Ok(if optional && !test { Value::some(value) } else { value })
    }

    fn logical(&mut self, or: bool, terms: &'a [Node]) -> Evaluated<'a> {
        let mut failure = None;
        for term in terms {
            match self.run(term) {
                Ok(Value::Bool(value)) if value == or => return Ok(Value::Bool(or)),
                Ok(Value::Bool(_)) => {}
                Err(EvalError::OverBudget) => return Err(EvalError::OverBudget),
                Err(error) => {
                    failure.get_or_insert(error);
                }
                Ok(_) => {
                    failure.get_or_insert_with(|| PLAIN_NO_OVERLOAD.to_owned().into());
                }
            }
        }
        failure.map_or(Ok(Value::Bool(!or)), Err)
    }

    /// All arguments, errors among them; the budget ends it.
    fn arguments(&mut self, nodes: &'a [Node]) -> Result<Vec<Evaluated<'a>>, EvalError> {
        let mut args = Vec::with_capacity(nodes.len());
        for node in nodes {
            let value = self.run(node);
            if value == Err(EvalError::OverBudget) {
                return Err(EvalError::OverBudget);
            }
            let failed = value.is_err();
            args.push(value);
            if failed && nodes.len() > 2 {
                break;
            }
        }
        Ok(args)
    }

    fn equality(&mut self, negated: bool, sides: &'a [Node; 2]) -> Evaluated<'a> {
        let args = self.arguments(sides)?;
        let seen: Vec<_> = args.iter().map(|arg| arg.as_ref().ok()).collect();
        let (function, overload) = if negated { ("_!=_", "not_equals") } else { ("_==_", "equals") };
        self.spend(meter::call(function, overload, &seen, None))?;
        let values: Vec<Value<'a>> = args.into_iter().collect::<Result<_, _>>()?;
        if !negated && crate::bind::refuses(&values[0], &values[1]) {
            return Err(PLAIN_NO_OVERLOAD.to_owned().into());
        }
        Ok(Value::Bool(equal(&values[0], &values[1]) != negated))
    }

    fn otherwise(&mut self, wrapped: bool, sides: &'a [Node; 2]) -> Evaluated<'a> {
        match self.run(&sides[0])? {
            Value::Optional(None) => self.run(&sides[1]),
            value @ Value::Optional(_) if wrapped => Ok(value),
            Value::Optional(Some(inner)) => Ok(Arc::unwrap_or_clone(inner)),
            _ => Err(PLAIN_NO_OVERLOAD.to_owned().into()),
        }
    }

    fn call(&mut self, call: &'a CallNode) -> Evaluated<'a> {
        if let Run::Grow(slot) = call.run {
            return self.grow(slot, call);
        }
        let args = self.arguments(&call.args)?;
        if let (Run::Pattern(_), Some(Err(error))) = (&call.run, args.first()) {
            return Err(error.clone());
        }
        if meter::is_heavy(call.overload) {
            let seen: Vec<_> = args.iter().map(|arg| arg.as_ref().ok()).collect();
            if self.cost.saturating_add(meter::call(&call.function, call.overload, &seen, None)) > self.limit {
                self.cost = self.limit.saturating_add(1);
                return Err(EvalError::OverBudget);
            }
        }
        let result = apply(call, &args);
        if args.len() == call.args.len() {
            let seen: Vec<_> = args.iter().map(|arg| arg.as_ref().ok()).collect();
            self.spend(meter::call(&call.function, call.overload, &seen, result.as_ref().ok()))?;
        }
        result
    }

    /// `accumulator + [value]` without a copy of the accumulator: the step's value takes its place anyway.
    fn grow(&mut self, slot: usize, call: &'a CallNode) -> Evaluated<'a> {
        let known = self.slot(slot);
        if known == Err(EvalError::OverBudget) {
            return known;
        }
        self.spend(1)?;
        let rest = self.arguments(&call.args[1..])?;
        if call.args.len() <= 2 || (known.is_ok() && rest.iter().all(Result::is_ok)) {
            self.spend(1)?;
        }
        let known = known?;
        let rest: Vec<Value<'a>> = rest.into_iter().collect::<Result<_, _>>()?;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Slot::Empty;
        }
        match (known, rest.as_slice()) {
            (Value::List(List::Values(mut values)), [Value::List(more)]) => {
                Arc::make_mut(&mut values).extend(more.values()?);
                Ok(Value::List(List::Values(values)))
            }
            (Value::Map(Map::Values(values)), more) => Ok(crate::operators::insert(values, more)?),
            _ => Err(PLAIN_NO_OVERLOAD.to_owned().into()),
        }
    }

    fn list(&mut self, elements: &'a [(Node, bool)]) -> Evaluated<'a> {
        let values = self.elements(elements);
        if !matches!(values, Err(EvalError::OverBudget)) {
            self.spend(meter::LIST)?;
        }
        values.map(Value::list)
    }

    fn elements(&mut self, elements: &'a [(Node, bool)]) -> Result<Vec<Value<'a>>, EvalError> {
        let mut values = Vec::with_capacity(elements.len());
        for (node, optional) in elements {
            match (self.run(node)?, optional) {
                (value, false) => values.push(value),
                (Value::Optional(inner), true) => values.extend(inner.map(Arc::unwrap_or_clone)),
                (other, true) => {
                    let shown = crate::show::plain(&other);
                    return Err(
                        format!("cannot initialize optional list element from non-optional value {shown}").into()
                    );
                }
            }
        }
        Ok(values)
    }

    fn map(&mut self, entries: &'a [(Node, Node, bool)]) -> Evaluated<'a> {
        let values = self.entries(entries);
        if !matches!(values, Err(EvalError::OverBudget)) {
            self.spend(meter::MAP)?;
        }
        Ok(Value::Map(Map::Values(Arc::new(values?))))
    }

    fn entries(&mut self, entries: &'a [(Node, Node, bool)]) -> Result<BTreeMap<Key, Value<'a>>, EvalError> {
        let mut values = BTreeMap::new();
        for (key, value, optional) in entries {
            let key = self.run(key)?;
            let value = self.run(value)?;
            let name = crate::equal::key(&key)?;
            match unwrap(value, *optional, &crate::show::plain(&key))? {
                Some(value) => values.insert(name, value),
                None => values.remove(&name),
            };
        }
        Ok(values)
    }

    fn object(&mut self, name: &Arc<str>, nodes: &'a [(String, Node, bool)]) -> Evaluated<'a> {
        let fields = self.fields(nodes);
        if !matches!(fields, Err(EvalError::OverBudget)) {
            self.spend(meter::OBJECT)?;
        }
        Ok(Value::Object(Arc::new(Object { name: name.clone(), fields: fields? })))
    }

    fn fields(&mut self, nodes: &'a [(String, Node, bool)]) -> Result<BTreeMap<String, Value<'a>>, EvalError> {
        let mut fields = BTreeMap::new();
        for (field, node, optional) in nodes {
            let value = self.run(node)?;
            match unwrap(value, *optional, field)? {
                Some(value) => fields.insert(field.clone(), value),
                None => fields.remove(field),
            };
        }
        Ok(fields)
    }

    fn fold(&mut self, fold: &'a FoldNode) -> Evaluated<'a> {
        let range = self.run(&fold.range)?;
        let base = fold.base;
        self.slots.resize_with((base + SLOTS).max(self.slots.len()), || Slot::Empty);
        self.slots[base] = Slot::Waiting(&fold.init);
        let walked = self.walk(fold, &range);
        if matches!(walked, Err(EvalError::OverBudget)) {
            return Err(EvalError::OverBudget);
        }
        walked?;
        let result = self.run(&fold.result);
        self.slots[base] = Slot::Empty;
        result
    }

    fn walk(&mut self, fold: &'a FoldNode, range: &Value<'a>) -> Result<(), EvalError> {
        match range {
            Value::List(list) => {
                for place in 0..list.len() {
                    let Some(item) = list.get(place) else { break };
                    let item = item.map_err(EvalError::from);
                    let (first, second) =
                        if fold.two { (Ok(Value::Int(place as i64)), item) } else { (item, Ok(Value::Null)) };
                    if !self.step(fold, first, second)? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for key in map.keys() {
                    let second = match map.find(&key) {
                        Some(value) if fold.two => value.map_err(EvalError::from),
                        _ => Ok(Value::Null),
                    };
                    if !self.step(fold, Ok(key), second)? {
                        break;
                    }
                }
            }
            other => return Err(format!("got '{}', expected iterable type", other.of_type().name()).into()),
        }
        Ok(())
    }

    /// One turn; false when the condition ends the fold. Errors of the condition and of the step do not end it.
    fn step(&mut self, fold: &'a FoldNode, first: Evaluated<'a>, second: Evaluated<'a>) -> Result<bool, EvalError> {
        self.slots[fold.base + 1] = Slot::Ready(first);
        self.slots[fold.base + 2] = Slot::Ready(second);
        match self.run(&fold.condition) {
            Err(EvalError::OverBudget) => return Err(EvalError::OverBudget),
            Ok(Value::Bool(false)) => return Ok(false),
            _ => {}
        }
        let next = self.run(&fold.step);
        if next == Err(EvalError::OverBudget) {
            return Err(EvalError::OverBudget);
        }
        self.slots[fold.base] = Slot::Ready(next);
        Ok(true)
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        equal(self, other)
    }
}

fn unwrap<'a>(value: Value<'a>, optional: bool, entry: &str) -> Result<Option<Value<'a>>, EvalError> {
    match (value, optional) {
        (value, false) => Ok(Some(value)),
        (Value::Optional(inner), true) => Ok(inner.map(Arc::unwrap_or_clone)),
        (other, true) => {
            let shown = crate::show::plain(&other);
            Err(format!("cannot initialize optional entry '{entry}' from non-optional value {shown}").into())
        }
    }
}

fn apply<'a>(call: &CallNode, args: &[Evaluated<'a>]) -> Evaluated<'a> {
    if let Run::NotStrictlyFalse = call.run {
        return Ok(match args.first() {
            Some(Ok(Value::Bool(value))) => Value::Bool(*value),
            _ => Value::Bool(true),
        });
    }
    let values: Vec<Value<'a>> = args.iter().cloned().collect::<Result<_, _>>()?;
    let result = match &call.run {
        Run::Builtin(builtin) => builtin(&values),
        Run::Pattern(regex) => crate::regexes::run(&call.function, regex, &values),
        Run::NotStrictlyFalse | Run::Grow(_) => Err(NO_OVERLOAD.to_owned()),
    };
    result.map_err(|error| match error.as_str() {
        NO_OVERLOAD => describe(&call.function, &values).into(),
        _ => error.into(),
    })
}

/// What a key or an index leads to; none when there is nothing. `test`: whether it is only looked for.
fn member<'a>(value: &Value<'a>, key: &Value<'a>, test: bool) -> Result<Option<Value<'a>>, EvalError> {
    match value {
        Value::Map(map) => Ok(map.find(key).transpose()?),
        Value::List(list) => {
            let place = list_index(key)?;
            Ok(usize::try_from(place).ok().and_then(|place| list.get(place)).transpose()?)
        }
        Value::Object(object) => {
            let found = key.as_str().and_then(|name| object.fields.get(name)).cloned();
            Ok(found.or((!test && &*object.name != "JSONPatch").then_some(Value::Null)))
        }
        _ if test => Ok(None),
        _ => Err(format!("no such key: {}", crate::show::plain(key)).into()),
    }
}

fn list_index(key: &Value<'_>) -> Result<i64, EvalError> {
    match key {
        Value::Int(place) => Ok(*place),
        Value::Uint(place) => Ok(i64::try_from(*place).unwrap_or(i64::MAX)),
        Value::Double(place) if place.fract() == 0.0 => Ok(*place as i64),
        Value::Double(place) => Err(format!("unsupported index value {place} in list").into()),
        other => Err(format!("unsupported index type '{}' in list", other.of_type().name()).into()),
    }
}

fn missing(value: &Value<'_>, key: &Value<'_>) -> String {
    let shown = crate::show::plain(key);
    match value {
        Value::List(_) => format!("index out of bounds: {shown}"),
        _ => format!("no such key: {shown}"),
    }
}
