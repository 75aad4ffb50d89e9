//! One watch: initial state, then events as the client reads them, bookmarks, and an end. The stream is pulled by the connection, so a slow
//! client holds nothing but its place in the ring; when that place is gone it gets 410 and is cut.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use store::{Cursor, Event, Revision};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::events::{self, EventType, Shape};
use crate::custom::{Reader, with_bytes};
use crate::front::WatchGuard;
use crate::meta::Meta;
use crate::negotiate::Encoding;
use crate::objects::Object;
use crate::per_user::Place;
use crate::registry::Selection;
use crate::server::Inner;
use crate::status::Status;
use crate::view;

const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// Events that are there already are sent together up to this size.
const FRAME_BYTES: usize = 32 * 1024;

/// Everything one watch needs.
pub(super) struct Watcher {
    pub shape: Shape,
    pub selection: Selection,
    pub reader: Reader,
    /// Keys of what is watched: one object, a namespace, the whole resource.
    pub prefix: String,
    pub cursor: Cursor<Meta>,
    pub server: Arc<Inner>,
    pub bookmarks: bool,
    /// The initial state ends with an annotated bookmark.
    pub end_of_initial: bool,
    pub initial: VecDeque<Object>,
    pub started_at: Revision,
    pub seconds: u64,
    /// Counts this watch for as long as it lives.
    pub _guard: WatchGuard,
    /// Its place among its user's watches.
    pub _place: Place,
}

/// A running watch.
struct Running {
    watcher: Watcher,
    /// Its time is over or the server shuts down. Made once: an event need not enter itself with the timer and the token again.
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    bookmark: Interval,
    ended: bool,
}

enum Next {
    Event(Result<Arc<Event<Meta>>, store::Compacted>),
    Bookmark,
    End,
}

impl Watcher {
    /// The frames, as they are asked for.
    pub fn run(self) -> impl Stream<Item = Bytes> + Send {
        let now = Instant::now();
        let mut bookmark = tokio::time::interval_at(now + BOOKMARK_PERIOD, BOOKMARK_PERIOD);
        bookmark.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = now + Duration::from_secs(self.seconds);
        let shutdown = self.server.shutdown.clone();
        let end = Box::pin(async move {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        });
        // Boxed: it is handed on with every event.
        let running = Box::new(Running { watcher: self, end, bookmark, ended: false });
        futures::stream::unfold(running, |mut running| async move {
            let bytes = running.next().await?;
            Some((bytes, running))
        })
    }

    fn selected(&self, item: &store::Item<Meta>) -> bool {
        item.key.starts_with(&self.prefix) && self.selection.matches(item)
    }

    /// The frame of an event, if this watcher sees it.
    async fn frame(&mut self, event: &Event<Meta>) -> Result<Option<Bytes>, Status> {
        let inside = self.selection.looks_inside(&self.reader) && event.key().starts_with(&self.prefix);
        let read = if inside { Some(self.read(event).await?) } else { None };
        let event = read.as_ref().unwrap_or(event);
        let Some(event_type) = events::seen(event, |item| self.selected(item)) else { return Ok(None) };
        let shape = self.next_shape();
        let (mut bytes, item) = events::shown(event, event_type);
        if shape.kind.hooks.custom {
            let shown = with_bytes(item, bytes, item.splice_at);
            bytes = self.reader.read_one(&shown).await?.bytes.clone();
        }
        let frame = self.server.frames.get(event.revision, event_type, shape, || {
            events::frame(shape, event_type, &bytes, self.server.objects.env().now())
        })?;
        Ok(Some(frame))
    }

    /// The event with its states as this version shows them.
    async fn read(&self, event: &Event<Meta>) -> Result<Event<Meta>, Status> {
        let states = [&event.previous, &event.current, &event.deleted];
        let mut read = self.reader.read(states.into_iter().flatten().cloned().collect()).await?.into_iter();
        let [previous, current, deleted] = states.map(|state| state.as_ref().and_then(|_| read.next()));
        Ok(Event { revision: event.revision, previous, current, deleted })
    }

