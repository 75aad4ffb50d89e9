//! The answer to a request that nobody allowed, in upstream's words.

use crate::identity::Identity;
use crate::request::RequestInfo;
use crate::status::Status;

/// 403 with `User "x" cannot list resource "pods" in API group "" in the namespace "default"`.
pub fn refusal(identity: &Identity, info: &RequestInfo, reason: &str) -> Status {
    let mut text = describe(identity, info);
    if !reason.is_empty() {
        text = format!("{text}: {reason}");
    }
    Status::forbidden_resource(&info.api_group, &info.resource, &info.name, &text)
}

fn describe(identity: &Identity, info: &RequestInfo) -> String {
    let (user, verb) = (&identity.name, &info.verb);
    if !info.is_resource {
        return format!("User {user:?} cannot {verb} path {:?}", info.path);
    }
    let resource = info.resource_path();
    let head = format!("User {user:?} cannot {verb} resource {resource:?} in API group {:?}", info.api_group);
    if info.namespace.is_empty() {
        format!("{head} at the cluster scope")
    } else {
        format!("{head} in the namespace {:?}", info.namespace)
    }
}
