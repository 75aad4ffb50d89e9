//! The seam of admission: what a plugin sees and may change. The plugins are in `admission`.

mod draft;
mod reinvocation;
mod warnings;

use std::sync::Arc;

use api::kind::Kind;
use api::schema::Schema;
use async_trait::async_trait;
use serde_json::Value;

use crate::custom::Reader;
use crate::identity::Identity;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

pub use draft::Draft;
pub use reinvocation::Reinvocation;
pub use warnings::Warnings;

/// What is about to happen to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// As webhooks and policies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// One request at admission. Objects are in the request's version.
pub struct AdmissionRequest<'a> {
    pub info: &'a RequestInfo,
    pub identity: &'a Identity,
    pub operation: Operation,
    pub kind: &'static Kind,
    /// `""`, or the subresource's name (`status`, `binding`...).
    pub subresource: &'a str,
    pub namespace: &'a str,
    /// Empty at a create with generateName that has no name yet.
    pub name: &'a str,
    /// Null at a deletion. For service subresources (binding, eviction, token) it is the body, and `old` is None.
    pub object: Draft<'a>,
    pub old: Option<&'a Value>,
    /// CreateOptions, UpdateOptions, PatchOptions or DeleteOptions as JSON.
    pub options: &'a Value,
    pub dry_run: bool,
    pub warnings: &'a Warnings,
    /// What objects of this kind look like now.
    pub schema: Option<&'a Schema>,
    /// What webhooks and policies need to know of their earlier calls.
    pub reinvocation: &'a Reinvocation,
    /// None where a plugin is looked at by itself.
    pub(crate) around: Option<&'a dyn Around>,
}

impl<'a> AdmissionRequest<'a> {
    /// Where objects of other kinds are read.
    pub(crate) fn server(&self) -> Option<&'a Arc<Inner>> {
        self.around.map(Around::server)
    }

    /// Converts custom resources to their other versions.
    pub(crate) fn reader(&self) -> Option<&'a Reader> {
        self.around.map(Around::reader)
    }
}

/// The server around an admission plugin. It is a trait's object because the compiler proves for the future of each plugin anew that it may
/// go from thread to thread: behind a reference to the server's own type each of these proofs goes through the whole server.
pub(crate) trait Around: Send + Sync {
    fn server(&self) -> &Arc<Inner>;

    fn reader(&self) -> &Reader;
}

/// An admission plugin. `mutate` runs for all plugins first; the object is defaulted and normalised again after each that changed it;
/// then `validate` for all. A refusal is `Status::forbidden` for most plugins.
#[async_trait]
pub trait Admit: Send + Sync + 'static {
    /// Upstream's plugin name.
    fn name(&self) -> &'static str;

    async fn mutate(&self, _request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }

    async fn validate(&self, _request: &AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }
}
