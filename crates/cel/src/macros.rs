//! The macros: calls that become other trees while parsing. Two-variable forms came with Kubernetes 1.32, optMap with 1.28.

use crate::ast::{ACCUMULATOR, Call, Element, Expr, Fold, Kind, Literal, Select};
use crate::parser::Parser;

/// Chains of optMap double what they copy; beyond this many nodes they are refused.
const MAX_NODES: usize = 100_000;

/// The call, or what the macro of that name makes of it.
pub(crate) fn expand(
    parser: &mut Parser<'_>,
    position: u32,
    function: String,
    target: Option<Expr>,
    args: Vec<Expr>,
) -> Expr {
    let mut expansion = Expansion { parser, position };
    match (&target, function.as_str(), args.len()) {
        (None, "has", 1) => return expansion.has(args),
        (Some(_), "all" | "exists" | "exists_one", 2) => return expansion.quantifier(&function, target, args),
        (Some(_), "map", 2 | 3) => return expansion.map(target, args),
        (Some(_), "filter", 2) => return expansion.filter(target, args),
        (Some(_), "sortBy", 2) if expansion.parser.lists => return expansion.sort_by(target, args),
        _ => {}
    }
    if target.is_some()
        && expansion.parser.optionals
        && matches!(function.as_str(), "optMap" | "optFlatMap")
        && args.len() == 2
    {
        return expansion.optional_map(&function, target, args);
    }
    if target.is_some() && expansion.parser.two_variables {
        match (function.as_str(), args.len()) {
            ("all" | "exists" | "exists_one" | "existsOne", 3) => return expansion.quantifier(&function, target, args),
            ("transformList" | "transformMap" | "transformMapEntry", 3 | 4) => {
                return expansion.transform(&function, target, args);
            }
            _ => {}
        }
    }
    parser.node(position, Kind::Call(Box::new(Call { function, target, args })))
}

struct Expansion<'p, 'a> {
    parser: &'p mut Parser<'a>,
    position: u32,
}

impl Expansion<'_, '_> {
    fn node(&mut self, kind: Kind) -> Expr {
        self.parser.node(self.position, kind)
    }

    fn ident(&mut self, name: &str) -> Expr {
        self.node(Kind::Ident(name.to_owned()))
    }

    fn accu(&mut self) -> Expr {
        self.ident(ACCUMULATOR)
    }

    fn literal(&mut self, literal: Literal) -> Expr {
        self.node(Kind::Literal(literal))
    }

    fn call(&mut self, function: &str, args: Vec<Expr>) -> Expr {
        self.parser.call(self.position, function, args)
    }

    fn member(&mut self, function: &str, target: Expr, args: Vec<Expr>) -> Expr {
        self.node(Kind::Call(Box::new(Call { function: function.to_owned(), target: Some(target), args })))
    }

    fn list(&mut self, elements: Vec<Expr>) -> Expr {
        self.node(Kind::List(elements.into_iter().map(|value| Element { value, optional: false }).collect()))
    }

    fn fail(&mut self, argument: &Expr, message: &str) -> Expr {
        let position = self.parser.positions[argument.id];
        self.parser.complain(position, message)
    }

    fn has(&mut self, mut args: Vec<Expr>) -> Expr {
        let argument = args.remove(0);
        match argument.kind {
            Kind::Select(select) => self.node(Kind::Select(Box::new(Select { test: true, ..*select }))),
            _ => self.fail(&argument, "invalid argument to has() macro"),
        }
    }

    /// The names of the iteration variables, the first `count` arguments.
    fn variables(&mut self, args: &[Expr], count: usize, complaint: &str) -> Result<(String, Option<String>), Expr> {
        let mut names: Vec<String> = Vec::new();
        for argument in &args[..count] {
            let Kind::Ident(name) = &argument.kind else { return Err(self.fail(argument, complaint)) };
            names.push(name.clone());
        }
        if names.len() == 2 && names[0] == names[1] {
            return Err(self.fail(&args[1], &format!("duplicate variable name: {}", names[0])));
        }
        for (name, argument) in names.iter().zip(args) {
            if name == ACCUMULATOR || name == "__result__" {
                return Err(self.fail(argument, "iteration variable overwrites accumulator variable"));
            }
        }
        let mut names = names.into_iter();
        Ok((names.next().unwrap_or_default(), names.next()))
    }

