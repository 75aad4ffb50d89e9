//! The parameters a binding names, as objects of the policy's paramKind (apiserver's pkg/admission/plugin/policy/generic).

use std::sync::Arc;

use api::kind::Kind;
use api::selector::LabelSelector;
use serde_json::Value;

use super::super::matching;
use crate::admit::AdmissionRequest;
use crate::custom::Reader;
use crate::objects::Object;
use crate::server::Inner;
use crate::view;

/// The row that a paramKind names, built-in or custom.
pub(super) fn row(
    server: Option<&Arc<Inner>>,
    (api_version, kind): &(String, String),
) -> Result<&'static Kind, String> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let served = server.map(|server| server.served.current());
    let found = served.and_then(|served| {
        let rows = served.all().iter().copied();
        rows.filter(|row| !row.storage.is_empty())
            .find(|row| (row.group, row.version, row.kind) == (group, version, kind.as_str()))
    });
    found.ok_or_else(|| format!("failed to find resource referenced by paramKind: '{group}/{version}, Kind={kind}'"))
}

/// The parameters, one run of the policy each; null where the policy runs without.
pub(super) async fn collect(
    request: &AdmissionRequest<'_>,
    row: Option<&'static Kind>,
    reference: &Value,
) -> Result<Vec<Value>, String> {
    let (Some(row), true, Some(server)) = (row, reference.is_object(), request.server()) else {
        return Ok(vec![Value::Null]);
    };
    let namespace = namespace(request, row, reference)?;
    let found: Vec<Object> = match reference["name"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => server.objects.item(row, namespace, name).into_iter().collect(),
        None => {
            let selector = LabelSelector::from_json(&reference["selector"]).map_err(|error| error.to_string())?;
            let selected = |item: &Object| selector.matches_with(|key| item.meta.labels.get(key).map(String::as_str));
            server.objects.items(row, namespace).into_iter().filter(selected).collect()
        }
    };
    if found.is_empty() && reference["parameterNotFoundAction"] == "Deny" {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
    }
    let definition = server.served.current().definition(row).cloned();
    let reader = Reader { kind: row, definition, server: server.clone() };
    let read = reader.read(found).await.map_err(|status| status.message)?;
    Ok(read.iter().map(|object| view::value(row, object)).collect())
}

/// Where the parameters are: where the binding says, else where the request is.
fn namespace<'r>(request: &'r AdmissionRequest<'_>, row: &Kind, reference: &'r Value) -> Result<&'r str, String> {
    let named = reference["namespace"].as_str().unwrap_or_default();
    match (row.namespaced, named, matching::namespace(request)) {
        (true, "", "") => {
            Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned())
        }
        (true, "", own) => Ok(own),
        (true, named, _) => Ok(named),
        (false, "", _) => Ok(""),
        (false, ..) => Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()),
    }
}
