//! PriorityLevelConfiguration: how many requests of a priority are served at once.

mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::NONE;
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, default as fill, default_number, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    kind: "PriorityLevelConfiguration",
    plural: "prioritylevelconfigurations",
    singular: "prioritylevelconfiguration",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "prioritylevelconfigurations",
    storage_version: None,
    subresources: &[Subresource::status("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration")],
    columns: &[
        Column::string("Type", "Whether requests of this priority are limited.", |level, _| {
            text(level, "spec.type").into()
        }),
        Column::string("NominalConcurrencyShares", "The share of the server's requests in flight.", |level, _| {
            limited(level, "nominalConcurrencyShares")
        }),
        Column::string("Queues", "The number of queues.", |level, _| limited(level, "limitResponse.queuing.queues")),
        Column::string("HandSize", "How many queues a flow is spread over.", |level, _| {
            limited(level, "limitResponse.queuing.handSize")
        }),
        Column::string("QueueLengthLimit", "The longest a queue may be.", |level, _| {
            limited(level, "limitResponse.queuing.queueLengthLimit")
        }),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        validate: validate::level,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

fn limited(level: &Value, path: &str) -> Value {
    match at(at(level, "spec.limited"), path) {
        Value::Null => NONE.into(),
        number => number.clone(),
    }
}

fn default(level: &mut Value) {
    let Some(spec) = at_mut(level, "spec") else { return };
    if let Some(exempt) = at_mut(spec, "exempt") {
        fill(exempt, "nominalConcurrencyShares", 0);
        fill(exempt, "lendablePercent", 0);
    }
    let Some(limited) = at_mut(spec, "limited") else { return };
    fill(limited, "nominalConcurrencyShares", 30);
    fill(limited, "lendablePercent", 0);
    if let Some(queuing) = at_mut(limited, "limitResponse.queuing") {
        default_number(queuing, "handSize", 8);
        default_number(queuing, "queues", 64);
        default_number(queuing, "queueLengthLimit", 50);
    }
}
