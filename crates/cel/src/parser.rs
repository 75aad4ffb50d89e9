//! Tokens to a tree, by recursive descent with a bound on its depth. Precedence and positions follow the published grammar.
//! After a syntax error parsing ends: what upstream's parser guesses about the rest is not repeated.

use crate::ast::{Ast, Call, Element, Entry, Expr, FieldInit, Kind, Literal, Select, Struct, children};
use crate::issue::{Issue, Issues};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::literal::{bytes_literal, string_literal};
use crate::macros;

/// How deep an expression may nest, in brackets and in operators in a row.
const MAX_DEPTH: usize = 64;
const MAX_CHAIN: usize = 200;
/// How high the tree may be.
const MAX_HEIGHT: u16 = 200;
const MAX_CHARACTERS: usize = 100_000;
/// What may stand where an expression begins, in the order in which complaints list it.
const PRIMARY: [&str; 20] = [
    "'['",
    "']'",
    "'{'",
    "'}'",
    "'('",
    "')'",
    "'.'",
    "','",
    "'-'",
    "'!'",
    "'?'",
    "'true'",
    "'false'",
    "'null'",
    "NUM_FLOAT",
    "NUM_INT",
    "NUM_UINT",
    "STRING",
    "BYTES",
    "IDENTIFIER",
];
/// Of these, what only some places allow.
const SOMETIMES: [&str; 5] = ["']'", "'}'", "')'", "','", "'?'"];
/// Identifiers that the grammar keeps for later.
pub(crate) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
/// Operators with two sides and how tightly they bind.
const BINARY: [(&str, &str, u8); 12] = [
    ("<", "_<_", 1),
    ("<=", "_<=_", 1),
    (">=", "_>=_", 1),
    (">", "_>_", 1),
    ("==", "_==_", 1),
    ("!=", "_!=_", 1),
    ("in", "@in", 1),
    ("+", "_+_", 2),
    ("-", "_-_", 2),
    ("*", "_*_", 3),
    ("/", "_/_", 3),
    ("%", "_%_", 3),
];

type Parsed = Result<Expr, Issue>;

pub(crate) struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// What closes the brackets that are open, innermost last.
    closers: Vec<&'static str>,
    pub(crate) positions: Vec<u32>,
    /// The height of the tree below each node, by id.
    heights: Vec<u16>,
    issues: Vec<Issue>,
    pub(crate) two_variables: bool,
    pub(crate) optionals: bool,
    pub(crate) lists: bool,
}

/// `minor` is the version of Kubernetes whose macros are known.
pub(crate) fn parse(source: &str, minor: u32) -> Result<Ast, Issues> {
    let size = source.chars().count();
    if size > MAX_CHARACTERS {
        let message = format!("expression code point size exceeds limit: size: {size}, limit {MAX_CHARACTERS}");
        return Err(Issues::one(Issue::at("", 0, message)));
    }
    let tokens = Lexer::new(source).tokens().map_err(Issues::one)?;
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        depth: 0,
        closers: Vec::new(),
        positions: Vec::new(),
        heights: Vec::new(),
        issues: Vec::new(),
        two_variables: minor >= 32,
        optionals: minor >= 28,
        lists: minor >= 34,
    };
    let root = parser.whole().map_err(|issue| {
        parser.issues.push(issue);
        Issues(std::mem::take(&mut parser.issues))
    })?;
    if !parser.issues.is_empty() {
        parser.issues.sort_by_key(|issue| (issue.line, issue.column));
        return Err(Issues(parser.issues));
    }
    Ok(Ast { root, positions: parser.positions, source: source.into() })
}

