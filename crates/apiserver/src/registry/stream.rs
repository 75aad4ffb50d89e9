//! Lists on their way out: the objects' shared bytes written one after the other into frames, as the client reads them.

use std::borrow::Cow;

use api::protobuf::ListFrame;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use super::scope::Scope;
use crate::body::{Body, BoxError};
use crate::front::compressible;
use crate::negotiate::{Format, JSON, PROTOBUF};
use crate::objects::Object;
use crate::status::Status;
use crate::view;

/// Bytes per frame.
const FRAME_BYTES: usize = 32 * 1024;
/// Room for the item that fills a frame.
const SLACK_BYTES: usize = 8 * 1024;

/// What stands before an item, in two parts, and the item.
type Part = (&'static [u8], Cow<'static, [u8]>, Bytes);

/// A list in JSON; nothing is held twice.
pub(super) fn json(
    head: String,
    objects: Vec<Object>,
    show: impl Fn(&Object) -> Result<(&'static [u8], Bytes), Status> + Send + 'static,
) -> Response<Body> {
    let parts = objects.into_iter().enumerate().map(move |(at, object)| {
        let (head, rest) = show(&object)?;
        let separator: &[u8] = if at > 0 { b"," } else { b"" };
        Ok((separator, head.into(), rest))
    });
    frames(JSON, head.as_bytes(), parts, b"]}\n")
}

/// A list in protobuf. Its length comes first, so all its messages are made before any is sent; those that are not shared with the
/// server's kept encodings go as they are written.
pub(super) fn protobuf(
    scope: &Scope<'_>,
    format: Format,
    (api_version, kind, metadata): (&str, &str, Value),
    objects: Vec<Object>,
) -> Result<Response<Body>, Status> {
    let message = |object: Object| view::message(&scope.server.encodings, scope.kind, &object, format);
    let messages: Vec<Bytes> = objects.into_iter().map(message).collect::<Result<_, _>>()?;
    let frame = ListFrame::new(api_version, kind, metadata, messages.iter().map(Bytes::len));
    let frame = frame.map_err(Status::internal)?;
    let head = frame.head.clone();
    let parts = messages.into_iter().map(move |message| {
        let before: &[u8] = b"";
        Ok((before, Cow::Owned(frame.before(message.len())), message))
    });
    Ok(frames(PROTOBUF, &head, parts, ListFrame::TAIL))
}

fn frames(
    content_type: &'static str,
    head: &[u8],
    parts: impl Iterator<Item = Result<Part, Status>> + Send + 'static,
    tail: &'static [u8],
) -> Response<Body> {
    let mut frame = BytesMut::from(head);
    let (mut parts, mut ended) = (parts, false);
    let frames = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        for part in parts.by_ref() {
            match part {
                Ok((separator, before, item)) => {
                    // At once for the whole frame: growing into it would copy what is there.
                    if frame.capacity() < FRAME_BYTES {
                        frame.reserve(FRAME_BYTES + SLACK_BYTES);
                    }
                    frame.put_slice(separator);
                    frame.put_slice(&before);
                    frame.put_slice(&item);
                }
                Err(status) => {
                    ended = true;
                    return Some(Err(BoxError::from(status)));
                }
            }
            if frame.len() >= FRAME_BYTES {
                return Some(Ok(Frame::data(frame.split().freeze())));
            }
        }
        ended = true;
        frame.put_slice(tail);
        Some(Ok(Frame::data(frame.split().freeze())))
    });
    let mut response = Response::new(StreamBody::new(futures::stream::iter(frames)).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    compressible(response)
}
