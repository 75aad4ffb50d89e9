//! /containerLogs: a container's log from where it is wanted, followed until the container has ended or the reader is gone.

use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use futures::StreamExt;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::futures::Notified;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{Body, Refusal, of_type};
use super::route::Place;
use super::{Server, find};
use crate::cri::client::is_not_found;
use crate::cri::v1::{ContainerState, ContainerStatusRequest};
use crate::logs::options::LogOptions;
use crate::logs::reader::{Enough, LogReader};

/// Pieces that wait for a slow reader.
const WAITING_MAX: usize = 4;

pub async fn answer(server: &Server, place: &Place, query: &[(String, String)]) -> Result<Response<Body>, Refusal> {
    let options = LogOptions::parse(query, server.0.context.env.now()).map_err(Refusal::bad_request)?;
    let pod = find::pod(server, place)?;
    let observed = find::observed(server, &pod).await?;
    let run = find::logged(&pod, &observed, &place.container, options.previous)?;
    let path = PathBuf::from(&run.log_path);
    let follow = options.follow;
    let failed = |error: std::io::Error| {
        Refusal::bad_request(format!("unable to retrieve container logs for {}: {}: {error}", run.id, run.log_path))
    };
    let reader = LogReader::open(&path, options).map_err(failed)?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let log = Log { server: server.clone(), id: run.id.clone(), path, reader };
    server.spawn("container-log", async move {
        let read = if follow { log.follow(&sender).await } else { log.read(&sender).await };
        if let Err(error) = read {
            tracing::warn!(%error, "a log was not read to its end");
        }
    });
    let frames = ReceiverStream::new(receiver).map(|bytes| Ok(Frame::data(bytes)));
    Ok(of_type("text/plain", StreamBody::new(frames).boxed_unsync()))
}

struct Log {
    server: Server,
    id: String,
    path: PathBuf,
    reader: LogReader,
}

impl Log {
    async fn read(mut self, to: &mpsc::Sender<Bytes>) -> std::io::Result<()> {
        // Whether the reader had enough is of no matter: this was all.
        let (Ok(()) | Err(Enough)) = self.reader.drain(to).await?;
        Ok(())
    }

    async fn follow(mut self, to: &mpsc::Sender<Bytes>) -> std::io::Result<()> {
        let directory = self.path.parent().unwrap_or(&self.path);
        let written = self.server.0.files.follow(directory)?;
        let events = self.server.0.workers.events();
        // Listened for before the runtime is asked, so that no end falls between.
        let mut told = Box::pin(events.notified());
        listen(&mut told);
        let mut is_running = self.is_running().await;
        loop {
            if let Err(Enough) = self.reader.drain(to).await? {
                return Ok(());
            }
            if !is_running {
                return Ok(());
            }
            tokio::select! {
                () = written.notified() => {}
                () = &mut told => {
                    told.set(events.notified());
                    listen(&mut told);
                    is_running = self.is_running().await;
                }
                () = to.closed() => return Ok(()),
            }
        }
    }

    /// Asked of the runtime; while it does not answer, the container is taken to run on.
    async fn is_running(&self) -> bool {
        let request = ContainerStatusRequest { container_id: self.id.clone(), verbose: false };
        match self.server.0.context.cri.runtime().container_status(request).await {
            Ok(answer) => {
                let status = answer.into_inner().status;
                status.is_some_and(|status| status.state() == ContainerState::ContainerRunning)
            }
            Err(status) => !is_not_found(&status),
        }
    }
}

fn listen(told: &mut Pin<Box<Notified<'_>>>) {
    // Whether it was told meanwhile is seen when it is awaited.
    let (true | false) = told.as_mut().enable();
}
