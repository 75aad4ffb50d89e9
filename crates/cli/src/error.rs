//! Errors in kubectl's words: the server's refusals with their reason, everything else as `error: ...`.

use std::fmt;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// The server said no.
    Server(client::Error),
    /// Everything else: a bad argument, an unreadable file.
    Use(String),
    /// A text that stands without `error: `.
    Bare(String),
    /// All has been said; only the exit code is left.
    Silent(u8),
}

impl From<api::json_path::JsonPathError> for Error {
    fn from(error: api::json_path::JsonPathError) -> Self {
        Self::Use(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(client::Error::Api(answer)) if answer.reason == "Invalid" => {
                let subject = answer.message.split(" is invalid").next().unwrap_or_default();
                let named = subject.split_once(' ').map(|(kind, name)| (kind.split('.').next().unwrap_or(kind), name));
                let Some((kind, name)) = named else { return write!(f, "The request is invalid: {}", answer.message) };
                let causes: Vec<String> = answer.details.causes.iter().map(cause).collect();
                match causes.as_slice() {
                    [] => write!(f, "The {} is invalid", answer.message),
                    [one] => write!(f, "The {kind} {name} is invalid: {one}"),
                    several => write!(f, "The {kind} {name} is invalid: \n* {}", several.join("\n* ")),
                }
            }
            Self::Server(client::Error::Api(answer)) if !answer.reason.is_empty() => {
                write!(f, "Error from server ({}): {}", answer.reason, answer.message)
            }
            Self::Server(client::Error::Api(answer)) => write!(f, "Error from server: {}", answer.message),
            Self::Server(error @ client::Error::Lost { .. }) => {
                write!(
                    f,
                    "The connection to the server was refused or lost: {error}; is it running, and is the kubeconfig its own?"
                )
            }
            Self::Server(error) => write!(f, "error: {error}"),
            Self::Use(text) => write!(f, "error: {text}"),
            Self::Bare(text) => f.write_str(text),
            Self::Silent(_) => Ok(()),
        }
    }
}

fn cause(cause: &client::Cause) -> String {
    if cause.field.is_empty() { cause.message.clone() } else { format!("{}: {}", cause.field, cause.message) }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::Server(error)
    }
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of use.
pub fn usage<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::Use(text.into()))
}

/// A refusal that kubectl prints without `error: `.
pub fn bare<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::Bare(text.into()))
}
