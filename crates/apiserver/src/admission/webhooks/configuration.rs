//! What configurations say, read once per change: webhooks in the order in which they are called, configurations by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::admissionregistration::expressions::Conditions;
use serde_json::Value;
use store::Item;

use super::super::matching::Matching;
use crate::dialer::Target;
use crate::follow::View;
use crate::meta::Meta;

const TIMEOUT_SECONDS: u64 = 10;

/// One webhook of a configuration.
pub(super) struct Webhook {
    /// Tells it from all others: names may be there twice.
    pub id: String,
    pub name: String,
    pub matching: Matching,
    pub conditions: Conditions,
    /// failurePolicy Ignore.
    pub fails_open: bool,
    pub timeout: Duration,
    /// Whether it may be called in a dry run.
    pub dry_run: bool,
    /// reinvocationPolicy IfNeeded.
    pub reinvoked: bool,
    pub review_versions: Vec<String>,
    pub target: Option<Target>,
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Webhook {
    fn of(configuration: &str, at: usize, webhook: &Value) -> Self {
        let text = |field: &str| webhook[field].as_str().unwrap_or_default();
        let fails_open = text("failurePolicy") == "Ignore";
        let conditions = webhook["matchConditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            id: format!("{configuration}/{}/{at}", text("name")),
            name: text("name").to_owned(),
            matching: Matching::of_webhook(webhook),
            conditions: Conditions::of_webhook(conditions, fails_open),
            fails_open,
            timeout: Duration::from_secs(webhook["timeoutSeconds"].as_u64().unwrap_or(TIMEOUT_SECONDS)),
            dry_run: matches!(text("sideEffects"), "None" | "NoneOnDryRun"),
            reinvoked: text("reinvocationPolicy") == "IfNeeded",
            review_versions: texts(&webhook["admissionReviewVersions"]),
            target: Target::of(&webhook["clientConfig"]),
        }
    }
}

/// Both kinds of configurations by name.
#[derive(Default)]
pub(super) struct Configurations([BTreeMap<String, Vec<Arc<Webhook>>>; 2]);

impl Configurations {
    pub fn mutating(&self) -> Vec<Arc<Webhook>> {
        self.0[0].values().flatten().cloned().collect()
    }

    pub fn validating(&self) -> Vec<Arc<Webhook>> {
        self.0[1].values().flatten().cloned().collect()
    }
}

impl View for Configurations {
    const SOURCES: &'static [&'static str] = &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

    fn put(&mut self, source: usize, item: &Item<Meta>) {
        let configuration = crate::objects::parse(item);
        let name = item.meta.name.clone();
        let list = configuration["webhooks"].as_array().into_iter().flatten().enumerate();
        let webhooks = list.map(|(at, webhook)| Arc::new(Webhook::of(&name, at, webhook))).collect();
        self.0[source].insert(name, webhooks);
    }

    fn remove(&mut self, source: usize, item: &Item<Meta>) {
        self.0[source].remove(&item.meta.name);
    }
}
