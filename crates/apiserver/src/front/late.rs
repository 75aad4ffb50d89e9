//! Writes that go on when nobody waits for them any longer: their time was over, or the client went away. Half a write would be worse than
//! a late one: services reserve before it is stored and settle after it. Everything else ends with who asked for it, as upstream's does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use api::env::Env;
use futures::future::BoxFuture;
use http::Response;

use super::ending;
use crate::body::Body;
use crate::drain::UnderWay;
use crate::per_user::PerUser;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

/// So many of one user's writes may go on that way; the user begins no others until one has ended.
const LATE_MAX: usize = 100;
/// When one is given up: twice what the longest request has.
const END: Duration = Duration::from_secs(120);
const RETRY_AFTER_SECONDS: u32 = 5;

/// Set once a write has begun: its request is read, and what follows belongs together.
#[derive(Clone, Default)]
pub(crate) struct Begun(Arc<OnceLock<Arc<str>>>);

impl Begun {
    /// For requests that change objects.
    pub(super) fn of(info: &RequestInfo) -> Option<Self> {
        let writes = matches!(info.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        (info.is_resource && writes).then(Self::default)
    }

    /// From here on the write is finished, whatever becomes of who asked for it; 429 for users who have too many of such.
    pub(crate) fn begin(&self, server: &Inner, user: &str) -> Result<(), Status> {
        if server.late.0.count(user) >= LATE_MAX {
            let text = format!("too many late writes: {LATE_MAX} of user {user:?} go on that nobody waits for");
            return Err(Status::too_many_requests(text, RETRY_AFTER_SECONDS));
        }
        self.0.get_or_init(|| user.into());
        Ok(())
    }
}

/// The writes that nobody waits for, by user.
#[derive(Clone, Default)]
pub(crate) struct Late(PerUser);

impl Late {
    fn finish(&self, env: &Env, user: &str, counted: Option<UnderWay>, work: BoxFuture<'static, Response<Body>>) {
        let place = self.0.enter(user, usize::MAX);
        spawn_on_drop(env, "a late write", async move {
            if tokio::time::timeout(END, work).await.is_err() {
                tracing::warn!("a write that nobody waited for was given up");
            }
            drop((place, counted));
        });
    }

    #[cfg(test)]
    pub(crate) fn count(&self, user: &str) -> usize {
        self.0.count(user)
    }
}

/// As [`Env::spawn`], for what is dropped. Where the whole process ends, no runtime is left that would take it.
pub(crate) fn spawn_on_drop(env: &Env, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    if tokio::runtime::Handle::try_current().is_ok() {
        env.spawn(name, task);
    }
}

/// What answers a request. Dropped before it has, a write that has begun goes on by itself.
pub(super) struct Work {
    server: Arc<Inner>,
    begun: Option<Begun>,
    /// The end of the server waits for it.
    counted: Option<UnderWay>,
    answer: Option<BoxFuture<'static, Response<Body>>>,
}

impl Work {
    pub fn new(
        server: Arc<Inner>,
        begun: Option<Begun>,
        counted: Option<UnderWay>,
        answer: BoxFuture<'static, Response<Body>>,
    ) -> Self {
        Self { server, begun, counted, answer: Some(answer) }
    }

    /// The answer, which is under way until its body is over, or is cut at `end`.
    pub fn cut(
        &mut self,
        answer: Response<Body>,
        end: impl Future<Output = ()> + Send + 'static,
        why: &'static str,
    ) -> Response<Body> {
        ending::cut(self.server.objects.env(), answer, end, why, self.counted.take())
    }
}

impl Future for Work {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Body>> {
        let Some(answer) = self.answer.as_mut() else { return Poll::Pending };
        let response = ready!(answer.as_mut().poll(context));
        self.answer = None;
        Poll::Ready(response)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let user = self.begun.as_ref().and_then(|begun| begun.0.get());
        if let (Some(answer), Some(user)) = (self.answer.take(), user) {
            self.server.late.finish(self.server.objects.env(), user, self.counted.take(), answer);
        }
    }
}