    /// The shape of one more frame.
    fn next_shape(&mut self) -> Shape {
        let shape = self.shape;
        self.shape.columns = false;
        shape
    }

    fn bookmark(&mut self, revision: Revision, initial: bool) -> Bytes {
        let now = self.server.objects.env().now();
        events::bookmark(self.next_shape(), revision, initial, now)
    }

    /// Initial objects, as many as fit into one frame.
    fn initial_frame(&mut self) -> Result<Bytes, Status> {
        let now = self.server.objects.env().now();
        let mut out = BytesMut::new();
        while out.len() < FRAME_BYTES
            && let Some(object) = self.initial.pop_front()
        {
            let shape = self.next_shape();
            let frame = match shape.format.encoding {
                Encoding::Protobuf => {
                    let message = view::message(&self.server.encodings, shape.kind, &object, shape.format)?;
                    events::message_frame(shape, EventType::Added, &message)?
                }
                _ => events::frame(shape, EventType::Added, &object.bytes, now)?,
            };
            out.extend_from_slice(&frame);
        }
        if self.initial.is_empty() && std::mem::take(&mut self.end_of_initial) {
            out.extend_from_slice(&self.bookmark(self.started_at, true));
        }
        Ok(out.freeze())
    }
}

impl Running {
    /// The next bytes; `None`: the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if !self.watcher.initial.is_empty() || self.watcher.end_of_initial {
            let frame = self.watcher.initial_frame();
            return Some(self.or_error(frame));
        }
        loop {
            let step = self.wait().await;
            match step {
                Next::Event(Ok(event)) => match self.drain(&event).await {
                    Ok(frames) if frames.is_empty() => {}
                    frames => return Some(self.or_error(frames)),
                },
                Next::Event(Err(compacted)) => {
                    let text = format!(
                        "too old resource version: this watch fell behind the kept history, which begins after {}",
                        compacted.oldest
                    );
                    return Some(self.or_error(Err(Status::expired(text))));
                }
                Next::Bookmark => {
                    if let Some(bookmark) = self.bookmark() {
                        return Some(bookmark);
                    }
                }
                Next::End => {
                    self.ended = true;
                    return self.bookmark();
                }
            }
        }
    }

    async fn wait(&mut self) -> Next {
        tokio::select! {
            biased;
            // Before the events: they may never cease.
            () = self.end.as_mut() => Next::End,
            _ = self.bookmark.tick(), if self.watcher.bookmarks => Next::Bookmark,
            event = self.watcher.cursor.next() => Next::Event(event),
        }
    }

    /// This event's frame and those of the events that are there already.
    async fn drain(&mut self, first: &Event<Meta>) -> Result<Bytes, Status> {
        let first = self.watcher.frame(first).await?;
        let mut out: Option<BytesMut> = None;
        let mut single = first;
        // A Compacted here comes again at the next wait, after what has been read is sent.
        while out.as_ref().map_or(0, BytesMut::len) < FRAME_BYTES
            && let Ok(Some(event)) = self.watcher.cursor.try_next()
        {
            if let Some(frame) = self.watcher.frame(&event).await? {
                let out = out.get_or_insert_with(|| BytesMut::from(single.take().unwrap_or_default().as_ref()));
                out.extend_from_slice(&frame);
            }
        }
        Ok(out.map_or_else(|| single.unwrap_or_default(), BytesMut::freeze))
    }

    fn bookmark(&mut self) -> Option<Bytes> {
        let position = self.watcher.cursor.position().ok().filter(|_| self.watcher.bookmarks)?;
        Some(self.watcher.bookmark(position, false))
    }

    fn or_error(&mut self, frame: Result<Bytes, Status>) -> Bytes {
        frame.unwrap_or_else(|status| {
            self.ended = true;
            events::error(self.watcher.shape.format, &status)
        })
    }
}
