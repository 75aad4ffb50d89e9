//! What is wrong with an expression, and where: printed as upstream's compiler prints it, with the line and a caret.

use std::fmt;

/// One complaint of the parser or the checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    snippet: Option<String>,
}

impl Issue {
    /// `offset` counts characters from the start of `source`.
    pub(crate) fn at(source: &str, offset: usize, message: impl Into<String>) -> Issue {
        let (mut line, mut start) = (1, 0);
        for (index, character) in source.chars().enumerate().take(offset) {
            if character == '\n' {
                line += 1;
                start = index + 1;
            }
        }
        if source.is_empty() {
            return Issue { message: message.into(), line, column: 0, snippet: None };
        }
        let snippet = source.split('\n').nth(line - 1).map(str::to_owned);
        Issue { message: message.into(), line, column: offset - start + 1, snippet }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR: <input>:{}:{}: {}", self.line, self.column, self.message)?;
        let Some(snippet) = &self.snippet else { return Ok(()) };
        let snippet = snippet.replace('\t', " ");
        write!(f, "\n | {snippet}\n | ")?;
        let mut characters = snippet.chars();
        for character in characters.by_ref().take(self.column - 1) {
            f.write_str(if character.len_utf8() > 1 { "．" } else { "." })?;
        }
        f.write_str(if characters.next().is_some_and(|character| character.len_utf8() > 1) { "＾" } else { "^" })
    }
}

/// All complaints about one expression, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issues(pub Vec<Issue>);

impl Issues {
    pub(crate) fn one(issue: Issue) -> Issues {
        Issues(vec![issue])
    }
}

impl fmt::Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issue) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{issue}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Issues {}
