//! Bodies of exchanges: what a case writes and expects as a tree goes over the wire in the media type that its headers name.

use std::io::Read;

use api::protobuf;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Response, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::body::Body;
use crate::negotiate::PROTOBUF;

/// A tree as the body of a request; `fill` makes a text in it long.
pub(super) fn written(step: &Value, mut body: Value) -> Result<Bytes, String> {
    if let Some(path) = step["fill"]["path"].as_str() {
        let place = path.split('.').fold(&mut body, |value, part| &mut value[part]);
        *place = "a".repeat(step["fill"]["bytes"].as_u64().unwrap_or_default() as usize).into();
    }
    match step["headers"]["content-type"].as_str() {
        Some(PROTOBUF) => Ok(protobuf::encode(&body).map_err(|error| error.to_string())?.into()),
        _ => Ok(Bytes::from(body.to_string())),
    }
}

/// The body as a tree, and as text; for `events: n` the first n events of the stream, as a list, for `events: all` those until it ends.
pub(super) async fn read(step: &Value, response: Response<Body>) -> Result<(Value, String), String> {
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (content_type, encoding) = (header(header::CONTENT_TYPE), header(header::CONTENT_ENCODING));
    let mut body = response.into_body();
    let wanted = match &step["events"] {
        Value::Null => None,
        events => Some(events.as_u64().map_or(usize::MAX, |events| events as usize)),
    };
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        if wanted.is_some_and(|wanted| events(&content_type, &bytes).is_ok_and(|events| events.len() >= wanted)) {
            break;
        }
    }
    if encoding == "gzip" {
        let mut plain = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(|error| error.to_string())?;
        bytes = plain;
    }
    if content_type == PROTOBUF {
        let object = protobuf::decode(&bytes).map_err(|error| format!("{error}: {}", bytes.escape_ascii()))?;
        let text = object.to_string();
        return Ok((object, text));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let parsed = match wanted {
        Some(_) => events(&content_type, &bytes).map(Value::Array).map_err(drop),
        None => serde_json::from_str(&text).map_err(drop),
    };
    Ok((parsed.unwrap_or_else(|()| Value::String(text.clone())), text))
}

fn events(content_type: &str, bytes: &[u8]) -> Result<Vec<Value>, String> {
    if content_type != "application/vnd.kubernetes.protobuf;stream=watch" {
        let ended = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes[..ended].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        return lines.map(|line| serde_json::from_slice(line).map_err(|error| error.to_string())).collect();
    }
    let (mut rest, mut events) = (bytes, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((event, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        let enveloped = protobuf::envelope("meta.k8s.io/v1", "WatchEvent", event);
        let event = protobuf::decode(&enveloped).map_err(|error| error.to_string())?;
        events.push(json!({"type": event["type"], "object": event["object"]}));
        rest = after;
    }
    Ok(events)
}
