//! Priority: a Pod's class becomes its number; at most one class is everybody's default.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

pub struct Priority {
    objects: Objects,
    classes: &'static Kind,
}

/// Classes that are known without an object, should somebody have deleted it.
const SYSTEM: [(&str, i64); 2] = [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

impl Priority {
    pub fn new(objects: Objects) -> Self {
        Self { objects, classes: row("scheduling.k8s.io", "v1", "priorityclasses") }
    }

    /// The default class with the lowest value, as upstream picks it.
    fn default_class(&self) -> Option<Value> {
        let defaults = self.objects.list(self.classes, "").into_iter().filter(|class| class["globalDefault"] == true);
        defaults.min_by_key(|class| class["value"].as_i64().unwrap_or_default())
    }

    fn class(&self, name: &str) -> Option<Value> {
        let known = SYSTEM.iter().find(|(system, _)| *system == name);
        let known = known.map(|(name, value)| serde_json::json!({"metadata": {"name": name}, "value": value}));
        self.objects.get(self.classes, "", name).or(known)
    }

    fn admit_pod(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let name = request.object["spec"]["priorityClassName"].as_str().unwrap_or_default().to_owned();
        let class = if name.is_empty() { self.default_class() } else { self.class(&name) };
        let refuse = |why: String| Err(Status::forbidden(request.kind, request.name, &why));
        if !name.is_empty() && class.is_none() {
            return refuse(format!("no PriorityClass with name {name} was found"));
        }
        let number = class.as_ref().and_then(|class| class["value"].as_i64()).unwrap_or(0);
        let policy = class
            .as_ref()
            .and_then(|class| class["preemptionPolicy"].as_str())
            .unwrap_or("PreemptLowerPriority")
            .to_owned();
        let spec = &request.object["spec"];
        if let Some(given) = spec["priority"].as_i64().filter(|given| *given != number) {
            return refuse(format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {number} \
                 from the given PriorityClass name"
            ));
        }
        if let Some(given) = spec["preemptionPolicy"].as_str().filter(|given| *given != policy) {
            return refuse(format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed \
                 {policy} from the given PriorityClass name"
            ));
        }
        let spec = &mut request.object["spec"];
        if let Some(class) = class.filter(|_| name.is_empty()) {
            spec["priorityClassName"] = class["metadata"]["name"].clone();
        }
        spec["priority"] = number.into();
        spec["preemptionPolicy"] = policy.into();
        Ok(())
    }
}

#[async_trait]
impl Admit for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let pod = request.kind.group.is_empty() && request.kind.plural == "pods" && request.subresource.is_empty();
        match request.operation {
            Operation::Create if pod => self.admit_pod(request),
            Operation::Update if pod => {
                let old = request.old.map(|old| &old["spec"]).cloned().unwrap_or_default();
                for field in ["priority", "preemptionPolicy"] {
                    if request.object["spec"][field].is_null() && !old[field].is_null() {
                        request.object["spec"][field] = old[field].clone();
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let class = request.kind.group == "scheduling.k8s.io" && request.kind.plural == "priorityclasses";
        let write = matches!(request.operation, Operation::Create | Operation::Update);
        if !class || !write || request.object["globalDefault"] != true {
            return Ok(());
        }
        match self.default_class() {
            Some(other) if other["metadata"]["name"] != request.object["metadata"]["name"] => {
                let name = other["metadata"]["name"].as_str().unwrap_or_default();
                let why = format!("PriorityClass {name} is already marked as default. Only one default can exist");
                Err(Status::forbidden(request.kind, request.name, &why))
            }
            _ => Ok(()),
        }
    }
}
