//! The end of the server: who is told of it, and what is waited for. Short requests first, which may be waiting for webhooks; then connections
//! and what was upgraded, which have been told and have a moment to say goodbye. A server without work ends at once.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long short requests may take once the server shuts down: all of it is to end within two seconds, or what runs the server kills it.
pub(crate) const REQUESTS: Duration = Duration::from_millis(1000);
/// How long connections have for their last words after that.
pub(crate) const GOODBYE: Duration = Duration::from_millis(800);

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Drain {
    begun: CancellationToken,
    requests: TaskTracker,
    upgraded: TaskTracker,
}

/// A short request under way.
pub(crate) struct UnderWay(#[expect(dead_code, reason = "it counts until it is dropped")] TaskTrackerToken);

impl Drain {
    /// Tells everybody.
    pub fn begin(&self) {
        self.requests.close();
        self.upgraded.close();
        self.begun.cancel();
    }

    /// Told when the end begins.
    pub fn begun(&self) -> &CancellationToken {
        &self.begun
    }

    /// Counts a short request for as long as what is returned lives.
    pub fn request(&self) -> UnderWay {
        UnderWay(self.requests.token())
    }

    /// The task of an upgraded connection, waited for at the end.
    pub fn upgraded<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        self.upgraded.track_future(task)
    }

    /// When the end has begun and short requests are answered (true) or have had their time.
    pub async fn answered(&self) -> bool {
        self.begun.cancelled().await;
        tokio::time::timeout(REQUESTS, self.requests.wait()).await.is_ok()
    }

    /// When what runs on and on is cut: soon enough for the cut to be told.
    pub async fn cut(self) {
        self.answered().await;
        tokio::time::sleep(GOODBYE / 2).await;
    }

    /// Waits for all there is to wait for.
    pub async fn finish(&self, connections: &TaskTracker) {
        if !self.answered().await {
            tracing::warn!(open = self.requests.len(), "requests were cut at shutdown");
        }
        let rest = async { tokio::join!(connections.wait(), self.upgraded.wait()) };
        if tokio::time::timeout(GOODBYE, rest).await.is_err() {
            let (open, upgraded) = (connections.len(), self.upgraded.len());
            tracing::info!(open, upgraded, "connections were cut at shutdown");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn ends_after(drain: &Drain, connections: &TaskTracker) -> Duration {
        connections.close();
        drain.begin();
        let begun = Instant::now();
        drain.finish(connections).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_work_ends_at_once() {
        assert_eq!(ends_after(&Drain::default(), &TaskTracker::new()).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_waited_for_and_then_cut() {
        let (drain, connections) = (Drain::default(), TaskTracker::new());
        let request = drain.request();
        tokio::spawn(async move {
            tokio::time::sleep(REQUESTS / 2).await;
            drop(request);
        });
        assert_eq!(ends_after(&drain, &connections).await.as_millis() / 10, REQUESTS.as_millis() / 20);
        let (drain, connections) = (Drain::default(), TaskTracker::new());
        let _endless = drain.request();
        assert_eq!(ends_after(&drain, &connections).await.as_millis() / 10, REQUESTS.as_millis() / 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_has_a_moment_for_its_goodbye() {
        let (drain, connections) = (Drain::default(), TaskTracker::new());
        let begun = drain.begun().clone();
        tokio::spawn(drain.upgraded(async move {
            begun.cancelled().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }));
        assert_eq!(ends_after(&drain, &connections).await.as_millis() / 10, 20);
        let drain = Drain::default();
        let _deaf = connections.token();
        assert_eq!(ends_after(&drain, &connections).await.as_millis() / 10, GOODBYE.as_millis() / 10);
    }
}
