//! What CRI calls fail with, and the gRPC status that says so.

use std::io;

use tonic::{Code, Status};

use crate::images::ImageError;
use crate::images::registry::RegistryError;
use crate::network::NetworkError;
use crate::spec::SpecError;
use crate::spec::user::UserError;
use crate::supervisor::client::SupervisorError;

#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("{kind} {id:?} not found")]
    NotFound { kind: &'static str, id: String },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Precondition(String),
    #[error("{0}")]
    Unimplemented(String),
    #[error("{0}")]
    DeadlineExceeded(String),
    #[error("{0}")]
    ResourceExhausted(String),
    #[error("image")]
    Image(#[from] ImageError),
    #[error("container specification")]
    Spec(#[from] SpecError),
    #[error("container user")]
    User(#[from] UserError),
    #[error("network of sandbox {id}")]
    Network { id: String, source: NetworkError },
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    #[error("{step}")]
    Io { step: String, source: io::Error },
}

impl RuntimeError {
    pub fn io(step: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let step = step.into();
        move |source| Self::Io { step, source }
    }

    fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::NotFound,
            Self::Invalid(_) | Self::Spec(_) | Self::User(_) => Code::InvalidArgument,
            Self::Precondition(_) => Code::FailedPrecondition,
            Self::Unimplemented(_) => Code::Unimplemented,
            Self::DeadlineExceeded(_) => Code::DeadlineExceeded,
            Self::ResourceExhausted(_) => Code::ResourceExhausted,
            Self::Image(error) => image_code(error),
            Self::Supervisor(SupervisorError::Start(_) | SupervisorError::Talk(_) | SupervisorError::Gone) => {
                Code::Unavailable
            }
            Self::Network { .. } | Self::Supervisor(_) | Self::Io { .. } => Code::Unknown,
        }
    }

    /// The whole chain in one line, as kubelet shows it.
    pub fn text(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}

fn image_code(error: &ImageError) -> Code {
    match error {
        ImageError::Shared(shared) => image_code(shared),
        ImageError::NotFound(_) | ImageError::Platform(_) | ImageError::Registry(RegistryError::NotFound { .. }) => {
            Code::NotFound
        }
        ImageError::Reference(_) => Code::InvalidArgument,
        ImageError::Registry(RegistryError::Denied { .. }) => Code::PermissionDenied,
        ImageError::Registry(RegistryError::Connect { .. } | RegistryError::Timeout { .. }) => Code::Unavailable,
        _ => Code::Unknown,
    }
}

impl From<RuntimeError> for Status {
    fn from(error: RuntimeError) -> Self {
        Status::new(error.code(), error.text())
    }
}
