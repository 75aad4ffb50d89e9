//! podFailurePolicy: what a failed Pod means for its Job, by exit codes and Pod conditions.

use client::Object;
use k8s_openapi::api::batch::v1::{Job, PodFailurePolicyRule};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// What a failed Pod means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It counts towards the back-off limit.
    Count,
    /// It does not.
    Ignore,
    /// Its index has failed for good.
    FailIndex,
    /// The whole Job fails, with this message.
    FailJob(String),
}

pub fn judge(job: &Job, pod: &Pod) -> Verdict {
    let rules =
        job.spec.as_ref().and_then(|spec| spec.pod_failure_policy.as_ref()).map(|policy| policy.rules.as_slice());
    for (index, rule) in rules.unwrap_or_default().iter().enumerate() {
        let Some(what) = matches(rule, pod) else { continue };
        return match &*rule.action {
            "Ignore" => Verdict::Ignore,
            "FailIndex" => Verdict::FailIndex,
            "FailJob" => {
                let pod_name = format!("{}/{}", pod.namespace(), pod.name());
                Verdict::FailJob(format!("{} matching FailJob rule at index {index}", what.replace("{pod}", &pod_name)))
            }
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

/// What in the Pod a rule matches, as its message says it.
fn matches(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    if let Some(codes) = &rule.on_exit_codes {
        let container = ended(pod).find(|container| {
            let wanted = codes.container_name.as_ref().is_none_or(|name| *name == container.name);
            let code = exit_code(container);
            let is_in = codes.values.contains(&code);
            wanted && code != 0 && if codes.operator == "In" { is_in } else { !is_in }
        })?;
        return Some(format!(
            "Container {} for pod {{pod}} failed with exit code {}",
            container.name,
            exit_code(container)
        ));
    }
    for pattern in rule.on_pod_conditions.iter().flatten() {
        let wanted = pattern.status.as_deref().unwrap_or("True");
        if crate::pods::condition(pod, &pattern.type_).is_some_and(|condition| condition.status == wanted) {
            return Some(format!("Pod {{pod}} has condition {}", pattern.type_));
        }
    }
    None
}

fn ended(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let main = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
    let init = status.and_then(|status| status.init_container_statuses.as_ref()).into_iter().flatten();
    main.chain(init).filter(|container| container.state.as_ref().is_some_and(|state| state.terminated.is_some()))
}

fn exit_code(container: &ContainerStatus) -> i32 {
    let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.map_or(0, |ended| ended.exit_code)
}
