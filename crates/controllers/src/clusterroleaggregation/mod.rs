//! ClusterRole aggregation: a role with an aggregation rule has the rules of all roles it selects.

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use crate::Context;
use crate::ownership::{matches, selector_of};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let name = "clusterrole-aggregation-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let informer = context.informers.of::<ClusterRole>();
    let all = informer.lister();
    // Who selects whom is not known by name: each change concerns every aggregating role.
    let roles: Lister<ClusterRole> = controller.watch(move |change: &Change<ClusterRole>| {
        let aggregating = all.list().into_iter().filter(|role| role.aggregation_rule.is_some());
        aggregating.map(|role| role.key()).chain([change.key()]).collect()
    });
    controller.run(move |key, _| plan(&roles, key)).await;
}

fn plan(roles: &Lister<ClusterRole>, key: &ObjectKey) -> Plan {
    let mut plan = Plan::new();
    let Some(role) = roles.get(key) else { return plan };
    let Some(aggregation) = &role.aggregation_rule else { return plan };
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in aggregation.cluster_role_selectors.iter().flatten().map(selector_of) {
        // The lister's order is by name.
        for other in
            roles.list().iter().filter(|other| other.name() != role.name() && matches(&selector, &other.metadata))
        {
            let new: Vec<&PolicyRule> = other.rules.iter().flatten().filter(|rule| !rules.contains(rule)).collect();
            rules.extend(new.into_iter().cloned());
        }
    }
    if role.rules.as_deref().unwrap_or_default() != rules {
        plan.update(&*role, &ClusterRole { rules: Some(rules), ..ClusterRole::clone(&role) });
    }
    plan
}
