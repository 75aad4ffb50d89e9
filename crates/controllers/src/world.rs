//! A small world for tests: objects in a map, listers over them, plans applied to them, and golden cases read from YAML.

use std::collections::BTreeMap;
use std::path::PathBuf;

use client::runtime::{Action, Attempt, Failure, Plan};
use client::{Answer, Error, Lister, Object, ObjectKey, ResourceType};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ownership::{BY_CONTROLLER, by_controller};

/// Objects by kind and key.
#[derive(Clone)]
pub struct World {
    pub now: Timestamp,
    pub objects: BTreeMap<(String, ObjectKey), Value>,
    revision: u64,
}

impl World {
    pub fn new(now: Timestamp) -> Self {
        Self { now, objects: BTreeMap::new(), revision: 10 }
    }

    /// Puts an object in, with what cases leave out: namespace, uid, creation time, owner.
    pub fn add(&mut self, mut object: Value) {
        let kind = object["kind"].as_str().expect("a kind").to_owned();
        for field in ["name", "namespace", "labels", "annotations", "uid"] {
            if let Some(value) = object.as_object_mut().expect("an object").remove(field) {
                object["metadata"][field] = value;
            }
        }
        let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
        let is_cluster = matches!(
            &*kind,
            "Node"
                | "Namespace"
                | "CertificateSigningRequest"
                | "ClusterRole"
                | "CustomResourceDefinition"
                | "PersistentVolume"
                | "ServiceCIDR"
                | "ValidatingAdmissionPolicy"
                | "VolumeAttributesClass"
        );
        let meta = object["metadata"].as_object_mut().expect("metadata");
        if !is_cluster {
            meta.entry("namespace").or_insert(json!("default"));
        }
        meta.entry("uid").or_insert(json!(format!("uid-{}-{name}", kind.to_lowercase())));
        meta.entry("resourceVersion").or_insert(json!("1"));
        meta.entry("generation").or_insert(json!(1));
        meta.entry("creationTimestamp").or_insert(json!((self.now - SignedDuration::from_hours(1)).to_string()));
        if let Some(owner) = object.as_object_mut().expect("an object").remove("owner") {
            object["metadata"]["ownerReferences"] = json!([owner_reference(owner.as_str().expect("kind/name"))]);
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        self.objects.insert((kind, ObjectKey::new(namespace, name)), object);
    }

    pub fn lister<K: Object + k8s_openapi::Resource>(&self) -> Lister<K> {
        let of_kind = self.objects.iter().filter(|((kind, _), _)| kind == K::KIND);
        let decode = |object: &Value| serde_json::from_value(object.clone()).expect("a valid object");
        let lister: Lister<K> = of_kind.map(|(_, object)| decode(object)).collect();
        lister.add_index(BY_CONTROLLER, by_controller);
        lister
    }

    pub fn get(&self, kind: &str, name: &str) -> &Value {
        let key = ObjectKey::new("default", name);
        self.objects.get(&(kind.to_owned(), key)).unwrap_or_else(|| panic!("{kind} {name} is there"))
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |((own, _), _)| own == kind).map(|(_, object)| object)
    }

    /// Does what the API server would do.
    pub fn apply(&mut self, plan: &Plan) {
        for action in &plan.actions {
            self.revision += 1;
            match action {
                Action::Confirm { .. } | Action::Emit(_) => {}
                Action::Create { resource, object, .. } => self.create(resource, object.clone()),
                Action::Update { target, subresource, object, .. } => {
                    let current = self
                        .objects
                        .get_mut(&(target.resource.kind.to_string(), target.key.clone()))
                        .expect("it is there");
                    update(current, object, *subresource);
                    current["metadata"]["resourceVersion"] = json!(self.revision.to_string());
                }
                Action::Patch { target, patch, .. } => {
                    let current = self
                        .objects
                        .get_mut(&(target.resource.kind.to_string(), target.key.clone()))
                        .expect("it is there");
                    merge(current, patch);
                    current["metadata"]["resourceVersion"] = json!(self.revision.to_string());
                }
                Action::Delete { target, .. } => {
                    self.objects.remove(&(target.resource.kind.to_string(), target.key.clone()));
                }
            }
        }
    }

    fn create(&mut self, resource: &ResourceType, mut object: Value) {
        if let Some(prefix) = object["metadata"]["generateName"].as_str() {
            object["metadata"]["name"] = json!(format!("{prefix}{}", self.revision));
        }
        object["kind"] = json!(resource.kind);
        object["metadata"]["uid"] = json!(format!("uid-{}", self.revision));
        object["metadata"]["creationTimestamp"] = json!(self.now.to_string());
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.add(object);
    }
}

fn owner_reference(owner: &str) -> Value {
    let (kind, name) = owner.split_once('/').expect("kind/name");
    let api_version = match kind {
        "ReplicaSet" | "Deployment" | "DaemonSet" | "StatefulSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "v1",
    };
    let uid = format!("uid-{}-{name}", kind.to_lowercase());
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true})
}

fn update(current: &mut Value, new: &Value, subresource: Option<&str>) {
    match subresource {
        Some("status") => {
            current["status"] = new["status"].clone();
            current["metadata"]["annotations"] = new["metadata"]["annotations"].clone();
        }
        _ => {
            let changes_spec = current["spec"] != new["spec"];
            let status = current["status"].clone();
            let generation = current["metadata"]["generation"].as_i64().unwrap_or(1);
            *current = new.clone();
            current["status"] = status;
            current["metadata"]["generation"] = json!(generation + i64::from(changes_spec));
        }
    }
}

