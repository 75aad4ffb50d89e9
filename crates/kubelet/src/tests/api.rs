//! An API server in memory: objects by path, watches with initial events, strategic merge patches by the real code.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

struct Watch {
    collection: String,
    field: Option<(String, String)>,
    events: mpsc::UnboundedSender<Bytes>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    /// Every version of every object, in order: what held only for a moment can be asked for later.
    versions: Vec<(String, Value)>,
    revision: u64,
    watches: Vec<Watch>,
}

#[derive(Clone)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
}

/// Clients hold one object for a uid and revision in the whole process. The tests' Pods have the same uids, so every test's server
/// counts revisions in a range of its own.
static RANGES: AtomicU64 = AtomicU64::new(0);
const RANGE: u64 = 1_000_000;

impl Default for FakeApi {
    fn default() -> Self {
        let revision = RANGES.fetch_add(1, Ordering::Relaxed) * RANGE;
        Self { state: Arc::new(Mutex::new(State { revision, ..State::default() })) }
    }
}

impl FakeApi {
    pub fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        client::in_process(service)
    }

    /// Puts an object at `collection` (`/api/v1/namespaces/default/pods`); a uid is made from its name.
    pub fn put(&self, collection: &str, mut object: Value) {
        let mut state = self.state.lock();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{name}"));
        }
        state.store(&format!("{collection}/{name}"), object);
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().objects.get(path).cloned()
    }

    /// Whether any version of an object, past ones too, was so.
    pub fn was(&self, path: &str, holds: impl Fn(&Value) -> bool) -> bool {
        self.state.lock().versions.iter().any(|(of, object)| of == path && holds(object))
    }

    /// Changes an object in place, as a user's update would.
    pub fn change(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock();
        let mut object = state.objects[path].clone();
        change(&mut object);
        state.store(path, object);
    }

    pub fn remove(&self, path: &str) {
        self.state.lock().remove(path);
    }

    /// `reason: message` of every event, in order of their creation.
    pub fn events(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut events: Vec<&Value> =
            state.objects.iter().filter(|(path, _)| path.contains("/events/")).map(|(_, event)| event).collect();
        events.sort_by_key(|event| event["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap());
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        events.into_iter().map(|event| format!("{}: {}", text(event, "reason"), text(event, "message"))).collect()
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let mut state = self.state.lock();
        if query.contains("watch=true") {
            return state.watch(&path, &query);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let base = path.trim_end_matches("/status").to_owned();
        match parts.method {
            Method::GET => state.objects.get(&base).map_or_else(|| missing(&path), |object| reply(200, object)),
            Method::POST if path.ends_with("reviews") => reply(201, &review(&path, &body)),
            Method::POST if path.ends_with("/token") => reply(201, &token()),
            Method::POST => state.create(&path, body),
            Method::PATCH => state.patch(&base, body),
            Method::PUT => reply(200, &state.store(&base, body)),
            Method::DELETE => {
                let wanted = body["preconditions"]["uid"].clone();
                match state.objects.get(&base).cloned() {
                    Some(object) if wanted.is_null() || object["metadata"]["uid"] == wanted => {
                        state.remove(&base);
                        reply(200, &object)
                    }
                    Some(_) => failure(409, "Conflict", "the UID in the precondition does not match"),
                    None => missing(&path),
                }
            }
            _ => failure(405, "MethodNotAllowed", "not served"),
        }
    }
}

/// One token is known, and its user may read metrics.
fn review(path: &str, body: &Value) -> Value {
    let spec = &body["spec"];
    if path.ends_with("tokenreviews") {
        return json!({"status": {"authenticated": spec["token"] == "scraper-token", "user": {"username": "scraper"}}});
    }
    let allowed = spec["user"] == "scraper" && spec["resourceAttributes"]["subresource"] == "metrics";
    json!({"status": {"allowed": allowed}})
}

fn token() -> Value {
    json!({"status": {"token": "token-1", "expirationTimestamp": "2100-01-01T00:00:00Z"}})
}

fn reply(code: u16, object: &Value) -> Answer {
    let body = Full::new(Bytes::from(object.to_string())).boxed_unsync();
    Response::builder().status(code).body(body).unwrap()
}

fn failure(code: u16, reason: &str, message: &str) -> Answer {
    reply(code, &json!({"kind": "Status", "code": code, "reason": reason, "message": message}))
}

fn missing(path: &str) -> Answer {
    failure(404, "NotFound", &format!("{path} not found"))
}

/// `/api/v1/namespaces/NS/pods` belongs to `/api/v1/pods` too.
fn is_in(path: &str, collection: &str) -> bool {
    let (parent, _) = path.rsplit_once('/').unwrap();
    let cluster_wide = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.iter().position(|part| *part == "namespaces") {
            Some(at) if parts.len() > at + 2 => [&parts[..at], &parts[at + 2..]].concat().join("/"),
            _ => path.to_owned(),
        }
    };
    parent == collection || cluster_wide(parent) == collection
}

fn selects(field: &Option<(String, String)>, object: &Value) -> bool {
    field.as_ref().is_none_or(|(path, wanted)| {
        let value = path.split('.').fold(object, |value, part| &value[part]);
        value.as_str() == Some(wanted)
    })
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(json!({"type": kind, "object": object}).to_string() + "\n")
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let kind = if self.objects.contains_key(path) { "MODIFIED" } else { "ADDED" };
        self.objects.insert(path.to_owned(), object.clone());
        self.versions.push((path.to_owned(), object.clone()));
        self.tell(kind, path, &object);
        object
    }

    fn remove(&mut self, path: &str) {
        if let Some(mut object) = self.objects.remove(path) {
            self.revision += 1;
            object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
            self.tell("DELETED", path, &object);
        }
    }

    fn tell(&mut self, kind: &str, path: &str, object: &Value) {
        self.watches.retain(|watch| {
            let is_meant = is_in(path, &watch.collection) && selects(&watch.field, object);
            !watch.events.is_closed() && (!is_meant || watch.events.send(line(kind, object)).is_ok())
        });
    }

    fn create(&mut self, path: &str, mut object: Value) -> Answer {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let path = format!("{path}/{name}");
        if self.objects.contains_key(&path) {
            return failure(409, "AlreadyExists", "already exists");
        }
        object["metadata"]["uid"] = json!(format!("uid-{name}"));
        reply(201, &self.store(&path, object))
    }

    fn patch(&mut self, path: &str, patch: Value) -> Answer {
        let Some(object) = self.objects.get(path).cloned() else { return missing(path) };
        let kind = if path.contains("/pods/") {
            "Pod"
        } else if path.contains("/nodes/") {
            "Node"
        } else {
            "Event"
        };
        let schema = ::api::schema::of("", "v1", kind).unwrap();
        match ::api::patch::strategic_merge(schema, object, patch) {
            Ok(patched) => reply(200, &self.store(path, patched)),
            Err(error) => failure(422, "Invalid", &error.to_string()),
        }
    }

    fn watch(&mut self, path: &str, query: &str) -> Answer {
        let field = query.split('&').find_map(|pair| pair.strip_prefix("fieldSelector="));
        let field = field.map(|text| text.replace("%3D", "=")).and_then(|text| {
            let (path, value) = text.split_once('=')?;
            Some((path.to_owned(), value.to_owned()))
        });
        let (sender, receiver) = mpsc::unbounded_channel();
        if query.contains("sendInitialEvents=true") {
            let chosen = self.objects.iter().filter(|(at, object)| is_in(at, path) && selects(&field, object));
            for (_, object) in chosen {
                sender.send(line("ADDED", object)).unwrap();
            }
            let bookmark = json!({"kind": "Bookmark", "metadata": {"resourceVersion": self.revision.to_string(),
                "annotations": {"k8s.io/initial-events-end": "true"}}});
            sender.send(line("BOOKMARK", &bookmark)).unwrap();
        }
        self.watches.push(Watch { collection: path.to_owned(), field, events: sender });
        let stream = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
        let body = StreamBody::new(stream.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync();
        Response::builder().status(200).body(body).unwrap()
    }
}
