//! The seam of services: what needs IO beside the store when a kind is written (IP allocation), and what is served without a stored
//! object of its own (reviews, binding, eviction, tokens, log, exec, proxy). The services are in `services`, looked up by name.

use api::kind::{Kind, Subresource};
use async_trait::async_trait;
use http::{Request, Response};
use serde_json::Value;

use crate::body::Body;
use crate::drain::Drain;
use crate::identity::Identity;
use crate::negotiate::Format;
use crate::objects::Objects;
use crate::request::RequestInfo;
use crate::status::Status;

/// One write of a kind's main resource, on its way to the store.
pub struct Change<'a> {
    pub kind: &'static Kind,
    /// The new state; a service may fill in what it allocates.
    pub object: &'a mut Value,
    /// `None` at create.
    pub old: Option<&'a Value>,
    pub identity: &'a Identity,
    /// Allocate nothing for good.
    pub dry_run: bool,
}

/// What a service keeps for a write under way. Its end is told once: `true` when the write was followed by `after_write` or `after_failed`,
/// `false` when it was dropped half way.
#[derive(Default)]
pub struct Held(Option<Box<dyn FnOnce(bool) + Send>>);

impl Held {
    pub fn new(end: impl FnOnce(bool) + Send + 'static) -> Self {
        Self(Some(Box::new(end)))
    }

    /// The write has ended, and the service knows how.
    pub fn settle(mut self) {
        self.end(true);
    }

    fn end(&mut self, settled: bool) {
        if let Some(end) = self.0.take() {
            end(settled);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// A request for a virtual kind or a service subresource: authorized, not yet decoded.
pub struct Call {
    pub info: RequestInfo,
    pub identity: Identity,
    pub kind: &'static Kind,
    /// `None`: the kind itself is virtual.
    pub subresource: Option<&'static Subresource>,
    pub objects: Objects,
    /// What ends with the server.
    pub(crate) drain: Drain,
    /// How an object that is the answer is written.
    pub(crate) format: Format,
    /// The request as it came; upgrades (`hyper::upgrade::on`) work on it. `Call::read` in `decode` reads and decodes its body.
    pub http: Request<Body>,
}

/// A named service. Rows of kinds name the service that takes part in their writes; a subresource of role `Service` is served by the service
/// of the subresource's name, asked for first as `<plural>/<subresource>`, then as `<subresource>`.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// After mutating admission, before prepare and validation. What it reserves is held until `after_write` or `after_failed` is over.
    async fn before_write(&self, _change: &mut Change<'_>) -> Result<Held, Status> {
        Ok(Held::default())
    }

    /// The write that `before_write` prepared did not happen.
    async fn after_failed(&self, _change: &Change<'_>) {}

    /// The write is durable; `object` is the stored state.
    async fn after_write(&self, _change: &Change<'_>) {}

    /// The object is gone from the store.
    async fn after_delete(&self, _kind: &'static Kind, _object: &Value) {}

    /// Serves a virtual kind or a subresource.
    async fn handle(&self, call: Call) -> Result<Response<Body>, Status> {
        Err(Status::method_not_supported(call.kind, &call.info.verb))
    }
}
