//! The text form of label selectors: `a=b,c in (d,e),!f`.

use std::collections::BTreeSet;

use super::{Operator, Requirement, SelectorError};
use crate::names;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

fn symbol(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::Greater,
        "<" => Token::Less,
        "!=" => Token::NotEquals,
        "(" => Token::Open,
        _ => return None,
    })
}

fn is_symbol(letter: char) -> bool {
    "=!(),><".contains(letter)
}

fn is_space(letter: char) -> bool {
    " \t\r\n".contains(letter)
}

/// Splits off the first token; the rest is what follows it.
fn token(text: &str) -> (Token, String, &str) {
    let text = text.trim_start_matches(is_space);
    let Some(first) = text.chars().next().filter(|first| *first != '\0') else {
        return (Token::End, String::new(), "");
    };
    let two_or_one = [2, 1].into_iter().filter_map(|length| text.get(..length));
    if let Some((kind, head)) = two_or_one.filter_map(|head| Some((symbol(head)?, head))).next() {
        return (kind, head.to_owned(), &text[head.len()..]);
    }
    debug_assert!(!is_symbol(first), "every single symbol is a token");
    let end = text.find(|letter| letter == '\0' || is_symbol(letter) || is_space(letter)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let kind = match word {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Identifier,
    };
    (kind, word.to_owned(), rest)
}

fn tokens(mut text: &str) -> Vec<(Token, String)> {
    let mut tokens = Vec::new();
    loop {
        let (kind, literal, rest) = token(text);
        tokens.push((kind, literal));
        if kind == Token::End {
            return tokens;
        }
        text = rest;
    }
}

struct Parser {
    tokens: Vec<(Token, String)>,
    position: usize,
}

/// Reads a selector's requirements.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { tokens: tokens(text), position: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.look() {
            (Token::Identifier | Token::Not, _) => {
                let requirement = parser.requirement();
                let requirement =
                    requirement.map_err(|error| SelectorError::Syntax(format!("unable to parse requirement: {error}")));
                requirements.push(requirement?);
                match parser.take() {
                    (Token::End, _) => return Ok(requirements),
                    (Token::Comma, _) => match parser.look() {
                        (Token::Identifier | Token::Not, _) => {}
                        (_, literal) => return found(&literal, ", expected: identifier after ','"),
                    },
                    (_, literal) => return found(&literal, ", expected: ',' or 'end of string'"),
                }
            }
            (Token::End, _) => return Ok(requirements),
            (_, literal) => return found(&literal, ", expected: !, identifier, or 'end of string'"),
        }
    }
}

fn found<T>(literal: &str, expected: &str) -> Result<T, SelectorError> {
    Err(SelectorError::Syntax(format!("found '{literal}'{expected}")))
}

impl Parser {
    fn at(&self, position: usize) -> (Token, String) {
        self.tokens.get(position).cloned().unwrap_or((Token::End, String::new()))
    }

    /// The next token where a key or value stands: `in` and `notin` are words there.
    fn look(&self) -> (Token, String) {
        let (kind, literal) = self.at(self.position);
        (if matches!(kind, Token::In | Token::NotIn) { Token::Identifier } else { kind }, literal)
    }

    fn take(&mut self) -> (Token, String) {
        let token = self.look();
        self.position += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let (mut kind, mut key) = self.take();
        let negated = kind == Token::Not;
        if negated {
            (kind, key) = self.take();
        }
        if kind != Token::Identifier {
            return found(&key, ", expected: identifier");
        }
        let wrong = names::qualified_name(&key);
        if !wrong.is_empty() {
            let message = format!("<nil>: Invalid value: {key:?}: {}", wrong.join("; "));
            return Err(SelectorError::Requirement(message));
        }
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.look().0, Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = if matches!(operator, Operator::In | Operator::NotIn) { self.values()? } else { self.value()? };
        Requirement::new(key, operator, values.into_iter().collect())
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        let (kind, literal) = self.at(self.position);
        self.position += 1;
        Ok(match kind {
            Token::In => Operator::In,
            Token::NotIn => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            _ => return found(&literal, ", expected: in, notin, =, ==, !=, gt, lt"),
        })
    }

    fn value(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        if matches!(self.look().0, Token::End | Token::Comma) {
            return Ok(BTreeSet::from([String::new()]));
        }
        match self.take() {
            (Token::Identifier, literal) => Ok(BTreeSet::from([literal])),
            (_, literal) => found(&literal, ", expected: identifier"),
        }
    }

    fn values(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        let (kind, literal) = self.take();
        if kind != Token::Open {
            return found(&literal, " expected: '('");
        }
        let (kind, literal) = self.look();
        match kind {
            Token::Identifier | Token::Comma => {
                let values = self.list()?;
                if self.take().0 != Token::Close {
                    return found(&literal, ", expected: ')'");
                }
                Ok(values)
            }
            Token::Close => {
                self.take();
                Ok(BTreeSet::from([String::new()]))
            }
            _ => found(&literal, ", expected: ',', ')' or identifier"),
        }
    }

    /// `a,b,,c`: an empty place is the empty value. Stops before the closing parenthesis.
    fn list(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        let mut values = BTreeSet::new();
        loop {
            match self.take() {
                (Token::Identifier, literal) => {
                    values.insert(literal);
                    match self.look() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => return Ok(values),
                        (_, literal) => return found(&literal, ", expected: ',' or ')'"),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    match self.look().0 {
                        Token::Close => {
                            values.insert(String::new());
                            return Ok(values);
                        }
                        Token::Comma => {
                            values.insert(String::new());
                        }
                        _ => {}
                    }
                }
                (_, literal) => return found(&literal, ", expected: ',', or identifier"),
            }
        }
    }
}