    fn quantifier(&mut self, function: &str, target: Option<Expr>, mut args: Vec<Expr>) -> Expr {
        let variables = match self.variables(&args, args.len() - 1, "argument must be a simple name") {
            Ok(variables) => variables,
            Err(placeholder) => return placeholder,
        };
        let Some(predicate) = args.pop() else { return self.accu() };
        let (init, condition, step, result);
        match function {
            "all" => {
                init = self.literal(Literal::Bool(true));
                let accu = self.accu();
                condition = self.call("@not_strictly_false", vec![accu]);
                let accu = self.accu();
                step = self.call("_&&_", vec![accu, predicate]);
                result = self.accu();
            }
            "exists" => {
                init = self.literal(Literal::Bool(false));
                let accu = self.accu();
                let negated = self.call("!_", vec![accu]);
                condition = self.call("@not_strictly_false", vec![negated]);
                let accu = self.accu();
                step = self.call("_||_", vec![accu, predicate]);
                result = self.accu();
            }
            _ => {
                init = self.literal(Literal::Int(0));
                condition = self.literal(Literal::Bool(true));
                let (accu, one) = (self.accu(), self.literal(Literal::Int(1)));
                let more = self.call("_+_", vec![accu, one]);
                let same = self.accu();
                step = self.call("_?_:_", vec![predicate, more, same]);
                let (accu, one) = (self.accu(), self.literal(Literal::Int(1)));
                result = self.call("_==_", vec![accu, one]);
            }
        }
        self.fold(target, variables, Loop { init, condition, step, result })
    }

    fn fold(&mut self, target: Option<Expr>, (var, var2): (String, Option<String>), parts: Loop) -> Expr {
        let Some(range) = target else { return parts.result };
        let Loop { init, condition, step, result } = parts;
        let accu = ACCUMULATOR.to_owned();
        self.node(Kind::Fold(Box::new(Fold { range, var, var2, accu, init, condition, step, result })))
    }

    /// `accu + [value]`, guarded by the filter when there is one.
    fn collect(
        &mut self,
        target: Option<Expr>,
        variables: (String, Option<String>),
        filter: Option<Expr>,
        step: Expr,
        init: Expr,
    ) -> Expr {
        let condition = self.literal(Literal::Bool(true));
        let step = match filter {
            Some(filter) => {
                let same = self.accu();
                self.call("_?_:_", vec![filter, step, same])
            }
            None => step,
        };
        let result = self.accu();
        self.fold(target, variables, Loop { init, condition, step, result })
    }

    fn appended(&mut self, value: Expr) -> Expr {
        let (accu, list) = (self.accu(), self.list(vec![value]));
        self.call("_+_", vec![accu, list])
    }

    fn map(&mut self, target: Option<Expr>, mut args: Vec<Expr>) -> Expr {
        let variables = match self.variables(&args, 1, "argument is not an identifier") {
            Ok(variables) => variables,
            Err(placeholder) => return placeholder,
        };
        let Some(transform) = args.pop() else { return self.accu() };
        let filter = if args.len() == 2 { args.pop() } else { None };
        let init = self.list(Vec::new());
        let step = self.appended(transform);
        self.collect(target, variables, filter, step, init)
    }

    fn filter(&mut self, target: Option<Expr>, mut args: Vec<Expr>) -> Expr {
        let variables = match self.variables(&args, 1, "argument is not an identifier") {
            Ok(variables) => variables,
            Err(placeholder) => return placeholder,
        };
        let filter = args.pop();
        let Some(element) = args.pop() else { return self.accu() };
        let init = self.list(Vec::new());
        let step = self.appended(element);
        self.collect(target, variables, filter, step, init)
    }

