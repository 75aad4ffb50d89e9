//! Checks of what is written down: lists and maps of mixed types; since Kubernetes 1.29 durations, timestamps and patterns that will never
//! parse, and formats.

use crate::ast::{Expr, Kind, Literal};
use crate::checker::Checked;
use crate::printf::{Part, refusal};
use crate::types::Type;

pub(crate) fn validate(root: &Expr, checked: &Checked, constants: bool, complain: &mut dyn FnMut(usize, String)) {
    Validator { checked, constants, complain, exempt: false }.visit(root);
}

struct Validator<'v> {
    checked: &'v Checked,
    constants: bool,
    complain: &'v mut dyn FnMut(usize, String),
    /// Within the arguments of `format`, whose lists may hold anything.
    exempt: bool,
}

impl Validator<'_> {
    fn visit(&mut self, expr: &Expr) {
        match &expr.kind {
            Kind::Literal(_) | Kind::Ident(_) => {}
            Kind::Select(select) => self.visit(&select.operand),
            Kind::Call(call) => {
                if self.constants {
                    self.literal_argument(&call.function, &call.args);
                }
                let outer = self.exempt;
                self.exempt = outer || call.function == "format";
                call.target.iter().chain(&call.args).for_each(|child| self.visit(child));
                self.exempt = outer;
                if let (Some(target), "format", true) = (&call.target, call.function.as_str(), self.constants) {
                    self.format(expr.id, target, &call.args);
                }
            }
            Kind::List(elements) => {
                let typed = elements.iter().map(|element| (&element.value, element.optional));
                self.homogeneous(typed, true);
                elements.iter().for_each(|element| self.visit(&element.value));
            }
            Kind::Map(entries) => {
                self.homogeneous(entries.iter().map(|entry| (&entry.key, false)), false);
                self.homogeneous(entries.iter().map(|entry| (&entry.value, entry.optional)), false);
                entries.iter().for_each(|entry| {
                    self.visit(&entry.key);
                    self.visit(&entry.value);
                });
            }
            Kind::Struct(message) => message.fields.iter().for_each(|field| self.visit(&field.value)),
            Kind::Fold(fold) => {
                [&fold.range, &fold.init, &fold.condition, &fold.step, &fold.result]
                    .into_iter()
                    .for_each(|child| self.visit(child));
            }
        }
    }

    fn literal_argument(&mut self, function: &str, args: &[Expr]) {
        let Some(Expr { id, kind: Kind::Literal(Literal::String(text)) }) = args.first() else { return };
        let fine = match function {
            "duration" => crate::times::parse_duration(text).is_some(),
            "timestamp" => crate::times::parse_timestamp(text).is_some(),
            "matches" => crate::regexes::compile(text).is_ok(),
            _ => true,
        };
        if !fine {
            (self.complain)(*id, format!("invalid {function} argument"));
        }
    }

    fn homogeneous<'e>(&mut self, values: impl Iterator<Item = (&'e Expr, bool)>, once: bool) {
        if self.exempt {
            return;
        }
        let mut first: Option<Type> = None;
        for (value, optional) in values {
            let whole = &self.checked.types[value.id];
            let of = if optional { whole.unwrap_optional().unwrap_or(whole) } else { whole }.clone();
            match &first {
                None => first = Some(of),
                Some(known) if *known == of => {}
                Some(known) => {
                    (self.complain)(value.id, format!("expected type '{known}' but found '{of}'"));
                    if once {
                        return;
                    }
                }
            }
        }
    }

    /// A constant format with a list of arguments that stands in the expression.
    fn format(&mut self, call: usize, target: &Expr, args: &[Expr]) {
        let (Kind::Literal(Literal::String(text)), [list]) = (&target.kind, args) else { return };
        let Kind::List(elements) = &list.kind else { return };
        let parts = match crate::printf::parse(text) {
            Ok(parts) => parts,
            Err(problem) => return (self.complain)(call, problem),
        };
        let mut used = 0;
        for part in parts {
            let Part::Clause { kind, .. } = part else { continue };
            let Some(element) = elements.get(used) else {
                return (self.complain)(call, format!("index {used} out of range"));
            };
            used += 1;
            let of = &self.checked.types[element.value.id];
            if !matches!(of, Type::Dyn)
                && let Some(problem) = refusal(kind, of)
            {
                return (self.complain)(element.value.id, format!("error during formatting: {problem}"));
            }
        }
        if used < elements.len() {
            let message =
                format!("too many arguments supplied to string.format (expected {used}, got {})", elements.len());
            (self.complain)(call, message);
        }
    }
}
