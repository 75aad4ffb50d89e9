//! Errors in kubectl's words: the server's refusals with their reason, everything else as `error: ...`.

use std::fmt;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// The server said no.
    Server(client::Error),
    /// Everything else: a bad argument, an unreadable file.
    Use(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
        }
    }
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