fn merge(current: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *current = patch.clone();
        return;
    };
    if !current.is_object() {
        *current = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            current.as_object_mut().expect("made one above").remove(name);
        } else {
            merge(&mut current[name], value);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Where the expectation comes from.
    #[allow(dead_code, reason = "for the reader of a case")]
    source: String,
    #[serde(default = "noon")]
    now: String,
    key: String,
    objects: Vec<Value>,
    #[serde(default)]
    failure: Option<CaseFailure>,
    then: Vec<String>,
    /// Parts of the created objects, in order.
    #[serde(default)]
    created: Vec<Value>,
    /// The events that the outcome of creates and deletes will make, each once, in order.
    #[serde(default)]
    reports: Vec<String>,
}

#[derive(Deserialize)]
struct CaseFailure {
    verb: String,
    code: u16,
    #[serde(default)]
    reason: String,
    message: String,
    #[serde(default)]
    of: String,
}

fn noon() -> String {
    "2026-01-01T12:00:00Z".to_owned()
}

/// Runs every case of a controller's folder through `plan` and reports all that differ.
pub fn check_cases(folder: &str, plan: impl Fn(&World, &ObjectKey, &Attempt<'_>) -> Plan) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(folder).join("cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&path).expect("cases").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", path.display());
    let mut failures = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a case");
        let case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let problem = check(&case, &plan);
        if !problem.is_empty() {
            failures.push_str(&format!("\n--- {}\n{problem}", file.file_name().expect("a name").display()));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn check(case: &Case, plan: &impl Fn(&World, &ObjectKey, &Attempt<'_>) -> Plan) -> String {
    let now: Timestamp = case.now.parse().expect("a time");
    let mut world = World::new(now);
    case.objects.iter().for_each(|object| world.add(object.clone()));
    let key = case
        .key
        .split_once('/')
        .map_or_else(|| ObjectKey::cluster(&case.key), |(namespace, name)| ObjectKey::new(namespace, name));
    let failure = case.failure.as_ref().map(failure);
    let plan = plan(&world, &key, &Attempt { now, failure: failure.as_ref() });
    let lines: Vec<String> = plan.to_string().lines().map(str::to_owned).collect();
    let lines: Vec<String> = lines.into_iter().map(without_hash).collect();
    if lines != case.then {
        return format!("expected:\n  {}\ngot:\n  {}\n", case.then.join("\n  "), lines.join("\n  "));
    }
    let created = plan.actions.iter().filter_map(|action| match action {
        Action::Create { object, .. } => Some(object),
        _ => None,
    });
    let mut problems = String::new();
    for (wanted, object) in case.created.iter().zip(created.map(Some).chain(std::iter::repeat(None))) {
        match object {
            Some(object) if contains(object, wanted) => {}
            other => problems.push_str(&format!("created object lacks {wanted}: {other:?}\n")),
        }
    }
    let told = reports(&plan);
    if !case.reports.is_empty() && told != case.reports {
        problems.push_str(&format!(
            "expected to report:\n  {}\ngot:\n  {}\n",
            case.reports.join("\n  "),
            told.join("\n  ")
        ));
    }
    problems
}

/// `Reason: message`, of success and then of failure.
fn reports(plan: &Plan) -> Vec<String> {
    let reports = plan.actions.iter().filter_map(|action| match action {
        Action::Create { report, .. } | Action::Delete { report, .. } => report.as_ref(),
        _ => None,
    });
    let mut told = Vec::new();
    for (reason, message) in reports.flat_map(|report| [&report.success, &report.failure]).flatten() {
        let line = format!("{reason}: {message}");
        if !told.contains(&line) {
            told.push(line);
        }
    }
    told
}

/// Names that end in a template's hash read `name-HASH` in a case: the value itself is ours to choose.
fn without_hash(line: String) -> String {
    let is_hashed = ["create ControllerRevision ", "create ReplicaSet "].iter().any(|start| line.starts_with(start));
    match line.rsplit_once('-').filter(|_| is_hashed) {
        Some((name, _)) => format!("{name}-HASH"),
        None => line,
    }
}

fn failure(case: &CaseFailure) -> Failure {
    let answer =
        Answer { code: case.code, reason: case.reason.clone(), message: case.message.clone(), ..Answer::default() };
    let resource = match &*case.of {
        "ReplicaSet" => ResourceType::of::<k8s_openapi::api::apps::v1::ReplicaSet>(),
        "ControllerRevision" => ResourceType::of::<k8s_openapi::api::apps::v1::ControllerRevision>(),
        _ => ResourceType::of::<k8s_openapi::api::core::v1::Pod>(),
    };
    let verb = if case.verb == "delete" { "delete" } else { "create" };
    Failure { action: String::new(), resource, verb, error: Error::Api(Box::new(answer)) }
}

/// Whether all of `part` is in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(part) => part.iter().all(|(name, value)| match value {
            Value::Null => whole.get(name).is_none_or(Value::is_null),
            value => whole.get(name).is_some_and(|own| contains(own, value)),
        }),
        Value::Array(part) => whole
            .as_array()
            .is_some_and(|whole| whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| contains(a, b))),
        part => whole == part,
    }
}
