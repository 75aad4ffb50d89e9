//! gzip of answers that show objects, by upstream's rules (KEP-2338, APIResponseCompression): for clients that accept it, when the body is
//! larger than 128 KiB, at the fastest level. Watches, logs and what is passed through are never marked as compressible.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use crate::body::{Body, BoxError};

/// Larger bodies are compressed.
const THRESHOLD_BYTES: usize = 128 * 1024;
/// So much is compressed at a time.
const STEP_BYTES: usize = 64 * 1024;

/// Marks a response as one that may be compressed.
#[derive(Clone, Copy)]
struct Compressible;

type Part = Result<Bytes, BoxError>;

/// Lets a response be compressed where the client accepts it.
pub(crate) fn compressible(mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Compressible);
    response
}

/// Whether the client takes gzip. With a quality beside it, it is another word for upstream.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let text = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').any(|encoding| encoding.trim() == "gzip")
}

/// The response, compressed if it is marked, large, and the client accepts it.
pub(super) async fn compress(mut response: Response<Body>, accepted: bool) -> Response<Body> {
    let marked = response.extensions_mut().remove::<Compressible>().is_some();
    let small = response.body().size_hint().upper().is_some_and(|length| length <= THRESHOLD_BYTES as u64);
    if !accepted || !marked || small {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let mut rest = body.into_data_stream();
    let (mut first, mut length): (Vec<Part>, usize) = (Vec::new(), 0);
    while length <= THRESHOLD_BYTES
        && let Some(part) = rest.next().await
    {
        length += part.as_ref().map_or(0, Bytes::len);
        let failed = part.is_err();
        first.push(part);
        if failed {
            break;
        }
    }
    let parts = stream::iter(first).chain(rest);
    if length <= THRESHOLD_BYTES {
        return Response::from_parts(head, StreamBody::new(parts.map(|part| part.map(Frame::data))).boxed_unsync());
    }
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(head, StreamBody::new(gzip(parts).map(|part| part.map(Frame::data))).boxed_unsync())
}

/// The parts, compressed as they are asked for.
fn gzip(parts: impl Stream<Item = Part> + Send) -> impl Stream<Item = Part> + Send {
    let steps = Box::pin(parts.flat_map(|part| stream::iter(steps(part))));
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
    stream::unfold((steps, encoder), async |(mut steps, mut encoder)| {
        loop {
            let compressed = match (steps.next().await, encoder.as_mut()) {
                (_, None) => return None,
                (Some(Err(error)), _) => return Some((Err(error), (steps, None))),
                (Some(Ok(bytes)), Some(open)) => open.write_all(&bytes).map(|()| std::mem::take(open.get_mut())),
                (None, Some(_)) => encoder.take()?.finish(),
            };
            match compressed {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some((Ok(bytes.into()), (steps, encoder))),
                Err(error) => return Some((Err(error.into()), (steps, None))),
            }
        }
    })
}

fn steps(part: Part) -> Vec<Part> {
    match part {
        Ok(bytes) => (0..bytes.len())
            .step_by(STEP_BYTES)
            .map(|start| Ok(bytes.slice(start..bytes.len().min(start + STEP_BYTES))))
            .collect(),
        Err(error) => vec![Err(error)],
    }
}
