//! Every case of cases/actions: a Pod and what is observed, and the actions that must follow. The expectations are upstream's
//! TestComputePodActions, TestComputePodActionsWithInitContainers and ...WithRestartableInitContainers, and the documentation.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::observed::SandboxStatus;
use crate::probes::outcome::Outcome;

#[derive(Deserialize)]
struct Case {
    name: String,
    pod: Pod,
    #[serde(default)]
    sandboxes: Vec<CaseSandbox>,
    #[serde(default)]
    containers: Vec<CaseContainer>,
    #[serde(default)]
    probes: BTreeMap<String, String>,
    /// Back-off delays already reached, by container.
    #[serde(default)]
    backoffs: BTreeMap<String, u32>,
    /// What running containers have, where that is not what the spec says.
    #[serde(default)]
    applied: Held,
    then: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CaseSandbox {
    ready: bool,
    attempt: u32,
    ip: String,
    host_network: bool,
}

impl Default for CaseSandbox {
    fn default() -> Self {
        Self { ready: true, attempt: 0, ip: "10.42.0.2".to_owned(), host_network: false }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct CaseContainer {
    name: String,
    state: String,
    exit_code: i32,
    changed: bool,
    ended_seconds_ago: i64,
}

const NOW: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn container(pod: &Pod, case: &CaseContainer) -> ContainerStatus {
    let found = containers::find(pod, &case.name).expect("the case names a container of its pod");
    ContainerStatus {
        id: format!("id-{}", case.name),
        sandbox_id: "sandbox-0".to_owned(),
        name: case.name.clone(),
        state: match case.state.as_str() {
            "created" => ContainerState::Created,
            "running" => ContainerState::Running,
            "exited" => ContainerState::Exited,
            _ => ContainerState::Unknown,
        },
        created_at: at(NOW - 100),
        started_at: Some(at(NOW - 100)),
        finished_at: (case.state == "exited").then(|| at(NOW - case.ended_seconds_ago)),
        exit_code: case.exit_code,
        image: String::new(),
        image_ref: String::new(),
        reason: String::new(),
        message: String::new(),
        hash: if case.changed { 1 } else { container_hash(&found.container) },
        restart_count: 0,
        log_path: String::new(),
        user: None,
        resources: None,
    }
}

fn status(case: &Case) -> PodStatus {
    let sandbox = |case: &CaseSandbox| SandboxStatus {
        id: format!("sandbox-{}", case.attempt),
        attempt: case.attempt,
        is_ready: case.ready,
        created_at: at(NOW - 100 + i64::from(case.attempt)),
        on_host_network: case.host_network,
        ips: if case.ip.is_empty() { Vec::new() } else { vec![case.ip.clone()] },
    };
    let mut status = PodStatus {
        uid: "u".to_owned(),
        sandboxes: case.sandboxes.iter().map(sandbox).collect(),
        containers: case.containers.iter().map(|container| self::container(&case.pod, container)).collect(),
    };
    status.sort();
    status
}

fn probes(case: &Case) -> ProbeResults {
    let mut results = ProbeResults::default();
    for (name, outcome) in &case.probes {
        let (container, kind) = name.split_once('/').expect("container/kind");
        let kind = if kind == "liveness" { ProbeKind::Liveness } else { ProbeKind::Startup };
        let outcome = if outcome == "success" { Outcome::Success } else { Outcome::Failure };
        results.set(&format!("id-{container}"), kind, outcome);
    }
    results
}

fn backoffs(case: &Case) -> Backoffs {
    let mut backoffs = Backoffs::default();
    for (name, tries) in &case.backoffs {
        let found = containers::find(&case.pod, name).expect("the case names a container of its pod");
        for _ in 0..*tries {
            backoffs.next(&backoff_key(&found.container), at(NOW - 60), at(NOW - 60));
        }
    }
    backoffs
}

#[test]
fn cases() {
    for file in [
        include_str!("../../cases/actions/regular.yaml"),
        include_str!("../../cases/actions/init.yaml"),
        include_str!("../../cases/actions/resize.yaml"),
        include_str!("../../cases/actions/sidecars.yaml"),
    ] {
        let (tree, duplicates) = api::decode::yaml(file.as_bytes()).expect("cases are YAML");
        assert!(duplicates.is_empty());
        let cases: Vec<Case> = serde_json::from_value(tree["cases"].clone()).expect("cases have the harness's shape");
        for case in cases {
            let (status, probes, backoffs) = (status(&case), probes(&case), backoffs(&case));
            let observed = Observed {
                pod: &case.pod,
                status: &status,
                probes: &probes,
                backoffs: &backoffs,
                applied: &case.applied,
                now: at(NOW),
            };
            let actions: Vec<String> = pod_actions(&observed).iter().map(ToString::to_string).collect();
            assert_eq!(actions, case.then, "{}", case.name);
        }
    }
}

fn any_case() -> impl Strategy<Value = (String, Vec<(u8, i32)>, u8)> {
    let policy = prop_oneof![Just("Always".to_owned()), Just("OnFailure".to_owned()), Just("Never".to_owned())];
    (policy, prop::collection::vec((0u8..5, 0i32..2), 4), 0u8..3)
}

proptest! {
    /// Safety: nothing is started twice, nothing that runs with an unchanged spec is killed, and nothing starts without a sandbox.
    #[test]
    fn plans_are_safe((policy, states, sandbox) in any_case()) {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "uid": "u"}, "spec": {"restartPolicy": policy,
            "initContainers": [{"name": "i0"}, {"name": "s1", "restartPolicy": "Always"}], "containers": [{"name": "c0"}, {"name": "c1"}]}})).unwrap();
        let names = ["i0", "s1", "c0", "c1"];
        let state = |code: u8| ["none", "created", "running", "exited", "unknown"][code as usize];
        let containers = names.iter().zip(&states).filter(|(_, (code, _))| *code > 0).map(|(name, (code, exit_code))| CaseContainer {
            name: (*name).to_owned(), state: state(*code).to_owned(), exit_code: *exit_code, ..CaseContainer::default()
        });
        let sandboxes = (sandbox > 0).then(|| CaseSandbox { ready: sandbox == 1, ..CaseSandbox::default() });
        let case = Case { name: String::new(), pod, sandboxes: sandboxes.into_iter().collect(), containers: containers.collect(),
            probes: BTreeMap::new(), backoffs: BTreeMap::new(), applied: Held::new(), then: Vec::new() };
        let (status, probes, backoffs) = (super::tests::status(&case), ProbeResults::default(), Backoffs::default());
        let observed = Observed { pod: &case.pod, status: &status, probes: &probes, backoffs: &backoffs, applied: &case.applied, now: at(NOW) };
        let actions = pod_actions(&observed);
        let starts: Vec<&String> = actions.iter().filter_map(|action| match action {
            PodAction::StartContainer { name, .. } => Some(name),
            _ => None,
        }).collect();
        let mut unique = starts.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), starts.len());
        let creates = actions.iter().any(|action| matches!(action, PodAction::CreateSandbox { .. }));
        prop_assert!(starts.is_empty() || creates || sandbox == 1);
        for name in starts {
            prop_assert!(creates || !status.container(name).is_some_and(ContainerStatus::is_running));
        }
        let kills_unprobed = actions.iter().any(|action| matches!(action, PodAction::KillContainer { reason: KillReason::LivenessProbe, .. }));
        prop_assert!(!kills_unprobed);
    }
}

#[test]
fn a_back_off_says_when_it_ends() {
    let pod: Pod =
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}})).unwrap();
    let case = Case {
        name: String::new(),
        pod,
        sandboxes: vec![CaseSandbox::default()],
        containers: vec![CaseContainer {
            name: "c".into(),
            state: "exited".into(),
            exit_code: 1,
            ended_seconds_ago: 3,
            ..CaseContainer::default()
        }],
        probes: BTreeMap::new(),
        backoffs: BTreeMap::from([("c".to_owned(), 1)]),
        applied: Held::new(),
        then: Vec::new(),
    };
    let (status, probes, backoffs) = (status(&case), probes(&case), backoffs(&case));
    let observed = Observed {
        pod: &case.pod,
        status: &status,
        probes: &probes,
        backoffs: &backoffs,
        applied: &case.applied,
        now: at(NOW),
    };
    let wanted = PodAction::BackOff {
        name: "c".to_owned(),
        kind: ContainerKind::Regular,
        delay: SignedDuration::from_secs(10),
        until: at(NOW + 7),
    };
    assert_eq!(pod_actions(&observed), [wanted]);
}
