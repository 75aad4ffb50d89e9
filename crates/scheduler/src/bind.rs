//! The scheduler's writes: binding, the PodScheduled condition, nominations and the end of those that make room, and the events that say
//! what happened.

use api::env::Env;
use client::{DeleteOptions, ObjectKey, PatchKind, ResourceType, Rest, Result};
use k8s_openapi::api::core::v1::{Event, Pod};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Distinct events that are remembered, so that a repetition raises a count instead of making an object.
const REMEMBERED: usize = 4096;

/// Pod UID, reason, message; kept with the name and count of the event that said so last.
type Said = (String, String, String);

pub(crate) struct Binder {
    rest: Rest,
    env: Env,
    component: String,
    said: Mutex<BTreeMap<Said, (String, i32)>>,
}

impl Binder {
    pub(crate) fn new(client: kube::Client, env: Env, component: String) -> Self {
        Self { rest: Rest::new(client), env, component, said: Mutex::default() }
    }

    /// Binds `pod` to `node` and says so.
    pub(crate) async fn bind(&self, pod: &Pod, node: &str) -> Result<()> {
        let key = ObjectKey::of(&pod.metadata);
        let body = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": pod.metadata.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.rest.create_sub(&ResourceType::of::<Pod>(), &key, "binding", &body).await?;
        let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
        // The Pod is bound whether or not the event can be written.
        if let Err(error) = self.say(pod, "Normal", "Scheduled", &message).await {
            tracing::warn!(pod = %key, %error, "event not written");
        }
        Ok(())
    }

    /// Sets PodScheduled=False with the reason and the nomination, unless the status says so already, and emits FailedScheduling.
    pub(crate) async fn report_unschedulable(&self, pod: &Pod, message: &str, nominated: Option<&str>) -> Result<()> {
        self.say(pod, "Warning", "FailedScheduling", message).await?;
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let told = conditions.iter().any(|condition| {
            condition.type_ == "PodScheduled"
                && condition.status == "False"
                && condition.message.as_deref() == Some(message)
        });
        if told && status.and_then(|status| status.nominated_node_name.as_deref()) == nominated {
            return Ok(());
        }
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": time(self.env.now()),
        });
        self.patch_status(pod, json!({"conditions": [condition], "nominatedNodeName": nominated})).await
    }

    /// Writes which node the Pod waits for.
    pub(crate) async fn nominate(&self, pod: &Pod, node: Option<&str>) -> Result<()> {
        self.patch_status(pod, json!({"nominatedNodeName": node})).await
    }

    /// Ends a Pod, in its own time, so that `preemptor` gets its place.
    pub(crate) async fn end(&self, victim: &Pod, preemptor: &Pod, node: &str) -> Result<()> {
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": format!("{}: preempting to accommodate a higher priority pod", self.component),
            "lastTransitionTime": time(self.env.now()),
            "observedGeneration": victim.metadata.generation,
        });
        self.patch_status(victim, json!({"conditions": [condition]})).await?;
        let options = DeleteOptions::uid(victim.metadata.uid.clone().unwrap_or_default());
        match self.rest.delete(&ResourceType::of::<Pod>(), &ObjectKey::of(&victim.metadata), &options).await {
            // It has ended by itself; another one of its name is not meant.
            Err(error) if error.is_not_found() || error.is_conflict() => return Ok(()),
            other => drop(other?),
        }
        let uid = preemptor.metadata.uid.as_deref().unwrap_or_default();
        let message = format!("Preempted by pod {uid} on node {node}");
        if let Err(error) = self.say(victim, "Normal", "Preempted", &message).await {
            tracing::warn!(pod = %ObjectKey::of(&victim.metadata), %error, "event not written");
        }
        Ok(())
    }

    async fn patch_status(&self, pod: &Pod, status: Value) -> Result<()> {
        let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": status});
        let key = ObjectKey::of(&pod.metadata);
        let answer =
            self.rest.patch(&ResourceType::of::<Pod>(), &key, Some("status"), (PatchKind::Strategic, &patch)).await;
        match answer {
            // Deleted or replaced in the meantime: nobody is left to tell.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn say(&self, pod: &Pod, kind: &str, reason: &str, message: &str) -> Result<()> {
        let id = (pod.metadata.uid.clone().unwrap_or_default(), reason.to_owned(), message.to_owned());
        let known = self.said.lock().get(&id).cloned();
        let key = ObjectKey::of(&pod.metadata);
        let resource = ResourceType::of::<Event>();
        if let Some((name, count)) = known {
            let patch = json!({"count": count + 1, "lastTimestamp": time(self.env.now())});
            let event = ObjectKey::new(key.namespace.clone(), name.clone());
            match self.rest.patch(&resource, &event, None, (PatchKind::Merge, &patch)).await {
                Ok(_) => {
                    self.said.lock().insert(id, (name, count + 1));
                    return Ok(());
                }
                // It has expired: say it anew.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let name = format!("{}.{:016x}", key.name, self.env.random_u64());
        self.rest.create(&resource, &key.namespace, &self.event(pod, &name, kind, (reason, message))).await?;
        let mut said = self.said.lock();
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(id, (name, 1));
        Ok(())
    }

    fn event(&self, pod: &Pod, name: &str, kind: &str, (reason, message): (&str, &str)) -> Value {
        let now = time(self.env.now());
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": pod.metadata.namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "namespace": pod.metadata.namespace,
                "uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version,
            },
            "type": kind, "reason": reason, "message": message,
            "source": {"component": self.component}, "reportingComponent": self.component, "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        })
    }
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
