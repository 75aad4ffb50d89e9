//! The way between a component and the server: late, sometimes broken before or after the server has done its work, and watches
//! that are cut. What is lost here is what a network or a dying process loses.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apiserver::{ApiServer, Body, BoxError, Identity};
use futures::future::BoxFuture;
use futures::stream;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::plan::Plan;
use crate::seams::{Chance, Seams};

/// The server as it is reachable now, if it is.
#[derive(Clone, Default)]
pub(crate) struct Address(Arc<Mutex<Option<(ApiServer, CancellationToken)>>>);

impl Address {
    pub(crate) fn set(&self, server: Option<(ApiServer, CancellationToken)>) {
        *self.0.lock() = server;
    }

    pub(crate) fn get(&self) -> Option<(ApiServer, CancellationToken)> {
        self.0.lock().clone().filter(|(_, life)| !life.is_cancelled())
    }
}

/// One identity's way to the server.
#[derive(Clone)]
pub(crate) struct Link {
    address: Address,
    identity: Identity,
    seams: Seams,
    chance: Chance,
    plan: Plan,
}

impl Link {
    pub(crate) fn new(address: &Address, identity: Identity, seams: &Seams, plan: Plan) -> Self {
        let chance = seams.stream(&identity.name);
        Self { address: address.clone(), identity, seams: seams.clone(), chance, plan }
    }

    async fn pause(&self) {
        if self.plan.faults() && self.chance.one_in(4) {
            tokio::time::sleep(Duration::from_millis(self.chance.below(40))).await;
        }
    }

    fn breaks(&self) -> bool {
        self.plan.faults() && self.chance.one_in(self.plan.one_request_in)
    }

    async fn carry(self, request: Request<kube::client::Body>) -> Result<Response<Body>, BoxError> {
        let line = format!("{} {} {}", self.identity.name, request.method(), request.uri());
        let is_watch = *request.method() == Method::GET && line.contains("watch=true");
        self.pause().await;
        let (server, life) = self.address.get().ok_or("connection refused")?;
        if self.breaks() {
            return Err("the request was lost".into());
        }
        let answer = life.run_until_cancelled(server.service(self.identity.clone()).call(request)).await;
        let answer = answer.ok_or("the connection was reset")??;
        self.seams.trace.line(&format!("{} {line} {}", self.seams.elapsed_ms(), answer.status().as_u16()));
        if is_watch {
            return Ok(answer.map(|body| self.cut(body, life)));
        }
        self.pause().await;
        if self.breaks() { Err("the answer was lost".into()) } else { Ok(answer) }
    }

    /// A watch's body, which breaks with the server's life and sometimes long before.
    fn cut(&self, body: Body, life: CancellationToken) -> Body {
        let seconds = if self.plan.faults() { 5 + self.chance.below(120) } else { 1 << 20 };
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
        let frames = stream::unfold(Some(body), move |body| {
            let life = life.clone();
            async move {
                let mut body = body?;
                let frame = tokio::time::timeout_at(end, body.frame());
                match life.run_until_cancelled(frame).await {
                    Some(Ok(frame)) => frame.map(|frame| (frame, Some(body))),
                    Some(Err(_)) | None => Some((Err(BoxError::from("the watch was cut")), None)),
                }
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

impl Service<Request<kube::client::Body>> for Link {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        Box::pin(self.clone().carry(request))
    }
}