    fn transform(&mut self, function: &str, target: Option<Expr>, mut args: Vec<Expr>) -> Expr {
        let variables = match self.variables(&args, 2, "argument must be a simple name") {
            Ok(variables) => variables,
            Err(placeholder) => return placeholder,
        };
        let Some(transform) = args.pop() else { return self.accu() };
        let filter = if args.len() == 3 { args.pop() } else { None };
        let (step, init);
        match function {
            "transformList" => {
                step = self.appended(transform);
                init = self.list(Vec::new());
            }
            "transformMap" => {
                let (accu, key) = (self.accu(), self.ident(&variables.0));
                step = self.call("cel.@mapInsert", vec![accu, key, transform]);
                init = self.node(Kind::Map(Vec::new()));
            }
            _ => {
                let accu = self.accu();
                step = self.call("cel.@mapInsert", vec![accu, transform]);
                init = self.node(Kind::Map(Vec::new()));
            }
        }
        self.collect(target, variables, filter, step, init)
    }

    /// A name for a value: a fold over nothing whose accumulator is the value.
    fn bind(&mut self, name: &str, init: Expr, result: Expr) -> Expr {
        let range = self.list(Vec::new());
        let condition = self.literal(Literal::Bool(false));
        let step = self.ident(name);
        let (var, accu) = ("#unused".to_owned(), name.to_owned());
        self.node(Kind::Fold(Box::new(Fold { range, var, var2: None, accu, init, condition, step, result })))
    }

    fn optional_map(&mut self, function: &str, target: Option<Expr>, mut args: Vec<Expr>) -> Expr {
        let (Some(target), Some(transform)) = (target, args.pop()) else { return self.accu() };
        let name = match &args[0].kind {
            Kind::Ident(name) => name.clone(),
            _ => return self.fail(&args[0], &format!("{function}() variable name must be a simple identifier")),
        };
        if self.parser.positions.len() > MAX_NODES {
            return self.fail(&target, "expression is too large");
        }
        let copy = self.copy(&target);
        let condition = self.member("hasValue", target, Vec::new());
        let value = self.member("value", copy, Vec::new());
        let mut bound = self.bind(&name, value, transform);
        if function == "optMap" {
            bound = self.call("optional.of", vec![bound]);
        }
        let none = self.call("optional.none", Vec::new());
        self.call("_?_:_", vec![condition, bound, none])
    }

    fn sort_by(&mut self, target: Option<Expr>, args: Vec<Expr>) -> Expr {
        const INPUT: &str = "@__sortBy_input__";
        let Some(target) = target else { return self.accu() };
        if matches!(target.kind, Kind::Literal(_) | Kind::Map(_) | Kind::Struct(_)) {
            let message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
            return self.fail(&target, message);
        }
        let input = self.ident(INPUT);
        let keys = self.map(Some(input), args);
        let input = self.ident(INPUT);
        let sorted = self.member("@sortByAssociatedKeys", input, vec![keys]);
        self.bind(INPUT, target, sorted)
    }

    /// The same tree with ids of its own.
    fn copy(&mut self, expr: &Expr) -> Expr {
        let mut copy = expr.clone();
        self.renumber(&mut copy);
        copy
    }

    fn renumber(&mut self, expr: &mut Expr) {
        expr.id = self.parser.copy_id(expr.id);
        match &mut expr.kind {
            Kind::Literal(_) | Kind::Ident(_) => {}
            Kind::Select(select) => self.renumber(&mut select.operand),
            Kind::Call(call) => call.target.iter_mut().chain(&mut call.args).for_each(|child| self.renumber(child)),
            Kind::List(elements) => elements.iter_mut().for_each(|element| self.renumber(&mut element.value)),
            Kind::Map(entries) => entries.iter_mut().for_each(|entry| {
                self.renumber(&mut entry.key);
                self.renumber(&mut entry.value);
            }),
            Kind::Struct(message) => message.fields.iter_mut().for_each(|field| self.renumber(&mut field.value)),
            Kind::Fold(fold) => {
                for child in [&mut fold.range, &mut fold.init, &mut fold.condition, &mut fold.step, &mut fold.result] {
                    self.renumber(child);
                }
            }
        }
    }
}

struct Loop {
    init: Expr,
    condition: Expr,
    step: Expr,
    result: Expr,
}
