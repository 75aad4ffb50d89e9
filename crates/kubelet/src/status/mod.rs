//! The Pod status the kubelet reports: a pure function of spec, runtime state, probe outcomes and the status before.
//! Writing it is `status::writer`'s affair.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodCondition, PodIP, PodStatus as ApiStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::containers::spec;
use crate::observed::PodStatus;
use crate::probes::outcome::ProbeResults;
use crate::qos::qos_class;
use crate::resize::{Held, Shown};

mod conditions;
mod containers;
pub mod patch;
mod phase;
pub mod readiness;
pub mod rejected;
pub mod writer;

/// Why a container does not run, by container name: what its last start ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
    pub message: String,
}

/// A phase that is forced upon the Pod (active deadline, eviction, rejected admission).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    pub reason: String,
    pub message: String,
    /// Less time to end than the Pod asks for.
    pub grace_seconds: Option<i64>,
}

/// What a status is made from.
pub struct Given<'a> {
    pub pod: &'a Pod,
    /// The status reported before; the API's own after a restart.
    pub old: &'a ApiStatus,
    pub observed: &'a PodStatus,
    pub probes: &'a ProbeResults,
    pub waiting: &'a BTreeMap<String, Waiting>,
    /// What the containers have, which a resize may be about to change.
    pub applied: &'a Held,
    pub resize: &'a Shown,
    pub forced: Option<&'a Forced>,
    /// Nothing of the Pod will be started again.
    pub is_terminal: bool,
    pub runtime_name: &'a str,
    pub node_ips: &'a [String],
    pub now: Timestamp,
}

/// The whole status, with every condition's transition time.
pub fn pod_status(given: &Given) -> ApiStatus {
    let mut status = ApiStatus { qos_class: Some(qos_class(given.pod).name().to_owned()), ..ApiStatus::default() };
    containers::fill(given, &mut status);
    status.phase = Some(next_phase(given, &status).to_owned());
    reason_and_message(given, &mut status);
    readiness::update(given, &mut status);
    addresses(given, &mut status);
    status.start_time = given.old.start_time.clone().or_else(|| Some(whole_seconds(given.now)));
    status.conditions = Some(conditions::all(given, &status));
    status.observed_generation = given.pod.metadata.generation;
    status.nominated_node_name = given.old.nominated_node_name.clone();
    status.resource_claim_statuses = given.old.resource_claim_statuses.clone();
    status
}

/// A Pod never leaves a terminal phase.
fn next_phase(given: &Given, status: &ApiStatus) -> &'static str {
    if given.forced.is_some() {
        return "Failed";
    }
    let computed = phase::phase(given, status);
    let api = given.pod.status.as_ref().and_then(|status| status.phase.as_deref());
    for reported in [api, given.old.phase.as_deref()] {
        match reported {
            Some("Failed") => return "Failed",
            Some("Succeeded") => return "Succeeded",
            _ => {}
        }
    }
    computed
}

fn reason_and_message(given: &Given, status: &mut ApiStatus) {
    if let Some(forced) = given.forced {
        status.reason = Some(forced.reason.clone());
        status.message = Some(forced.message.clone());
    } else if status.phase == given.old.phase {
        status.reason = given.old.reason.clone();
        status.message = given.old.message.clone();
    }
}

fn addresses(given: &Given, status: &mut ApiStatus) {
    let host: Vec<HostIP> = given.node_ips.iter().take(2).map(|ip| HostIP { ip: ip.clone() }).collect();
    status.host_ip = host.first().map(|host| host.ip.clone());
    status.host_ips = (!host.is_empty()).then_some(host);
    let ips: Vec<String> = if spec(given.pod).host_network == Some(true) {
        given.node_ips.iter().take(2).cloned().collect()
    } else {
        match sorted_ips(given.observed.ips(), given.node_ips) {
            // A Pod that has stopped keeps the addresses it had.
            ips if ips.is_empty() => given.old.pod_ips.iter().flatten().map(|ip| ip.ip.clone()).collect(),
            ips => ips,
        }
    };
    status.pod_ip = ips.first().cloned();
    status.pod_ips = (!ips.is_empty()).then(|| ips.into_iter().map(|ip| PodIP { ip }).collect());
}

/// One address per family, the node's own family first.
pub fn sorted_ips(ips: &[String], node_ips: &[String]) -> Vec<String> {
    let is_v6 = |ip: &String| ip.contains(':');
    let v6_first = node_ips.first().is_some_and(is_v6);
    let first = ips.iter().find(|ip| is_v6(ip) == v6_first);
    let second = ips.iter().find(|ip| is_v6(ip) != v6_first);
    first.into_iter().chain(second).cloned().collect()
}

/// The condition of a type.
pub fn condition<'a>(conditions: &'a [PodCondition], kind: &str) -> Option<&'a PodCondition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// API times have whole seconds; keeping more would make every comparison a change.
pub fn whole_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}
