//! A plan: what one reconcile wants done, in order, and when it wants to look again.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::events::{Event, EventType, Regarding};
use crate::resource::{Object, ResourceType};
use crate::rest::{DeleteOptions, PatchKind};
use crate::runtime::action::{Action, Report, Target};

/// The actions of one reconcile. Empty means: all is as it should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub requeue_after: Option<Duration>,
}

impl Plan {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Looks again after `delay`, or earlier if something else wanted that.
    pub fn requeue_after(&mut self, delay: Duration) {
        self.requeue_after = Some(self.requeue_after.map_or(delay, |earlier| earlier.min(delay)));
    }

    pub fn create<K: Serialize + k8s_openapi::Resource>(&mut self, object: &K, report: Option<Report>) {
        self.actions.push(Action::Create { resource: ResourceType::of::<K>(), object: to_value(object), report });
    }

    /// Replaces an object, if anything in it differs from the one observed.
    pub fn update<K: Object + Serialize + k8s_openapi::Resource>(&mut self, old: &K, new: &K) {
        self.change(old, new, None);
    }

    /// Replaces the status, if anything in it differs from the one observed.
    pub fn update_status<K: Object + Serialize + k8s_openapi::Resource>(&mut self, old: &K, new: &K) {
        self.change(old, new, Some("status"));
    }

    fn change<K: Object + Serialize + k8s_openapi::Resource>(
        &mut self,
        old: &K,
        new: &K,
        subresource: Option<&'static str>,
    ) {
        let object = to_value(new);
        let change = difference(&to_value(old), &object);
        if !is_empty(&change) {
            self.actions.push(Action::Update { target: target(new), subresource, object, change });
        }
    }

    /// Merge-patches an object; the uid in the patch keeps it from meeting another object of the same name.
    pub fn patch<K: Object + k8s_openapi::Resource>(&mut self, object: &K, patch: Value) {
        self.actions.push(Action::Patch { target: target(object), subresource: None, kind: PatchKind::Merge, patch });
    }

    /// As [`Plan::patch`], on a subresource.
    pub fn patch_sub<K: Object + k8s_openapi::Resource>(
        &mut self,
        object: &K,
        subresource: &'static str,
        patch: Value,
    ) {
        let subresource = Some(subresource);
        self.actions.push(Action::Patch { target: target(object), subresource, kind: PatchKind::Merge, patch });
    }

    /// Deletes exactly this object (its uid is the precondition).
    pub fn delete<K: Object + k8s_openapi::Resource>(&mut self, object: &K, report: Option<Report>) {
        self.delete_with(object, DeleteOptions::default(), report);
    }

    pub fn delete_with<K: Object + k8s_openapi::Resource>(
        &mut self,
        object: &K,
        options: DeleteOptions,
        report: Option<Report>,
    ) {
        let options = DeleteOptions { uid: Some(object.uid().to_owned()).filter(|uid| !uid.is_empty()), ..options };
        self.actions.push(Action::Delete { target: target(object), options, report });
    }

    /// Goes on only if the live object is still this one and not being deleted.
    pub fn confirm<K: Object + k8s_openapi::Resource>(&mut self, object: &K) {
        self.actions.push(Action::Confirm { target: target(object), uid: object.uid().to_owned() });
    }

    pub fn normal(&mut self, regarding: Regarding, reason: &'static str, message: impl Into<String>) {
        self.actions.push(Action::Emit(Event {
            regarding,
            event_type: EventType::Normal,
            reason: reason.into(),
            message: message.into(),
        }));
    }

    pub fn warning(&mut self, regarding: Regarding, reason: &'static str, message: impl Into<String>) {
        self.actions.push(Action::Emit(Event {
            regarding,
            event_type: EventType::Warning,
            reason: reason.into(),
            message: message.into(),
        }));
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(f, "{action}")?;
        }
        match self.requeue_after {
            Some(delay) => writeln!(f, "requeue after {}s", delay.as_secs_f64()),
            None => Ok(()),
        }
    }
}

fn target<K: Object + k8s_openapi::Resource>(object: &K) -> Target {
    Target { resource: ResourceType::of::<K>(), key: object.key() }
}

fn to_value(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("API types serialise to JSON")
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// The merge patch that turns `old` into `new`; an empty object where they are equal.
pub(crate) fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for (name, value) in new {
        match old.get(name) {
            Some(before) if before == value => {}
            Some(before @ Value::Object(_)) if value.is_object() => {
                patch.insert(name.clone(), difference(before, value));
            }
            _ => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    Value::Object(patch)
}
