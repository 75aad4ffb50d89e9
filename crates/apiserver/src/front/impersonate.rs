//! `kubectl --as`: the Impersonate-* headers, allowed by the verb `impersonate` on users, groups, serviceaccounts, uids and userextras.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::authorize;
use crate::identity::Identity;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const EXTRA: &str = "impersonate-extra-";

/// The identity a request acts as.
pub(super) fn apply(server: &Inner, identity: Identity, headers: &HeaderMap) -> Result<Identity, Status> {
    let one = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let user = one("impersonate-user");
    let uid = one("impersonate-uid");
    let mut groups: Vec<String> =
        headers.get_all("impersonate-group").iter().filter_map(|v| v.to_str().ok()).map(str::to_owned).collect();
    let extra = extra(headers);
    if user.is_empty() {
        if groups.is_empty() && extra.is_empty() && uid.is_empty() {
            return Ok(identity);
        }
        return Err(Status::bad_request("requested impersonation without impersonating a user"));
    }
    check_user(server, &identity, &user)?;
    for group in &groups {
        check(server, &identity, ("", "groups", "", "", group))?;
    }
    if !uid.is_empty() {
        check(server, &identity, ("authentication.k8s.io", "uids", "", "", &uid))?;
    }
    for (key, values) in &extra {
        for value in values {
            check(server, &identity, ("authentication.k8s.io", "userextras", key, "", value))?;
        }
    }
    complete_groups(&user, &mut groups);
    Ok(Identity { name: user, uid, groups, extra })
}

fn extra(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            extra.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    extra
}

fn check_user(server: &Inner, identity: &Identity, user: &str) -> Result<(), Status> {
    match user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => check(server, identity, ("", "serviceaccounts", "", namespace, name)),
        None => check(server, identity, ("", "users", "", "", user)),
    }
}

/// `(group, resource, subresource, namespace, name)`
fn check(server: &Inner, identity: &Identity, asked: (&str, &str, &str, &str, &str)) -> Result<(), Status> {
    let (group, resource, subresource, namespace, name) = asked;
    let info = RequestInfo {
        is_resource: true,
        verb: "impersonate".to_owned(),
        api_group: group.to_owned(),
        api_version: "v1".to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..RequestInfo::default()
    };
    authorize(server, identity, &info)
}

/// Groups that every user of its sort is in.
fn complete_groups(user: &str, groups: &mut Vec<String>) {
    let service_account = user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
    if let Some((namespace, _)) = service_account.filter(|_| groups.is_empty()) {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let settled = groups.iter().any(|group| group == "system:authenticated" || group == "system:unauthenticated");
    if !settled {
        groups.push(
            if user == "system:anonymous" { "system:unauthenticated" } else { "system:authenticated" }.to_owned(),
        );
    }
}