impl Parser<'_> {
    fn whole(&mut self) -> Parsed {
        let root = self.expression()?;
        let token = self.token();
        if token.kind == TokenKind::End {
            return Ok(root);
        }
        let last = self.tokens.get(self.at + 1).is_some_and(|next| next.kind == TokenKind::End);
        let what = if last { "extraneous" } else { "mismatched" };
        Err(self.syntax(token.position, format!("{what} input '{}' expecting <EOF>", token.text)))
    }

    fn token(&self) -> Token {
        self.tokens[self.at].clone()
    }

    fn peek(&self, text: &str) -> bool {
        self.tokens[self.at].is(text)
    }

    fn position(&self) -> u32 {
        self.tokens[self.at].position
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn take(&mut self, text: &str) -> Option<Token> {
        self.peek(text).then(|| self.advance())
    }

    fn syntax(&self, position: u32, message: String) -> Issue {
        Issue::at(self.source, position as usize, format!("Syntax error: {message}"))
    }

    fn expect(&mut self, text: &str, expecting: &str) -> Result<Token, Issue> {
        if let Some(token) = self.take(text) {
            return Ok(token);
        }
        let token = self.token();
        Err(self.syntax(token.position, format!("mismatched input '{}' expecting {expecting}", token.text)))
    }

    pub(crate) fn node(&mut self, position: u32, kind: Kind) -> Expr {
        let height = self.height(&kind);
        self.positions.push(position);
        self.heights.push(height);
        let id = self.positions.len() - 1;
        if height > MAX_HEIGHT {
            self.issues.push(Issue::at(
                self.source,
                position as usize,
                format!("expression recursion limit exceeded: {MAX_HEIGHT}"),
            ));
            self.heights[id] = 0;
            return Expr { id, kind: Kind::Literal(Literal::Null) };
        }
        Expr { id, kind }
    }

    /// One more than the highest child.
    fn height(&self, kind: &Kind) -> u16 {
        let mut highest = 0;
        children(kind, &mut |child| highest = highest.max(self.heights[child.id] + 1));
        highest
    }

    /// Another id of the same place.
    pub(crate) fn copy_id(&mut self, id: usize) -> usize {
        self.positions.push(self.positions[id]);
        self.heights.push(self.heights[id]);
        self.positions.len() - 1
    }

    pub(crate) fn call(&mut self, position: u32, function: &str, args: Vec<Expr>) -> Expr {
        self.node(position, Kind::Call(Box::new(Call { function: function.to_owned(), target: None, args })))
    }

    /// The bracket that closes the innermost open one; where only it is missing, that is said.
    fn close(&mut self, text: &'static str) -> Result<(), Issue> {
        self.closers.pop();
        if self.take(text).is_some() {
            return Ok(());
        }
        let token = self.token();
        let around = self.closers.last();
        let goes_on = match token.kind {
            TokenKind::End => around.is_none(),
            TokenKind::Fixed(",") => around.is_some(),
            TokenKind::Fixed(fixed) => around.is_some_and(|closer| *closer == fixed),
            _ => false,
        };
        let extraneous = self.tokens.get(self.at + 1).is_some_and(|next| next.is(text));
        let message = match (extraneous, goes_on) {
            (true, _) => format!("extraneous input '{}' expecting '{text}'", token.text),
            (false, true) => format!("missing '{text}' at '{}'", token.text),
            (false, false) => format!("mismatched input '{}' expecting '{text}'", token.text),
        };
        Err(self.syntax(token.position, message))
    }

    /// Notes what is wrong, and goes on with a placeholder.
    pub(crate) fn complain(&mut self, position: u32, message: impl Into<String>) -> Expr {
        self.issues.push(Issue::at(self.source, position as usize, message));
        self.node(position, Kind::Literal(Literal::Null))
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Issue>) -> Result<T, Issue> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expression recursion limit exceeded: {MAX_DEPTH}");
            return Err(Issue::at(self.source, self.position() as usize, message));
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self) -> Parsed {
        self.nested(|parser| {
            let condition = parser.logical("||", "_||_")?;
            let Some(token) = parser.take("?") else { return Ok(condition) };
            let truthy = parser.logical("||", "_||_")?;
            parser.expect(":", "':'")?;
            let falsy = parser.expression()?;
            Ok(parser.call(token.position, "_?_:_", vec![condition, truthy, falsy]))
        })
    }

    /// A row of && or ||, made into a balanced tree.
    fn logical(&mut self, sign: &str, function: &str) -> Parsed {
        let mut terms = vec![Some(self.logical_term(sign)?)];
        let mut operators = Vec::new();
        while let Some(token) = self.take(sign) {
            operators.push(token.position);
            terms.push(Some(self.logical_term(sign)?));
        }
        if operators.is_empty() {
            return terms.remove(0).ok_or_else(|| self.syntax(0, "no term".to_owned()));
        }
        let last = operators.len() - 1;
        Ok(self.balance(function, &mut terms, &operators, 0, last))
    }

    fn logical_term(&mut self, sign: &str) -> Parsed {
        if sign == "||" { self.logical("&&", "_&&_") } else { self.binary(1) }
    }

    fn balance(
        &mut self,
        function: &str,
        terms: &mut [Option<Expr>],
        operators: &[u32],
        low: usize,
        high: usize,
    ) -> Expr {
        let middle = (low + high).div_ceil(2);
        let left = if low == middle {
            terms[middle].take()
        } else {
            Some(self.balance(function, terms, operators, low, middle - 1))
        };
        let right = if high == middle {
            terms[middle + 1].take()
        } else {
            Some(self.balance(function, terms, operators, middle + 1, high))
        };
        self.call(operators[middle], function, left.into_iter().chain(right).collect())
    }

    fn binary(&mut self, level: u8) -> Parsed {
        let mut left = self.unary()?;
        let mut chain = 0;
        loop {
            let Some(&(_, function, binds)) = BINARY.iter().find(|(sign, _, binds)| *binds >= level && self.peek(sign))
            else {
                return Ok(left);
            };
            chain += 1;
            if chain > MAX_CHAIN {
                let message = format!("expression recursion limit exceeded: {MAX_CHAIN}");
                return Err(Issue::at(self.source, self.position() as usize, message));
            }
            let operator = self.advance();
            let right = self.binary(binds + 1)?;
            left = self.call(operator.position, function, vec![left, right]);
        }
    }

    fn unary(&mut self) -> Parsed {
        for (sign, function) in [("!", "!_"), ("-", "-_")] {
            let Some(first) = self.take(sign) else { continue };
            let mut count = 1;
            while self.take(sign).is_some() {
                count += 1;
            }
            let number = matches!(self.tokens[self.at].kind, TokenKind::Int | TokenKind::Float);
            if sign == "-" && count == 1 && number {
                let literal = self.number("-", first.position);
                return self.members(literal);
            }
            if self.tokens[self.at].kind == TokenKind::End {
                return Err(self.unfinished(sign));
            }
            let operand = self.member()?;
            return Ok(if count % 2 == 0 { operand } else { self.call(first.position, function, vec![operand]) });
        }
        self.member()
    }

    /// A sign at the end, in the words that upstream has for it.
    fn unfinished(&self, sign: &str) -> Issue {
        let mut issue = self.no_primary(&[]);
        issue.message = match sign {
            "!" => issue.message.replacen("mismatched", "extraneous", 1),
            _ => "Syntax error: no viable alternative at input '-'".to_owned(),
        };
        issue
    }

    fn member(&mut self) -> Parsed {
        let primary = self.primary()?;
        self.members(primary)
    }

    /// What follows a primary: selections, calls, indices.
    fn members(&mut self, mut operand: Expr) -> Parsed {
        for _ in 0..MAX_CHAIN {
            if let Some(dot) = self.take(".") {
                operand = self.selection(operand, dot.position)?;
            } else if let Some(bracket) = self.take("[") {
                self.need_primary(&["'?'"])?;
                self.closers.push("]");
                let optional = self.optional_mark()?;
                let index = self.expression()?;
                self.close("]")?;
                operand = self.call(bracket.position, if optional { "_[?_]" } else { "_[_]" }, vec![operand, index]);
            } else {
                return Ok(operand);
            }
        }
        Err(Issue::at(
            self.source,
            self.position() as usize,
            format!("expression recursion limit exceeded: {MAX_CHAIN}"),
        ))
    }

    fn optional_mark(&mut self) -> Result<bool, Issue> {
        let Some(token) = self.take("?") else { return Ok(false) };
        if self.optionals {
            return Ok(true);
        }
        Err(Issue::at(self.source, token.position as usize, "unsupported syntax '?'"))
    }

    fn selection(&mut self, operand: Expr, dot: u32) -> Parsed {
        let optional = self.optional_mark()?;
        let token = self.token();
        let name = match token.kind {
            TokenKind::Ident => token.text.clone(),
            TokenKind::Escaped => token.text.trim_matches('`').to_owned(),
            _ => return Err(self.syntax(token.position, format!("no viable alternative at input '.{}'", token.text))),
        };
        self.advance();
        if token.kind == TokenKind::Ident && !optional && self.peek("(") {
            let open = self.advance();
            let args = self.arguments()?;
            return Ok(macros::expand(self, open.position, name, Some(operand), args));
        }
        if optional {
            let field = self.node(token.position, Kind::Literal(Literal::String(name.into())));
            return Ok(self.call(dot, "_?._", vec![operand, field]));
        }
        Ok(self.node(dot, Kind::Select(Box::new(Select { operand, field: name, test: false }))))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Issue> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Ok(args);
        }
        self.need_primary(&["')'"])?;
        self.closers.push(")");
        loop {
            args.push(self.expression()?);
            if self.take(",").is_none() {
                self.close(")")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let token = self.token();
        match token.kind {
            TokenKind::Int | TokenKind::Uint | TokenKind::Float => Ok(self.number("", token.position)),
            TokenKind::String | TokenKind::Bytes => Ok(self.text()),
            TokenKind::Ident => self.named(),
            TokenKind::Fixed(fixed) => self.fixed(fixed),
            TokenKind::Escaped | TokenKind::End => Err(self.no_primary(&[])),
        }
    }

    fn starts(kind: &TokenKind, also: &[&str]) -> bool {
        match kind {
            TokenKind::Fixed(fixed) => {
                let quoted = format!("'{fixed}'");
                also.contains(&quoted.as_str())
                    || (PRIMARY.contains(&quoted.as_str()) && !SOMETIMES.contains(&quoted.as_str()))
            }
            TokenKind::End | TokenKind::Escaped => false,
            _ => true,
        }
    }

    /// Complains when no expression begins here. `also`: what else may stand here, quoted.
    fn need_primary(&self, also: &[&str]) -> Result<(), Issue> {
        if Self::starts(&self.tokens[self.at].kind, also) { Ok(()) } else { Err(self.no_primary(also)) }
    }

    fn no_primary(&self, also: &[&str]) -> Issue {
        let token = self.token();
        let next = self.tokens.get(self.at + 1).map_or(&TokenKind::End, |next| &next.kind);
        let what = if Self::starts(next, also) && token.kind != TokenKind::End { "extraneous" } else { "mismatched" };
        let allowed: Vec<&str> =
            PRIMARY.into_iter().filter(|name| !SOMETIMES.contains(name) || also.contains(name)).collect();
        self.syntax(token.position, format!("{what} input '{}' expecting {{{}}}", token.text, allowed.join(", ")))
    }

    fn fixed(&mut self, fixed: &str) -> Parsed {
        let position = self.position();
        let literal = match fixed {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "null" => Literal::Null,
            "(" => {
                self.advance();
                self.closers.push(")");
                let inner = self.expression()?;
                self.close(")")?;
                return Ok(inner);
            }
            "[" => return self.list(),
            "{" => return self.map(),
            "." if self.tokens.get(self.at + 1).is_some_and(|next| next.kind == TokenKind::Ident) => {
                return self.named();
            }
            _ => return Err(self.no_primary(&[])),
        };
        self.advance();
        Ok(self.node(position, Kind::Literal(literal)))
    }

    /// An identifier, a call of a function, or the literal of a message.
    fn named(&mut self) -> Parsed {
        let dot = self.take(".").map_or("", |_| ".");
        let first = self.advance();
        if let Some(name) = self.message_name(&first.text) {
            return self.message(format!("{dot}{name}"));
        }
        let name = format!("{dot}{}", first.text);
        if self.peek("(") {
            let open = self.advance();
            let args = self.arguments()?;
            if RESERVED.contains(&first.text.as_str()) {
                return Ok(self.complain(first.position, format!("reserved identifier: {}", first.text)));
            }
            return Ok(macros::expand(self, open.position, name, None, args));
        }
        if RESERVED.contains(&first.text.as_str()) {
            return Ok(self.complain(first.position, format!("reserved identifier: {}", first.text)));
        }
        Ok(self.node(first.position, Kind::Ident(name)))
    }

    /// `a.b.C` when a `{` follows, which is then the next token.
    fn message_name(&mut self, first: &str) -> Option<String> {
        let mut name = first.to_owned();
        let mut ahead = self.at;
        while self.tokens[ahead].is(".")
            && self.tokens.get(ahead + 1).is_some_and(|token| token.kind == TokenKind::Ident)
        {
            name.push('.');
            name.push_str(&self.tokens[ahead + 1].text);
            ahead += 2;
        }
        self.tokens[ahead].is("{").then(|| {
            self.at = ahead;
            name
        })
    }

    fn message(&mut self, name: String) -> Parsed {
        let open = self.advance();
        let mut fields = Vec::new();
        self.closers.push("}");
        while self.take("}").is_none() {
            let optional = self.optional_mark()?;
            let token = self.advance();
            if !matches!(token.kind, TokenKind::Ident | TokenKind::Escaped) {
                return Err(
                    self.syntax(token.position, format!("mismatched input '{}' expecting IDENTIFIER", token.text))
                );
            }
            let colon = self.expect(":", "':'")?;
            self.positions.push(colon.position);
            self.heights.push(0);
            let id = self.positions.len() - 1;
            let value = self.expression()?;
            fields.push(FieldInit { id, name: token.text.trim_matches('`').to_owned(), value, optional });
            if !self.peek("}") {
                self.expect(",", "{'}', ','}")?;
            }
        }
        self.closers.pop();
        Ok(self.node(open.position, Kind::Struct(Box::new(Struct { name, fields }))))
    }

    fn list(&mut self) -> Parsed {
        let open = self.advance();
        let mut elements = Vec::new();
        self.need_primary(&["']'", "','", "'?'"])?;
        if self.take(",").is_some() {
            self.expect("]", "']'")?;
            return Ok(self.node(open.position, Kind::List(elements)));
        }
        self.closers.push("]");
        while self.take("]").is_none() {
            let optional = self.optional_mark()?;
            elements.push(Element { value: self.expression()?, optional });
            if !self.peek("]") {
                self.expect(",", "{']', ','}")?;
            }
        }
        self.closers.pop();
        Ok(self.node(open.position, Kind::List(elements)))
    }

    fn map(&mut self) -> Parsed {
        let open = self.advance();
        let mut entries = Vec::new();
        self.need_primary(&["'}'", "','", "'?'"])?;
        if self.take(",").is_some() {
            self.expect("}", "'}'")?;
            return Ok(self.node(open.position, Kind::Map(entries)));
        }
        self.closers.push("}");
        while self.take("}").is_none() {
            let optional = self.optional_mark()?;
            let key = self.expression()?;
            self.expect(":", "':'")?;
            entries.push(Entry { key, value: self.expression()?, optional });
            if !self.peek("}") {
                self.expect(",", "{'}', ','}")?;
            }
        }
        self.closers.pop();
        Ok(self.node(open.position, Kind::Map(entries)))
    }

    fn number(&mut self, sign: &str, position: u32) -> Expr {
        let token = self.advance();
        let digits = token.text.trim_end_matches(['u', 'U']);
        let (digits, radix) = digits.strip_prefix("0x").map_or((digits, 10), |digits| (digits, 16));
        let signed = format!("{sign}{digits}");
        let (literal, name) = match token.kind {
            TokenKind::Uint => (u64::from_str_radix(digits, radix).ok().map(Literal::Uint), "uint"),
            TokenKind::Float => {
                (signed.parse().ok().filter(|value: &f64| value.is_finite()).map(Literal::Double), "double")
            }
            _ => (i64::from_str_radix(&signed, radix).ok().map(Literal::Int), "int"),
        };
        match literal {
            Some(literal) => self.node(position, Kind::Literal(literal)),
            None => self.complain(position, format!("invalid {name} literal")),
        }
    }

    fn text(&mut self) -> Expr {
        let token = self.advance();
        let literal = match token.kind {
            TokenKind::Bytes => bytes_literal(&token.text).map(|bytes| Literal::Bytes(bytes.into())),
            _ => string_literal(&token.text).map(|text| Literal::String(text.into())),
        };
        match literal {
            Some(literal) => self.node(token.position, Kind::Literal(literal)),
            None => self.complain(token.position, "unable to unescape string"),
        }
    }
}
