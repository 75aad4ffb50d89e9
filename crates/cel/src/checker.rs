//! Gives every node a type and every call its overloads, and refuses what cannot be typed, in upstream's words.

use std::collections::HashMap;

use crate::ast::{Ast, Call, Element, Entry, Expr, Fold, Kind, Literal, Select, Struct};
use crate::env::Env;
use crate::functions::Overload;
use crate::issue::{Issue, Issues};
use crate::types::{Type, join};
use crate::unify::{Mapping, instantiate, most_general};

/// What the checker learnt, by the id of the node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checked {
    pub types: Vec<Type>,
    /// The overloads a call may have; one, unless dyn leaves it open.
    pub overloads: HashMap<usize, Vec<&'static str>>,
    /// Identifiers that name a type.
    pub constants: HashMap<usize, Type>,
    /// The declared variables that the expression names.
    pub variables: Vec<String>,
}

pub(crate) struct Checker<'e> {
    env: &'e Env,
    source: std::sync::Arc<str>,
    positions: Vec<u32>,
    types: Vec<Option<Type>>,
    checked: Checked,
    mapping: Mapping,
    fresh: usize,
    /// Variables of the folds around, innermost last.
    scopes: Vec<(String, Type)>,
    issues: Vec<(u32, String)>,
}

pub(crate) fn check(ast: &mut Ast, env: &Env) -> Result<Checked, Issues> {
    let mut checker = Checker {
        env,
        source: ast.source.clone(),
        positions: ast.positions.clone(),
        types: vec![None; ast.positions.len()],
        checked: Checked::default(),
        mapping: Mapping::default(),
        fresh: 0,
        scopes: Vec::new(),
        issues: Vec::new(),
    };
    checker.check(&mut ast.root);
    checker.settle();
    if checker.issues.is_empty() {
        crate::validators::validate(&ast.root, &checker.checked, env.minor >= 29, &mut |id, message| {
            checker.issues.push((checker.positions[id], message));
        });
    }
    checker.finish()
}

