//! `create namespace`, `quota`, `poddisruptionbudget`, `priorityclass`.

use clap::Args;
use serde_json::{Value, json};

use crate::error::{Result, usage};
use crate::verbs::expose::labels;

#[derive(Debug, Args)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Args)]
pub struct Quota {
    pub name: String,
    #[arg(long, default_value = "")]
    pub hard: String,
    #[arg(long, value_delimiter = ',')]
    pub scopes: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Budget {
    pub name: String,
    #[arg(long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub min_available: Option<String>,
    #[arg(long)]
    pub max_unavailable: Option<String>,
}

#[derive(Debug, Args)]
pub struct Priority {
    pub name: String,
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub value: i32,
    #[arg(long)]
    pub global_default: bool,
    #[arg(long, default_value = "")]
    pub description: String,
    #[arg(long, default_value = "PreemptLowerPriority")]
    pub preemption_policy: String,
}

pub fn namespace(flags: &Named) -> Value {
    let mut namespace = super::plain("Namespace", &flags.name);
    namespace["spec"] = json!({});
    namespace["status"] = json!({});
    namespace
}

pub fn quota(flags: &Quota) -> Result<Value> {
    let mut quota = super::plain("ResourceQuota", &flags.name);
    quota["spec"] = json!({});
    quota["status"] = json!({});
    let hard = labels(&flags.hard)?;
    if !hard.is_empty() {
        quota["spec"]["hard"] = hard.into();
    }
    if !flags.scopes.is_empty() {
        quota["spec"]["scopes"] = flags.scopes.clone().into();
    }
    Ok(quota)
}

pub fn budget(flags: &Budget) -> Result<Value> {
    let Some(selector) = &flags.selector else { return usage("a selector must be specified") };
    let amount = |text: &String| text.parse::<i32>().map_or_else(|_| Value::from(text.as_str()), Value::from);
    let mut spec = json!({"selector": {"matchLabels": labels(selector)?}});
    match (&flags.min_available, &flags.max_unavailable) {
        (Some(amount_text), None) => spec["minAvailable"] = amount(amount_text),
        (None, Some(amount_text)) => spec["maxUnavailable"] = amount(amount_text),
        (Some(_), Some(_)) => return usage("min-available and max-unavailable cannot be both specified"),
        (None, None) => return usage("one of min-available or max-unavailable must be specified"),
    }
    let status = json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
    let metadata = json!({"creationTimestamp": null, "name": flags.name});
    Ok(
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec, "status": status}),
    )
}

pub fn priority(flags: &Priority) -> Value {
    let metadata = json!({"creationTimestamp": null, "name": flags.name});
    let mut class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": metadata,
        "preemptionPolicy": flags.preemption_policy, "value": flags.value});
    if flags.global_default {
        class["globalDefault"] = true.into();
    }
    if !flags.description.is_empty() {
        class["description"] = flags.description.as_str().into();
    }
    class
}
