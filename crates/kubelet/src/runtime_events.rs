//! The runtime's events: each wakes the worker of its Pod. When the stream breaks, every worker looks again, and the
//! stream is opened anew. Runtimes without events are asked on a timer, the one permitted poll.

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;

use crate::context::Context;
use crate::cri::v1::{ContainerEventResponse, GetEventsRequest};
use crate::pods::Workers;

const RECONNECT_FIRST: Duration = Duration::from_millis(50);
const RECONNECT_LAST: Duration = Duration::from_secs(5);
/// Upstream's relist period where events are not served.
const POLL: Duration = Duration::from_secs(1);

/// Runs until the kubelet ends.
pub async fn follow(context: Arc<Context>, workers: Arc<Workers>) {
    let mut delay = RECONNECT_FIRST;
    loop {
        match context.cri.runtime().get_container_events(GetEventsRequest {}).await {
            Ok(stream) => {
                // What happened before the stream began was not told.
                workers.wake_all();
                workers.events().notify_waiters();
                delay = RECONNECT_FIRST;
                drain(&workers, stream.into_inner()).await;
            }
            Err(status) if status.code() == Code::Unimplemented => {
                tracing::info!("the container runtime has no events: Pods are looked at every second");
                return poll(&workers).await;
            }
            Err(status) => tracing::warn!(message = status.message(), "container events are not available"),
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(RECONNECT_LAST);
    }
}

async fn drain(workers: &Workers, mut stream: tonic::Streaming<ContainerEventResponse>) {
    loop {
        match stream.message().await {
            Ok(Some(event)) => {
                let metadata = event.pod_sandbox_status.and_then(|status| status.metadata);
                match metadata {
                    Some(metadata) => workers.wake(&metadata.uid),
                    // A sandbox that is gone already has no status; everybody looks.
                    None => workers.wake_all(),
                }
                workers.events().notify_waiters();
            }
            Ok(None) => return,
            Err(status) => {
                tracing::debug!(message = status.message(), "container events ended");
                return;
            }
        }
    }
}

async fn poll(workers: &Workers) {
    loop {
        tokio::time::sleep(POLL).await;
        workers.wake_all();
        workers.events().notify_waiters();
    }
}
