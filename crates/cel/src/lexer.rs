//! Characters to tokens.

use crate::issue::Issue;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Ident,
    Escaped,
    Int,
    Uint,
    Float,
    String,
    Bytes,
    /// Punctuation and the words of the grammar: in, true, false, null.
    Fixed(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub text: String,
    pub position: u32,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, TokenKind::Fixed(fixed) if fixed == text)
    }
}

/// Longest first where one begins another.
const PUNCTUATION: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%", "=", "&",
];
const WORDS: [&str; 4] = ["in", "true", "false", "null"];

pub(crate) struct Lexer<'a> {
    source: &'a str,
    characters: Vec<char>,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(source: &'a str) -> Lexer<'a> {
        Lexer { source, characters: source.chars().collect(), position: 0 }
    }

    /// All tokens, ended by one `End`.
    pub(crate) fn tokens(mut self) -> Result<Vec<Token>, Issue> {
        let mut tokens = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.position;
            if start == self.characters.len() {
                tokens.push(Token { kind: TokenKind::End, text: "<EOF>".to_owned(), position: start as u32 });
                return Ok(tokens);
            }
            let kind = self.token()?;
            tokens.push(Token {
                kind,
                text: self.characters[start..self.position].iter().collect(),
                position: start as u32,
            });
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.position + ahead).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(character) = self.peek(0) {
            if matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{c}') {
                self.position += 1;
            } else if character == '/' && self.peek(1) == Some('/') {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.position += 1;
                }
            } else {
                return;
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind, Issue> {
        let character = self.characters[self.position];
        if let Some((prefix, bytes)) = self.quoted() {
            return self.string(prefix, bytes);
        }
        if character.is_ascii_digit() || (character == '.' && self.peek(1).is_some_and(|c| c.is_ascii_digit())) {
            return Ok(self.number());
        }
        if character.is_ascii_alphabetic() || character == '_' {
            return Ok(self.word());
        }
        if character == '`' {
            return self.escaped();
        }
        for text in PUNCTUATION {
            if text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c)) {
                if matches!(text, "=" | "&") {
                    break;
                }
                self.position += text.len();
                return Ok(TokenKind::Fixed(text));
            }
        }
        // What may begin an operator is told with what follows.
        let width = if matches!(character, '=' | '&' | '|') { 2 } else { 1 };
        Err(self.unknown(self.position, self.position + width))
    }

    fn unknown(&self, start: usize, end: usize) -> Issue {
        let text: String = self.characters[start..end.min(self.characters.len())].iter().collect();
        Issue::at(self.source, start, format!("Syntax error: token recognition error at: '{text}'"))
    }

    /// The length of the prefix (r, b, br, rb) before a quote, and whether bytes are meant.
    fn quoted(&self) -> Option<(usize, bool)> {
        let (mut length, mut raw, mut bytes) = (0, false, false);
        loop {
            match self.peek(length)? {
                '"' | '\'' => return Some((length, bytes)),
                'r' | 'R' if !raw => raw = true,
                'b' | 'B' if !bytes && !raw => bytes = true,
                _ => return None,
            }
            length += 1;
        }
    }

    fn string(&mut self, prefix: usize, bytes: bool) -> Result<TokenKind, Issue> {
        let start = self.position;
        let raw = self.characters[start..start + prefix].iter().any(|c| matches!(c, 'r' | 'R'));
        let quote = self.characters[start + prefix];
        let triple = self.peek(prefix + 1) == Some(quote) && self.peek(prefix + 2) == Some(quote);
        let width = if triple { 3 } else { 1 };
        let mut at = start + prefix + width;
        loop {
            let Some(&character) = self.characters.get(at) else { return Err(self.unknown(start, at)) };
            if character == quote && (1..width).all(|ahead| self.characters.get(at + ahead) == Some(&quote)) {
                self.position = at + width;
                return Ok(if bytes { TokenKind::Bytes } else { TokenKind::String });
            }
            if !triple && matches!(character, '\n' | '\r') {
                return Err(self.unknown(start, at + 1));
            }
            if character == '\\' && !raw {
                at += escape_length(&self.characters[at..]).ok_or_else(|| self.unknown(start, at + 2))?;
            } else {
                at += 1;
            }
        }
    }

    fn number(&mut self) -> TokenKind {
        let hexadecimal = self.peek(0) == Some('0')
            && self.peek(1) == Some('x')
            && self.peek(2).is_some_and(|c| c.is_ascii_hexdigit());
        let mut kind = TokenKind::Int;
        if hexadecimal {
            self.position += 2;
            self.skip(|c| c.is_ascii_hexdigit());
        } else {
            self.skip(|c| c.is_ascii_digit());
            if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
                kind = TokenKind::Float;
                self.position += 1;
                self.skip(|c| c.is_ascii_digit());
            }
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if matches!(self.peek(0), Some('e' | 'E')) && self.peek(1 + sign).is_some_and(|c| c.is_ascii_digit()) {
                kind = TokenKind::Float;
                self.position += 1 + sign;
                self.skip(|c| c.is_ascii_digit());
            }
        }
        if kind == TokenKind::Int && matches!(self.peek(0), Some('u' | 'U')) {
            self.position += 1;
            kind = TokenKind::Uint;
        }
        kind
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.position += 1;
        }
    }

    fn word(&mut self) -> TokenKind {
        let start = self.position;
        self.skip(|c| c.is_ascii_alphanumeric() || c == '_');
        let text: String = self.characters[start..self.position].iter().collect();
        WORDS.iter().find(|word| **word == text).map_or(TokenKind::Ident, |word| TokenKind::Fixed(word))
    }

    fn escaped(&mut self) -> Result<TokenKind, Issue> {
        let start = self.position;
        self.position += 1;
        self.skip(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ' '));
        if self.peek(0) != Some('`') || self.position == start + 1 {
            return Err(self.unknown(start, self.position + 1));
        }
        self.position += 1;
        Ok(TokenKind::Escaped)
    }
}

/// How long the escape at the start is, when it is one.
fn escape_length(characters: &[char]) -> Option<usize> {
    let digits = |from: usize, count: usize, radix: u32| {
        characters
            .get(from..from + count)
            .filter(|digits| digits.iter().all(|c| c.is_digit(radix)))
            .map(|_| from + count)
    };
    match characters.get(1)? {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`' => Some(2),
        'x' | 'X' => digits(2, 2, 16),
        'u' => digits(2, 4, 16),
        'U' => digits(2, 8, 16),
        '0'..='3' => digits(1, 3, 8),
        _ => None,
    }
}
