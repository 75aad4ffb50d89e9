//! The errors of a call to the API server, and what a caller may do about each.

use http::StatusCode;
use serde::Deserialize;

/// What the server said in a `metav1.Status`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub code: u16,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub details: Details,
}

/// `metav1.StatusDetails`, as far as clients act on it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Details {
    #[serde(default)]
    pub causes: Vec<Cause>,
    #[serde(default, rename = "retryAfterSeconds")]
    pub retry_after_seconds: Option<u64>,
}

/// `metav1.StatusCause`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Cause {
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub field: String,
}

/// A failed step between a component and the API server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a Status. Its message is what upstream's components print, so it stands alone.
    #[error("{}", .0.message)]
    Api(Box<Answer>),
    /// No whole answer came back: the request may or may not have been carried out.
    #[error("{verb} {path}: no answer from the API server: {source}")]
    Lost { verb: &'static str, path: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{verb} {path}: request could not be built: {source}")]
    Request { verb: &'static str, path: String, source: http::Error },
    #[error("{what}: {source}")]
    Decode { what: String, source: serde_json::Error },
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    #[error("{what}: {source}")]
    Pem { what: &'static str, source: rustls::pki_types::pem::Error },
    #[error("TLS configuration: {0}")]
    Tls(#[from] rustls::Error),
    #[error("{0} is not a server address: {1}")]
    Server(String, String),
}

/// The result of talking to the API server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Reads the Status out of an unsuccessful answer.
    pub(crate) fn from_answer(status: StatusCode, body: &[u8]) -> Self {
        let mut answer = serde_json::from_slice::<Answer>(body).unwrap_or_else(|_| Answer {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..Answer::default()
        });
        answer.code = status.as_u16();
        if answer.message.is_empty() {
            answer.message = status.to_string();
        }
        Self::Api(Box::new(answer))
    }

    /// The HTTP code of the server's answer, if there was one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Api(answer) => Some(answer.code),
            _ => None,
        }
    }

    /// The Status reason of the server's answer, or an empty text.
    pub fn reason(&self) -> &str {
        match self {
            Self::Api(answer) => &answer.reason,
            _ => "",
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The object exists already (not to be mistaken for a conflicting update, which is a 409 too).
    pub fn is_already_exists(&self) -> bool {
        self.code() == Some(409) && self.reason() == "AlreadyExists"
    }

    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409) && !self.is_already_exists()
    }

    /// The revision asked for is no longer served.
    pub fn is_gone(&self) -> bool {
        self.code() == Some(410)
    }

    /// Whether a cause with this reason is among the details (`NamespaceTerminating`, for example).
    pub fn has_cause(&self, reason: &str) -> bool {
        matches!(self, Self::Api(answer) if answer.details.causes.iter().any(|cause| cause.reason == reason))
    }

    /// Whether the write may have happened although no answer says so.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Lost { .. }) || self.code() == Some(504)
    }
}
