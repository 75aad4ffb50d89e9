//! One exchange of a case: what is sent, what has to come back. Answers match when they contain what is expected: maps by key, lists element
//! by element, `*` any value, `~text` any text that contains it; `${name}` is a value saved from an earlier answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tower::ServiceExt;

use crate::body::{Body, full};
use crate::{ApiServer, Identity};

/// Values saved by name.
pub(super) type Saved = BTreeMap<String, String>;

/// Runs one step as often as its `times` says (`${time}`: which time it is); `Err` says what differs.
pub(super) async fn run(server: &ApiServer, step: &Value, saved: &mut Saved) -> Result<(), String> {
    for time in 1..=step["times"].as_u64().unwrap_or(1) {
        saved.insert("time".to_owned(), time.to_string());
        once(server, step, saved).await?;
    }
    Ok(())
}

async fn once(server: &ApiServer, step: &Value, saved: &mut Saved) -> Result<(), String> {
    let request = request(step, saved)?;
    let user = step["user"].as_str().unwrap_or("admin");
    let service = server.service(Identity::new(user, &["system:authenticated"]));
    let response = service.oneshot(request).await.map_err(|error| error.to_string())?;
    let code = response.status().as_u16();
    check_headers(step, &response, saved)?;
    let (body, text) = super::encoded::read(step, response).await?;
    let wanted = step["status"].as_u64().unwrap_or(200);
    if u64::from(code) != wanted {
        return Err(format!("status {code}, not {wanted}: {text}"));
    }
    matches(&fill(&step["expect"], saved), &body, "").map_err(|why| format!("{why} in {text}"))?;
    for path in step["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = find(&body, path) {
            return Err(format!("{path} should be absent, is {value}"));
        }
    }
    for (name, path) in step["save"].as_object().into_iter().flatten() {
        let path = path.as_str().unwrap_or_default();
        let value = find(&body, path).ok_or_else(|| format!("{path} to save is absent in {text}"))?;
        saved.insert(name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    Ok(())
}

fn request(step: &Value, saved: &Saved) -> Result<Request<Body>, String> {
    let line = fill_text(step["request"].as_str().ok_or("a step needs a request")?, saved);
    let (method, uri) = line.split_once(' ').ok_or("request is METHOD PATH")?;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, values) in step["headers"].as_object().into_iter().flatten() {
        let list = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
        for value in list.iter().map(|value| value.as_str().unwrap_or_default()) {
            // As bytes: values may be UTF-8.
            request = request.header(name, value.as_bytes());
        }
    }
    let body = match (&step["body"], &step["text"], step["bytes"].as_u64()) {
        (_, Value::String(text), _) => Bytes::from(fill_text(text, saved)),
        _ if step["hex"].is_string() => unhex(step["hex"].as_str().unwrap_or_default())?,
        (Value::Null, _, Some(size)) => Bytes::from(vec![b' '; size as usize]),
        (Value::Null, ..) => Bytes::new(),
        (body, ..) => super::encoded::written(step, fill(body, saved))?,
    };
    request.body(full(body)).map_err(|error| error.to_string())
}

/// Bytes that are no text: two digits each, spaces between them as one likes.
fn unhex(text: &str) -> Result<Bytes, String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16));
    Ok(bytes.collect::<Result<Vec<u8>, _>>().map_err(|error| error.to_string())?.into())
}

fn check_headers(step: &Value, response: &Response<Body>, saved: &Saved) -> Result<(), String> {
    for (name, wanted) in step["answer_headers"].as_object().into_iter().flatten() {
        let got: Vec<&str> = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        let got = got.join(" | ");
        matches(&fill(wanted, saved), &Value::String(got), name)?;
    }
    Ok(())
}

fn fill_text(text: &str, saved: &Saved) -> String {
    saved.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

fn fill(value: &Value, saved: &Saved) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, saved)),
        Value::Array(list) => list.iter().map(|value| fill(value, saved)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), fill(value, saved))).collect(),
        other => other.clone(),
    }
}

fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match part.parse::<usize>() {
        Ok(at) if value.is_array() => value.get(at),
        _ => value.get(part),
    })
}

fn matches(wanted: &Value, got: &Value, path: &str) -> Result<(), String> {
    match (wanted, got) {
        (Value::Null, _) => Ok(()),
        (Value::String(any), got) if any == "*" && !got.is_null() => Ok(()),
        (Value::String(part), Value::String(got)) if part.strip_prefix('~').is_some_and(|part| got.contains(part)) => {
            Ok(())
        }
        (Value::Object(wanted), Value::Object(got)) => {
            let null = Value::Null;
            wanted
                .iter()
                .try_for_each(|(key, value)| matches(value, got.get(key).unwrap_or(&null), &format!("{path}.{key}")))
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => wanted
            .iter()
            .zip(got)
            .enumerate()
            .try_for_each(|(at, (wanted, got))| matches(wanted, got, &format!("{path}[{at}]"))),
        (wanted, got) if wanted == got => Ok(()),
        (wanted, got) => Err(format!("{path}: wanted {wanted}, got {got}")),
    }
}
