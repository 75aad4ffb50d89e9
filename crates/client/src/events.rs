//! Events (core/v1) as upstream's components write them: about an object, folded by count, aggregated, limited. Emitting
//! never waits; a task of its own writes.

use std::borrow::Cow;
use std::fmt;

use api::env::Env;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::resource::{Object, ObjectKey, ResourceType};
use crate::rest::{PatchKind, Rest};

mod correlate;
use correlate::{Correlated, Correlator};

/// The object an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Regarding {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    pub field_path: String,
}

impl Regarding {
    pub fn of<K: Object + k8s_openapi::Resource>(object: &K) -> Self {
        Self {
            api_version: K::API_VERSION.to_owned(),
            kind: K::KIND.to_owned(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            resource_version: object.meta().resource_version.clone().unwrap_or_default(),
            field_path: String::new(),
        }
    }

    /// About a part of the object, such as `spec.containers{web}`.
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field_path = path.into();
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    Normal,
    Warning,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub regarding: Regarding,
    pub event_type: EventType,
    pub reason: Cow<'static, str>,
    pub message: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Regarding { kind, namespace, name, .. } = &self.regarding;
        let key = ObjectKey::new(namespace, name);
        write!(f, "{:?} {} {kind} {key}: {}", self.event_type, self.reason, self.message)
    }
}

/// Emits events of one component. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    component: &'static str,
    sender: mpsc::Sender<Event>,
}

/// What client-go's broadcaster holds at most.
const QUEUE: usize = 1000;

impl Recorder {
    pub fn start(component: &'static str, rest: Rest, env: Env, stop: CancellationToken) -> Self {
        Self::start_on(component, "", rest, env, stop)
    }

    /// As [`Recorder::start`], with the node the events come from.
    pub fn start_on(component: &'static str, host: &str, rest: Rest, env: Env, stop: CancellationToken) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer { component, host: host.to_owned(), rest, env: env.clone() };
        env.spawn("events", async move {
            stop.run_until_cancelled(writer.run(receiver)).await;
        });
        Self { component, sender }
    }

    pub fn emit(&self, event: Event) {
        if let Err(error) = self.sender.try_send(event) {
            tracing::warn!(component = self.component, %error, "event dropped");
        }
    }

    pub fn normal(&self, regarding: Regarding, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) {
        self.emit(Event { regarding, event_type: EventType::Normal, reason: reason.into(), message: message.into() });
    }

    pub fn warning(&self, regarding: Regarding, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) {
        self.emit(Event { regarding, event_type: EventType::Warning, reason: reason.into(), message: message.into() });
    }
}

struct Writer {
    component: &'static str,
    host: String,
    rest: Rest,
    env: Env,
}

fn resource() -> ResourceType {
    ResourceType::of::<k8s_openapi::api::core::v1::Event>()
}

impl Writer {
    async fn run(self, mut receiver: mpsc::Receiver<Event>) {
        let mut correlator = Correlator::default();
        while let Some(event) = receiver.recv().await {
            let now = self.env.now();
            let Some(correlated) = correlator.observe(&event, now) else { continue };
            if let Err(error) = self.write(&event, &correlated, &mut correlator).await {
                // A namespace on its way out takes no events.
                if !error.has_cause("NamespaceTerminating") {
                    tracing::warn!(component = self.component, %error, "event not written: {event}");
                }
            }
        }
    }

    async fn write(&self, event: &Event, correlated: &Correlated, correlator: &mut Correlator) -> crate::Result<()> {
        if let Some((name, count)) = &correlated.repeats {
            let key = ObjectKey::new(namespace(event), name);
            let patch =
                json!({"count": count, "lastTimestamp": seconds(correlated.now), "message": correlated.message});
            match self.rest.patch(&resource(), &key, None, (PatchKind::Strategic, &patch)).await {
                Err(error) if error.is_not_found() => {}
                result => return result.map(drop),
            }
        }
        let name = format!("{}.{:x}", event.regarding.name, correlated.now.as_nanosecond());
        let object = self.object(event, &name, correlated);
        self.rest.create(&resource(), namespace(event), &object).await?;
        correlator.written(event, &correlated.message, name);
        Ok(())
    }

    fn object(&self, event: &Event, name: &str, correlated: &Correlated) -> Value {
        let count = correlated.repeats.as_ref().map_or(1, |(_, count)| *count);
        let mut source = json!({"component": self.component});
        if !self.host.is_empty() {
            source["host"] = json!(self.host);
        }
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace(event)},
            "involvedObject": involved(&event.regarding),
            "reason": event.reason,
            "message": correlated.message,
            "type": format!("{:?}", event.event_type),
            "source": source,
            "firstTimestamp": seconds(correlated.first),
            "lastTimestamp": seconds(correlated.now),
            "count": count,
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        })
    }
}

fn namespace(event: &Event) -> &str {
    if event.regarding.namespace.is_empty() { "default" } else { &event.regarding.namespace }
}

fn involved(regarding: &Regarding) -> Value {
    let Regarding { api_version, kind, namespace, name, uid, resource_version, field_path } = regarding;
    let fields = [
        ("apiVersion", api_version),
        ("kind", kind),
        ("namespace", namespace),
        ("name", name),
        ("uid", uid),
        ("resourceVersion", resource_version),
        ("fieldPath", field_path),
    ];
    let present = fields.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(present.map(|(field, value)| (field.to_owned(), json!(value))).collect())
}

fn seconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