impl Checker<'_> {
    fn settle(&mut self) {
        self.checked.types =
            self.types.iter().map(|of| of.as_ref().map_or(Type::Dyn, |of| self.mapping.substitute(of, true))).collect();
    }

    fn finish(mut self) -> Result<Checked, Issues> {
        if self.issues.is_empty() {
            return Ok(self.checked);
        }
        self.issues.sort_by_key(|(position, _)| *position);
        Err(Issues(
            self.issues
                .into_iter()
                .map(|(position, message)| Issue::at(&self.source, position as usize, message))
                .collect(),
        ))
    }

    fn complain(&mut self, id: usize, message: String) {
        self.issues.push((self.positions[id], message));
    }

    fn undeclared(&mut self, id: usize, name: &str) {
        self.complain(id, format!("undeclared reference to '{name}' (in container '')"));
    }

    fn mismatch(&mut self, id: usize, expected: &Type, found: &Type) {
        self.complain(id, format!("expected type '{expected}' but found '{found}'"));
    }

    fn set(&mut self, id: usize, of: Type) {
        self.types[id] = Some(of);
    }

    fn of(&self, expr: &Expr) -> Type {
        self.types[expr.id].clone().unwrap_or(Type::Error)
    }

    fn known(&self, of: &Type) -> Type {
        self.mapping.substitute(of, false)
    }

    fn new_param(&mut self) -> Type {
        self.fresh += 1;
        Type::Param(format!("_var{}", self.fresh - 1).into())
    }

    fn check(&mut self, expr: &mut Expr) {
        let id = expr.id;
        match &mut expr.kind {
            Kind::Literal(literal) => {
                let of = literal_type(literal);
                self.set(id, of);
            }
            Kind::Ident(name) => {
                let written = name.clone();
                *name = written.trim_start_matches('.').to_owned();
                // A leading dot means a variable of the environment.
                let scopes = if *name == written { Vec::new() } else { std::mem::take(&mut self.scopes) };
                let resolved = self.resolve(id, &name.clone());
                self.scopes.extend(scopes);
                let of = resolved.unwrap_or_else(|| {
                    self.undeclared(id, &written);
                    Type::Error
                });
                self.set(id, of);
            }
            Kind::Select(_) => self.check_select(expr),
            Kind::Call(_) => self.check_call(expr),
            Kind::List(elements) => self.check_list(id, elements),
            Kind::Map(entries) => self.check_map(id, entries),
            Kind::Struct(message) => self.check_struct(id, message),
            Kind::Fold(fold) => self.check_fold(id, fold),
        }
    }

    /// The type of a variable or of the name of a type.
    fn resolve(&mut self, id: usize, name: &str) -> Option<Type> {
        if let Some((_, of)) = self.scopes.iter().rev().find(|(known, _)| known == name) {
            return Some(of.clone());
        }
        if let Some(decl) = self.env.variable(name) {
            if !self.checked.variables.iter().any(|known| known == name) {
                self.checked.variables.push(name.to_owned());
            }
            return Some(decl.ty());
        }
        let named = Type::named(name).or_else(|| self.env.object_type(name))?;
        self.checked.constants.insert(id, named.clone());
        Some(Type::Type(Some(named.into())))
    }

    fn check_select(&mut self, expr: &mut Expr) {
        let id = expr.id;
        if let Some(names) = expr.qualified_name() {
            let whole = names.join(".");
            let local = self.scopes.iter().any(|(known, _)| known == names[0]);
            if !local && let Some(of) = self.resolve(id, &whole) {
                expr.kind = Kind::Ident(whole);
                self.set(id, of);
                return;
            }
        }
        let Kind::Select(select) = &mut expr.kind else { return };
        let Select { operand, field, test } = select.as_mut();
        let (test, field) = (*test, field.clone());
        let selected = self.field(id, operand, &field, false);
        let of = if test { Type::Bool } else { self.known(&selected) };
        self.set(id, of);
    }

    fn field(&mut self, id: usize, operand: &mut Expr, field: &str, optional: bool) -> Type {
        self.check(operand);
        let operand_type = self.known(&self.of(operand));
        let inner = operand_type.unwrap_optional().cloned();
        let wrap = optional || inner.is_some();
        let target = inner.unwrap_or(operand_type);
        let result = match &target {
            Type::Map(_, values) => (**values).clone(),
            Type::Object(name) => match self.env.field_type(name, field) {
                Ok(of) => of,
                Err(message) => {
                    let plain = message.contains("another type");
                    self.complain(id, if plain { format!("undefined field '{field}'") } else { message });
                    Type::Error
                }
            },
            Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &target);
                Type::Dyn
            }
            other => {
                if !other.is_dyn_or_error() {
                    self.complain(id, format!("type '{other}' does not support field selection"));
                }
                Type::Dyn
            }
        };
        if wrap { Type::optional(result) } else { result }
    }

    fn check_optional_select(&mut self, id: usize, args: &mut [Expr]) {
        let [operand, field] = args else { return };
        let Kind::Literal(Literal::String(name)) = &field.kind else { return };
        let name = name.clone();
        self.set(field.id, Type::String);
        let of = self.field(id, operand, &name, true);
        let of = self.known(&of);
        self.set(id, of);
        self.checked.overloads.insert(id, vec!["select_optional_field"]);
    }

    fn check_call(&mut self, expr: &mut Expr) {
        let id = expr.id;
        let Kind::Call(call) = &mut expr.kind else { return };
        if call.function == "_?._" {
            return self.check_optional_select(id, &mut call.args);
        }
        for arg in &mut call.args {
            self.check(arg);
        }
        let Some(target) = &mut call.target else {
            let written = call.function.clone();
            call.function = written.trim_start_matches('.').to_owned();
            if self.env.overloads(&call.function).is_none() {
                self.undeclared(id, &written);
                return self.set(id, Type::Error);
            }
            return self.check_global(id, call);
        };
        if let Some(names) = target.qualified_name() {
            let qualified = format!("{}.{}", names.join("."), call.function);
            let qualified = qualified.trim_start_matches('.').to_owned();
            if self.env.overloads(&qualified).is_some() {
                call.function = qualified;
                call.target = None;
                return self.check_global(id, call);
            }
        }
        self.check(target);
        self.check_global(id, call);
    }

    fn check_global(&mut self, id: usize, call: &Call) {
        let Some(candidates) = self.env.overloads(&call.function) else {
            self.undeclared(id, &call.function);
            self.set(id, Type::Error);
            return;
        };
        let of = self.overload(id, call, &candidates).unwrap_or(Type::Error);
        self.set(id, of);
    }

    fn overload(&mut self, id: usize, call: &Call, candidates: &[&'static Overload]) -> Option<Type> {
        let args: Vec<Type> = call.target.iter().chain(&call.args).map(|arg| self.of(arg)).collect();
        if matches!(call.function.as_str(), "_&&_" | "_||_") {
            return self.logical(id, call, &args, candidates[0].id);
        }
        let mut result: Option<Type> = None;
        let mut matching = Vec::new();
        for overload in candidates.iter().filter(|overload| overload.member == call.target.is_some()) {
            let params: HashMap<&str, Type> =
                overload.params.iter().map(|name| (name.as_str(), self.new_param())).collect();
            let wanted: Vec<Type> = overload.args.iter().map(|of| instantiate(of, &params)).collect();
            if !self.mapping.assign_all(&args, &wanted) {
                continue;
            }
            matching.push(overload.id);
            let of = self.known(&instantiate(&overload.result, &params));
            result = Some(match result {
                Some(known) if !known.is_dyn() && known != of => Type::Dyn,
                Some(known) => known,
                None => of,
            });
        }
        if result.is_none() {
            let shown: Vec<Type> = args.iter().map(|of| self.mapping.substitute(of, true)).collect();
            let signature = match call.target {
                Some(_) => format!("{}.({})", shown[0], join(&shown[1..])),
                None => format!("({})", join(&shown)),
            };
            self.complain(id, format!("found no matching overload for '{}' applied to '{signature}'", call.function));
        }
        self.checked.overloads.insert(id, matching);
        result
    }

    fn logical(&mut self, id: usize, call: &Call, args: &[Type], overload: &'static str) -> Option<Type> {
        let mut fits = true;
        for (arg, of) in call.args.iter().zip(args) {
            if !self.mapping.assign(of, &Type::Bool) {
                let shown = self.known(of);
                self.mismatch(arg.id, &Type::Bool, &shown);
                fits = false;
            }
        }
        self.checked.overloads.insert(id, vec![overload]);
        fits.then_some(Type::Bool)
    }

    /// The type of an optional element without its wrapping.
    fn unwrap(&mut self, id: usize, of: Type) -> Type {
        match of.unwrap_optional() {
            Some(inner) => inner.clone(),
            None => {
                if !of.is_dyn() {
                    self.mismatch(id, &Type::optional(of.clone()), &of);
                }
                of
            }
        }
    }

    /// The type of both; the validators tell of mixed literals.
    fn join(&mut self, previous: Option<Type>, current: Type) -> Type {
        let Some(previous) = previous else { return current };
        if self.mapping.assign(&previous, &current) {
            return most_general(&previous, &current);
        }
        Type::Dyn
    }

    fn check_list(&mut self, id: usize, elements: &mut [Element]) {
        let mut items = None;
        for element in elements {
            self.check(&mut element.value);
            let value = element.value.id;
            let mut of = self.of(&element.value);
            if element.optional {
                of = self.unwrap(value, of);
            }
            items = Some(self.join(items, of));
        }
        let items = items.unwrap_or_else(|| self.new_param());
        self.set(id, Type::list(items));
    }

    fn check_map(&mut self, id: usize, entries: &mut [Entry]) {
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            self.check(&mut entry.key);
            keys = Some(self.join(keys, self.of(&entry.key)));
            self.check(&mut entry.value);
            let mut of = self.of(&entry.value);
            if entry.optional {
                of = self.unwrap(entry.value.id, of);
            }
            values = Some(self.join(values, of));
        }
        let keys = keys.unwrap_or_else(|| self.new_param());
        let values = values.unwrap_or_else(|| self.new_param());
        self.set(id, Type::map(keys, values));
    }

    fn check_struct(&mut self, id: usize, message: &mut Struct) {
        message.name = message.name.trim_start_matches('.').to_owned();
        let Some(of) = self.env.object_type(&message.name) else {
            if Type::named(&message.name).is_some() {
                self.complain(id, format!("'{}' is not a message type", message.name));
            } else {
                self.undeclared(id, &message.name);
            }
            self.set(id, Type::Error);
            return;
        };
        self.set(id, of);
        for field in &mut message.fields {
            self.check(&mut field.value);
            let mut given = self.of(&field.value);
            if field.optional {
                given = self.unwrap(field.value.id, given);
            }
            let declared = match self.env.field_type(&message.name, &field.name) {
                Ok(declared) => declared,
                Err(problem) => {
                    let given = self.known(&given).to_string();
                    self.complain(
                        field.id,
                        problem.replace("another type is provided", &format!("provided type is '{given}'")),
                    );
                    continue;
                }
            };
            if !self.mapping.assign(&declared, &given) {
                let given = self.known(&given);
                self.complain(
                    field.id,
                    format!("expected type of field '{}' is '{declared}' but provided type is '{given}'", field.name),
                );
            }
        }
    }

    fn check_fold(&mut self, id: usize, fold: &mut Fold) {
        self.check(&mut fold.range);
        self.check(&mut fold.init);
        let range = self.known(&self.of(&fold.range));
        let accu = self.of(&fold.init);
        self.scopes.push((fold.accu.clone(), accu.clone()));
        let (first, second) = match &range {
            Type::List(items) if fold.var2.is_some() => (Type::Int, (**items).clone()),
            Type::List(items) => ((**items).clone(), Type::Dyn),
            Type::Map(keys, values) => ((**keys).clone(), (**values).clone()),
            Type::Dyn | Type::Error | Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.complain(fold.range.id, message);
                (Type::Error, Type::Error)
            }
        };
        let depth = self.scopes.len();
        self.scopes.push((fold.var.clone(), first));
        if let Some(var2) = &fold.var2 {
            self.scopes.push((var2.clone(), second));
        }
        self.check(&mut fold.condition);
        self.assert(&fold.condition, &Type::Bool);
        self.check(&mut fold.step);
        self.assert(&fold.step, &accu);
        self.scopes.truncate(depth);
        self.check(&mut fold.result);
        self.scopes.truncate(depth - 1);
        let of = self.known(&self.of(&fold.result));
        self.set(id, of);
    }

    fn assert(&mut self, expr: &Expr, wanted: &Type) {
        let of = self.of(expr);
        if !self.mapping.assign(wanted, &of) {
            let (wanted, of) = (self.known(wanted), self.known(&of));
            self.mismatch(expr.id, &wanted, &of);
        }
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}
