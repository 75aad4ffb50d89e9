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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::body::full;

    fn streamed(parts: Vec<Part>) -> Body {
        StreamBody::new(stream::iter(parts.into_iter().map(|part| part.map(Frame::data)))).boxed_unsync()
    }

    /// The body as the client unpacks it, and whether it had to.
    async fn received(body: Body, accepted: bool) -> (Vec<u8>, bool) {
        let response = compress(compressible(Response::new(body)), accepted).await;
        let zipped = response.headers().contains_key(header::CONTENT_ENCODING);
        assert_eq!(response.headers().contains_key(header::VARY), zipped);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let mut plain = Vec::new();
        match zipped {
            true => drop(GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap()),
            false => plain.extend_from_slice(&bytes),
        }
        (plain, zipped)
    }

    #[tokio::test]
    async fn what_is_larger_than_the_threshold_is_compressed_and_nothing_is_lost() {
        for length in [0, 1, THRESHOLD_BYTES, THRESHOLD_BYTES + 1, 5 * THRESHOLD_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            for chunk in [1000, STEP_BYTES, 3 * STEP_BYTES] {
                let parts = bytes.chunks(chunk).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
                let found = received(streamed(parts), true).await;
                assert!(found == (bytes.clone(), length > THRESHOLD_BYTES), "{length} in parts of {chunk}");
            }
            let found = received(full(bytes.clone()), true).await;
            assert!(found == (bytes.clone(), length > THRESHOLD_BYTES), "{length} at once");
            assert!(received(full(bytes.clone()), false).await == (bytes, false), "{length} for those who do not ask");
        }
    }

    #[tokio::test]
    async fn a_failure_comes_through_wherever_it_happens() {
        for before in [0, 1, 10] {
            let mut parts: Vec<Part> = (0..before).map(|_| Ok(Bytes::from(vec![7; STEP_BYTES]))).collect();
            parts.push(Err("broken".into()));
            let response = compress(compressible(Response::new(streamed(parts))), true).await;
            let error = response.into_body().collect().await.expect_err("the body is broken");
            assert_eq!(error.to_string(), "broken", "after {before} parts");
        }
    }

    #[tokio::test]
    async fn what_is_not_marked_is_left_alone() {
        let response = compress(Response::new(full(vec![0; 2 * THRESHOLD_BYTES])), true).await;
        assert!(response.headers().is_empty());
    }
}
