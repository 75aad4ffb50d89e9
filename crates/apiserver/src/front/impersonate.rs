//! `kubectl --as`: the Impersonate-* headers, allowed by the verb `impersonate` on users, groups, serviceaccounts, uids and userextras
//! (upstream: apiserver/pkg/endpoints/filters/impersonation). A header that cannot be read is refused, never passed over. Constrained
//! impersonation (KEP-5284) is left out.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};

use super::authorize;
use crate::identity::Identity;
use crate::request::{RequestInfo, unescape};
use crate::server::Inner;
use crate::status::Status;

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const GROUP: &str = "authentication.k8s.io";
const EXTRA: &str = "impersonate-extra-";

/// The identity a request acts as.
pub(super) fn apply(server: &Inner, identity: Identity, headers: &HeaderMap) -> Result<Identity, Status> {
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(identity);
    }
    let Some(mut wanted) = read(headers)? else { return Ok(identity) };
    check_user(server, &identity, &wanted.name)?;
    for group in &wanted.groups {
        check(server, &identity, ("", "groups", "", "", group))?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            check(server, &identity, (GROUP, "userextras", key, "", value))?;
        }
    }
    if !wanted.uid.is_empty() {
        check(server, &identity, (GROUP, "uids", "", "", &wanted.uid))?;
    }
    complete_groups(&wanted.name, &mut wanted.groups);
    Ok(wanted)
}

/// What the headers ask for, as they say it; none where they ask for nothing. An empty user or uid is none, as upstream has it.
fn read(headers: &HeaderMap) -> Result<Option<Identity>, Status> {
    let first =
        |name: &str| headers.get(name).map(|value| text(name, value)).transpose().map(Option::unwrap_or_default);
    let (name, uid) = (first("impersonate-user")?, first("impersonate-uid")?);
    let groups = headers.get_all("impersonate-group").iter().map(|value| text("impersonate-group", value));
    let wanted = Identity { name, uid, groups: groups.collect::<Result<_, _>>()?, extra: extra(headers)? };
    match (wanted.name.is_empty(), wanted == Identity::default()) {
        (false, _) => Ok(Some(wanted)),
        (true, true) => Ok(None),
        (true, false) => {
            Err(Status::bad_request(format!("requested {} without impersonating a user name", shown(&wanted))))
        }
    }
}

/// A header's value. Names are UTF-8 here, so that other bytes name nobody.
fn text(name: &str, value: &HeaderValue) -> Result<String, Status> {
    let text = std::str::from_utf8(value.as_bytes());
    text.map(str::to_owned).map_err(|_| Status::bad_request(format!("the header {name} is not UTF-8")))
}

fn extra(headers: &HeaderMap) -> Result<BTreeMap<String, Vec<String>>, Status> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            // What is no escape stays as it is written.
            let key = unescape(key).unwrap_or_else(|| key.to_owned());
            extra.entry(key).or_default().push(text(name.as_str(), value)?);
        }
    }
    Ok(extra)
}

/// As Go shows upstream's type in the refusal.
fn shown(wanted: &Identity) -> String {
    let list = |values: &[String]| match values {
        [] => "[]string(nil)".to_owned(),
        values => {
            format!("[]string{{{}}}", values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", "))
        }
    };
    let extra: Vec<String> = wanted.extra.iter().map(|(key, values)| format!("{key:?}:{}", list(values))).collect();
    let extra = if extra.is_empty() { "(nil)".to_owned() } else { format!("{{{}}}", extra.join(", ")) };
    let (name, uid, groups) = (&wanted.name, &wanted.uid, list(&wanted.groups));
    format!("&user.DefaultInfo{{Name:{name:?}, UID:{uid:?}, Groups:{groups}, Extra:map[string][]string{extra}}}")
}

/// Namespace and name, where the user is a service account and not only named like one.
fn service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let valid = api::names::dns1123_label(namespace).is_empty() && api::names::dns1123_subdomain(name).is_empty();
    valid.then_some((namespace, name))
}

fn check_user(server: &Inner, identity: &Identity, user: &str) -> Result<(), Status> {
    match service_account(user) {
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

/// Groups that every user of its sort is in. Groups that were asked for are the authority, but for these.
fn complete_groups(user: &str, groups: &mut Vec<String>) {
    if let Some((namespace, _)) = service_account(user).filter(|_| groups.is_empty()) {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let has = |wanted: &str| groups.iter().any(|group| group == wanted);
    match user {
        ANONYMOUS if !has(UNAUTHENTICATED) => groups.push(UNAUTHENTICATED.to_owned()),
        ANONYMOUS => {}
        _ if !has(AUTHENTICATED) && !has(UNAUTHENTICATED) => groups.push(AUTHENTICATED.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_name_nobody_are_refused() {
        for name in ["impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-scopes"] {
            let mut headers = HeaderMap::new();
            headers.insert("impersonate-user", HeaderValue::from_static("jane"));
            headers.insert(name, HeaderValue::from_bytes(b"caf\xe9").expect("a header may have it"));
            let refused = read(&headers).expect_err(name);
            assert_eq!((refused.code, refused.message), (400, format!("the header {name} is not UTF-8")));
        }
    }
}
