//! Carries a plan out: in order, with its preconditions, stopping at the first failure.

use futures::future::join_all;
use serde_json::Value;

use crate::error::Error;
use crate::events::{Event, EventType, Recorder};
use crate::resource::{ObjectKey, ResourceType};
use crate::rest::Rest;
use crate::runtime::action::{Action, Report, Target};
use crate::runtime::plan::Plan;
use crate::runtime::seen::Seen;

/// The action that failed and why. A reconcile that is asked again with it may put it into a status.
#[derive(Debug)]
pub struct Failure {
    /// The action as its line.
    pub action: String,
    /// The resource it was about.
    pub resource: ResourceType,
    /// Whether it was a create, a delete or another write.
    pub verb: &'static str,
    pub error: Error,
}

impl Failure {
    /// The observed state was out of date: try again on a newer one, nobody needs to know.
    pub fn is_stale(&self) -> bool {
        self.error.is_conflict() || (self.verb != "create" && self.error.is_not_found())
    }

    pub fn is_create_of(&self, resource: &ResourceType) -> bool {
        self.verb == "create" && self.resource == *resource
    }
}

/// Applies a plan. `seen` collects what the informers will have to catch up with, also when the plan fails half-way.
pub async fn apply(plan: &Plan, rest: &Rest, recorder: &Recorder, seen: &mut Vec<Seen>) -> Result<(), Box<Failure>> {
    let applier = Applier { rest, recorder };
    let mut rest_of_plan = plan.actions.as_slice();
    while let Some(first) = rest_of_plan.first() {
        let count = rest_of_plan.iter().take_while(|action| runs_with(first, action)).count().max(1);
        let (group, later) = rest_of_plan.split_at(count);
        rest_of_plan = later;
        match first {
            Action::Create { .. } => applier.create_in_batches(group, seen).await?,
            _ => {
                let chained = chain(first, seen);
                let group = chained.as_ref().map_or(group, std::slice::from_ref);
                if !applier.side_by_side(group, seen).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// An update of an object this plan has already written starts from the revision that write got, or it would conflict with
/// ourselves. (The first write's own precondition covers both.)
fn chain(action: &Action, seen: &[Seen]) -> Option<Action> {
    let Action::Update { target, object, .. } = action else { return None };
    let written = seen.iter().rev().find_map(|seen| match seen {
        Seen::Revision(resource, Some(key), revision) if *resource == target.resource && *key == target.key => {
            Some(*revision)
        }
        _ => None,
    })?;
    object["metadata"]["resourceVersion"].as_str()?;
    let mut chained = action.clone();
    if let Action::Update { object, .. } = &mut chained {
        object["metadata"]["resourceVersion"] = Value::String(written.to_string());
    }
    Some(chained)
}

/// Which neighbours may run in one group.
fn runs_with(first: &Action, other: &Action) -> bool {
    match (first, other) {
        (Action::Create { resource: a, .. }, Action::Create { resource: b, .. }) => a == b,
        (Action::Delete { .. }, Action::Delete { .. }) => true,
        _ => false,
    }
}

struct Applier<'a> {
    rest: &'a Rest,
    recorder: &'a Recorder,
}

/// What became of one action.
enum Outcome {
    Done(Option<Seen>),
    /// The rest of the plan is void.
    Stop,
}

impl Applier<'_> {
    /// 1, 2, 4, 8, ... at a time, so that a quota that refuses the first is not asked a thousand times.
    async fn create_in_batches(&self, actions: &[Action], seen: &mut Vec<Seen>) -> Result<(), Box<Failure>> {
        let mut rest = actions;
        let mut size = 1;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(size.min(rest.len()));
            rest = later;
            size *= 2;
            if !self.side_by_side(batch, seen).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs a group at once; false if one of them voids the rest of the plan.
    async fn side_by_side(&self, actions: &[Action], seen: &mut Vec<Seen>) -> Result<bool, Box<Failure>> {
        let outcomes = join_all(actions.iter().map(|action| self.run(action))).await;
        let mut first_failure = None;
        let mut goes_on = true;
        for (action, outcome) in actions.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Done(one)) => seen.extend(one),
                Ok(Outcome::Stop) => goes_on = false,
                Err(failure) => {
                    if failure.error.is_unknown() {
                        seen.push(Seen::Unknown(failure.resource.clone(), namespace(action)));
                    }
                    first_failure.get_or_insert(failure);
                }
            }
        }
        first_failure.map_or(Ok(goes_on), Err)
    }

    async fn run(&self, action: &Action) -> Result<Outcome, Box<Failure>> {
        match action {
            Action::Emit(event) => {
                self.recorder.emit(event.clone());
                Ok(Outcome::Done(None))
            }
            Action::Confirm { target, uid } => {
                let live = self.rest.find(&target.resource, &target.key).await;
                let live = live.map_err(|error| failure(action, &target.resource, "get", error))?;
                let holds = live.is_some_and(|object| {
                    object["metadata"]["uid"].as_str() == Some(uid) && object["metadata"]["deletionTimestamp"].is_null()
                });
                Ok(if holds { Outcome::Done(None) } else { Outcome::Stop })
            }
            Action::Create { resource, object, report } => self.create(action, resource, object, report.as_ref()).await,
            Action::Update { target, subresource, object, .. } => {
                let answer = self.rest.update(&target.resource, &target.key, *subresource, object).await;
                written(action, target, "update", answer)
            }
            Action::Patch { target, subresource, kind, patch } => {
                let answer = self.rest.patch(&target.resource, &target.key, *subresource, (*kind, patch)).await;
                written(action, target, "patch", answer)
            }
            Action::Delete { target, report, .. } => self.delete(action, target, report.as_ref()).await,
        }
    }

    async fn create(
        &self,
        action: &Action,
        resource: &ResourceType,
        object: &Value,
        report: Option<&Report>,
    ) -> Result<Outcome, Box<Failure>> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        match self.rest.create(resource, namespace, object).await {
            Ok(created) => {
                self.report(report, EventType::Normal, created["metadata"]["name"].as_str().unwrap_or_default());
                Ok(Outcome::Done(revision(resource, &created)))
            }
            // The namespace is going away and takes the owner along: nothing to do, nothing to report.
            Err(error) if error.has_cause("NamespaceTerminating") => Ok(Outcome::Stop),
            Err(error) => {
                if !error.is_already_exists() {
                    self.report(report, EventType::Warning, &error.to_string());
                }
                Err(failure(action, resource, "create", error))
            }
        }
    }

    async fn delete(&self, action: &Action, target: &Target, report: Option<&Report>) -> Result<Outcome, Box<Failure>> {
        let Action::Delete { options, .. } = action else { return Ok(Outcome::Done(None)) };
        match self.rest.delete(&target.resource, &target.key, options).await {
            Ok(_) => {
                self.report(report, EventType::Normal, &target.key.name);
                let uid = options.uid.clone().unwrap_or_default();
                Ok(Outcome::Done(Some(Seen::Deleted(target.resource.clone(), target.key.clone(), uid))))
            }
            Err(error) if error.is_not_found() || error.is_conflict() => {
                let uid = options.uid.clone().unwrap_or_default();
                Ok(Outcome::Done(Some(Seen::Deleted(target.resource.clone(), target.key.clone(), uid))))
            }
            Err(error) => {
                self.report(report, EventType::Warning, &error.to_string());
                Err(failure(action, &target.resource, "delete", error))
            }
        }
    }

    fn report(&self, report: Option<&Report>, event_type: EventType, detail: &str) {
        let Some(report) = report else { return };
        let (texts, placeholder) = match event_type {
            EventType::Normal => (&report.success, "{name}"),
            EventType::Warning => (&report.failure, "{error}"),
        };
        if let Some((reason, message)) = texts {
            let message = message.replace(placeholder, detail);
            self.recorder.emit(Event {
                regarding: report.regarding.clone(),
                event_type,
                reason: (*reason).into(),
                message,
            });
        }
    }
}

