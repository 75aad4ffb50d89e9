//! Conversion by webhook: apiextensions.k8s.io/v1 ConversionReview, sent to an address or a Service.

use std::sync::Arc;
use std::time::Duration;

use api::custom::Definition;
use http::StatusCode;
use serde_json::{Value, json};

use crate::dialer::Target;
use crate::server::Inner;
use crate::status::Status;

/// Upstream's limit of one conversion.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The objects in the version `wanted`, in their order.
pub(super) async fn convert(
    server: &Arc<Inner>,
    definition: &Definition,
    config: &Value,
    wanted: &str,
    objects: Vec<Value>,
) -> Result<Vec<Value>, Status> {
    let failed = |why: String| {
        let kind = definition.storage().kind;
        Status::unexplained(format!(
            "conversion webhook for {}/{}, Kind={} failed: {why}",
            kind.group, kind.version, kind.kind
        ))
    };
    let uid = server.objects.env().uuid();
    let accepted = config["conversionReviewVersions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let version = accepted.into_iter().find(|version| matches!(*version, "v1" | "v1beta1")).unwrap_or("v1");
    let review = json!({
        "kind": "ConversionReview",
        "apiVersion": format!("apiextensions.k8s.io/{version}"),
        "request": {"uid": uid, "desiredAPIVersion": wanted, "objects": &objects},
    });
    let answer = post(server, &config["clientConfig"], &review).await.map_err(&failed)?;
    accept(&answer["response"], &uid, wanted, objects).map_err(failed)
}

async fn post(server: &Inner, config: &Value, review: &Value) -> Result<Value, String> {
    let clients = server.webhooks.as_ref().ok_or("this server calls no webhooks")?;
    let target = Target::of(config).ok_or("its clientConfig names neither url nor service")?;
    let failed = |error: &dyn std::fmt::Display| format!("Post {:?}: {error}", target.url());
    let answer = clients.post(&target, "", review.to_string().into(), TIMEOUT).await;
    let (status, bytes) = answer.map_err(|error| failed(&error))?;
    if !matches!(status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) {
        return Err(format!("the server returned {status}: {}", String::from_utf8_lossy(&bytes)));
    }
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}

/// What the webhook made, if it kept to the rules: the same objects, in the version that was asked for.
fn accept(response: &Value, uid: &str, wanted: &str, given: Vec<Value>) -> Result<Vec<Value>, String> {
    if response["uid"] != *uid {
        return Err(format!("expected response.uid={uid:?}, got {}", response["uid"]));
    }
    if response["result"]["status"] != "Success" {
        return Err(match response["result"]["message"].as_str().unwrap_or_default() {
            "" => "response.result.status was not Success and no message was given".to_owned(),
            message => message.to_owned(),
        });
    }
    let made = response["convertedObjects"].as_array().cloned().unwrap_or_default();
    if made.len() != given.len() {
        return Err(format!("returned {} objects, expected {}", made.len(), given.len()));
    }
    given.into_iter().zip(made).enumerate().map(|(at, (given, made))| kept(at, wanted, given, made)).collect()
}

/// A webhook may change labels and annotations of the metadata, and nothing else of it.
fn kept(at: usize, wanted: &str, mut given: Value, mut made: Value) -> Result<Value, String> {
    if made["apiVersion"] != *wanted {
        return Err(format!(
            "returned invalid converted object at index {at}: invalid groupVersion (expected {wanted}, received {})",
            made["apiVersion"].as_str().unwrap_or_default()
        ));
    }
    for field in ["kind"] {
        if made[field] != given[field] {
            return Err(format!("returned invalid converted object at index {at}: invalid {field}"));
        }
    }
    for field in ["name", "namespace", "uid"] {
        if made["metadata"][field] != given["metadata"][field] {
            return Err(format!("returned invalid metadata in object at index {at}: metadata.{field} changed"));
        }
    }
    let mut metadata = given["metadata"].take();
    if let Some(map) = metadata.as_object_mut() {
        for field in ["labels", "annotations"] {
            match made["metadata"].get(field).filter(|value| !value.is_null()) {
                Some(value) => map.insert(field.to_owned(), value.clone()),
                None => map.remove(field),
            };
        }
    }
    made["metadata"] = metadata;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str) -> Value {
        json!({"apiVersion": format!("example.com/{version}"), "kind": "A", "metadata": {"name": "a", "uid": "1", "labels": {"x": "y"}}})
    }

    fn response(made: Value) -> Value {
        json!({"uid": "u", "result": {"status": "Success"}, "convertedObjects": [made]})
    }

    #[test]
    fn only_the_version_labels_and_annotations_change() {
        let mut made = object("v2");
        made["metadata"]["labels"] = json!({"x": "z"});
        made["metadata"]["generation"] = 7.into();
        let answer = accept(&response(made), "u", "example.com/v2", vec![object("v1")]).unwrap();
        assert_eq!(answer[0]["metadata"], json!({"name": "a", "uid": "1", "labels": {"x": "z"}}));
        let mut renamed = object("v2");
        renamed["metadata"]["name"] = "b".into();
        for (made, why) in [(object("v1"), "invalid groupVersion"), (renamed, "metadata.name changed")] {
            let error = accept(&response(made), "u", "example.com/v2", vec![object("v1")]).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let refused = json!({"uid": "u", "result": {"status": "Failed", "message": "no"}});
        assert_eq!(accept(&refused, "u", "example.com/v2", vec![object("v1")]), Err("no".to_owned()));
        assert!(accept(&response(object("v2")), "other", "example.com/v2", vec![object("v1")]).is_err());
    }
}
