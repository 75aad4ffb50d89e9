//! Type checking of ValidatingAdmissionPolicies: each generation is checked once against the kinds it is about, as they are then; what is found
//! stands in the status.

use api::admissionregistration::expressions::{ExpressionWarning, type_check};
use client::runtime::{Controller, Plan};
use client::{Lister, ObjectKey};
use k8s_openapi::api::admissionregistration::v1 as registration;
use k8s_openapi::api::admissionregistration::v1::{
    TypeChecking, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyStatus,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde_json::Value;

use crate::Context;

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let name = "validatingadmissionpolicy-status-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let policies: Lister<ValidatingAdmissionPolicy> = controller.own();
    let definitions: Lister<CustomResourceDefinition> = controller.read();
    controller.run(move |key, _| plan(&policies, &definitions, key)).await;
}

fn plan(
    policies: &Lister<ValidatingAdmissionPolicy>,
    definitions: &Lister<CustomResourceDefinition>,
    key: &ObjectKey,
) -> Plan {
    let mut plan = Plan::new();
    let Some(policy) = policies.get(key) else { return plan };
    let observed = policy.status.as_ref().and_then(|status| status.observed_generation);
    if policy.metadata.generation <= observed {
        return plan;
    }
    let definitions: Vec<Value> = definitions.list().iter().map(|definition| tree(&**definition)).collect();
    let warnings = type_check(&tree(&*policy), &definitions).into_iter().map(shown).collect::<Vec<_>>();
    let checking = TypeChecking { expression_warnings: Some(warnings).filter(|warnings| !warnings.is_empty()) };
    let status = ValidatingAdmissionPolicyStatus {
        observed_generation: policy.metadata.generation,
        type_checking: Some(checking),
        ..policy.status.clone().unwrap_or_default()
    };
    let checked = ValidatingAdmissionPolicy { status: Some(status), ..ValidatingAdmissionPolicy::clone(&policy) };
    plan.update_status(&*policy, &checked);
    plan
}

fn tree(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn shown(ExpressionWarning { field_ref, warning }: ExpressionWarning) -> registration::ExpressionWarning {
    registration::ExpressionWarning { field_ref, warning }
}