fn written(
    action: &Action,
    target: &Target,
    verb: &'static str,
    answer: Result<Value, Error>,
) -> Result<Outcome, Box<Failure>> {
    match answer {
        Ok(object) => Ok(Outcome::Done(revision(&target.resource, &object))),
        Err(error) => Err(failure(action, &target.resource, verb, error)),
    }
}

fn failure(action: &Action, resource: &ResourceType, verb: &'static str, error: Error) -> Box<Failure> {
    Box::new(Failure { action: action.to_string(), resource: resource.clone(), verb, error })
}

fn revision(resource: &ResourceType, object: &Value) -> Option<Seen> {
    let meta = &object["metadata"];
    let revision = meta["resourceVersion"].as_str()?.parse().ok()?;
    let key = meta["name"].as_str().map(|name| ObjectKey::new(meta["namespace"].as_str().unwrap_or_default(), name));
    Some(Seen::Revision(resource.clone(), key, revision))
}

fn namespace(action: &Action) -> String {
    match action {
        Action::Create { object, .. } => object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned(),
        Action::Confirm { target, .. }
        | Action::Update { target, .. }
        | Action::Patch { target, .. }
        | Action::Delete { target, .. } => target.key.namespace.clone(),
        Action::Emit(event) => event.regarding.namespace.clone(),
    }
}
