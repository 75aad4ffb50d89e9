//! Requests through a whole server to a webhook that is ours, over TLS. What is asked and answered is that of apiserver v0.37
//! (pkg/admission/plugin/webhook: request/admissionreview.go, errors/statuserror.go, the dispatchers and their tests).

use std::sync::Arc;

use base64::Engine;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::matching::{Asked as Rules, Rule};
use super::*;
use crate::body::full;
use crate::testing::backend::{Asked, Backend, Direct, answer};
use crate::tests::support::{AllButNobody, server_admitting};
use crate::{ApiServer, Identity};

/// A server and the webhook behind Service web/hook.
struct World {
    server: ApiServer,
    backend: Backend,
}

/// What the webhook says, by the path it is asked at.
fn verdict(asked: &Asked) -> http::Response<http_body_util::Full<bytes::Bytes>> {
    let review = asked.json();
    let path = asked.line.trim_start_matches("POST ").split('?').next().unwrap_or_default();
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    let object = &review["request"]["object"];
    let patch = match path {
        "/deny" => {
            response["allowed"] = false.into();
            response["status"] = json!({"code": 409, "reason": "Busy", "message": "not today", "details": {"causes": [{"field": "data"}]}});
            Value::Null
        }
        "/refuse" => {
            response["allowed"] = false.into();
            Value::Null
        }
        "/warn" => {
            response["warnings"] = json!(["think twice"]);
            Value::Null
        }
        "/label" if object["metadata"]["labels"].is_object() => {
            json!([{"op": "add", "path": "/metadata/labels/seen", "value": "yes"}])
        }
        "/label" => json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]),
        "/port" => json!([{"op": "add", "path": "/spec/ports/-", "value": {"name": "added", "port": 81}}]),
        "/scale" => json!([{"op": "replace", "path": "/spec/replicas", "value": 7}]),
        "/max" => json!([{"op": "replace", "path": "/spec/maxReplicas", "value": 9}]),
        "/fail" => {
            let response = http::Response::builder().status(500).body("broken".into());
            return response.unwrap();
        }
        _ => Value::Null,
    };
    if !patch.is_null() {
        response["patch"] = base64::engine::general_purpose::STANDARD.encode(patch.to_string()).into();
        response["patchType"] = "JSONPatch".into();
    }
    answer(&json!({"kind": "AdmissionReview", "apiVersion": review["apiVersion"], "response": response}))
}

impl World {
    async fn new() -> Self {
        let server = server_admitting(|kinds, objects| {
            let webhooks = Webhooks::new(kinds.clone(), objects.clone(), Arc::new(AllButNobody), Arc::new(Direct));
            vec![Arc::new(MutatingAdmissionWebhook(webhooks.clone())), Arc::new(ValidatingAdmissionWebhook(webhooks))]
        });
        let backend = Backend::start(&["hook.web.svc"], verdict).await;
        backend.publish(server.objects(), "web", "hook").await;
        Self { server, backend }
    }

    async fn ask(&self, method: &str, uri: &str, body: Value) -> (u16, Value, String) {
        let user = Identity { uid: "u1".into(), ..Identity::new("jane", &["system:authenticated"]) };
        let patch = "application/merge-patch+json";
        let content_type = if method == "PATCH" { patch } else { "application/json" };
        let body = if body.is_null() { full("") } else { full(body.to_string()) };
        let request = Request::builder().method(method).uri(uri).header("content-type", content_type).body(body);
        let response = self.server.service(user).oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let warning = parts.headers.get("warning").map(|text| text.to_str().unwrap().to_owned()).unwrap_or_default();
        (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap_or_default(), warning)
    }

    /// As [`World::ask`], for what has to work; `Err` is the message.
    async fn does(&self, method: &str, uri: &str, body: Value) -> Result<Value, String> {
        let (code, answer, _) = self.ask(method, uri, body).await;
        if code < 300 { Ok(answer) } else { Err(answer["message"].as_str().unwrap_or_default().to_owned()) }
    }

    /// Makes a configuration `name` with one webhook at `path`; `more` overrides the webhook's fields.
    async fn hook(&self, kind: &str, name: &str, path: &str, rule: Value, more: Value) {
        let mut webhook = json!({
            "name": format!("{name}.example.com"), "sideEffects": "None", "admissionReviewVersions": ["v1"], "rules": [rule],
            "clientConfig": {"service": {"namespace": "web", "name": "hook", "path": path}, "caBundle": self.backend.ca_bundle()},
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            webhook[key] = value.clone();
        }
        let plural = format!("{}webhookconfigurations", kind.to_lowercase());
        let body = json!({"metadata": {"name": name}, "webhooks": [webhook]});
        let uri = format!("/apis/admissionregistration.k8s.io/v1/{plural}");
        let made = self.does("POST", &uri, body).await;
        assert!(made.is_ok(), "{made:?}");
    }

    async fn map(&self, name: &str) -> Result<Value, String> {
        self.does("POST", MAPS, json!({"metadata": {"name": name}, "data": {"a": "1"}})).await
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn rule(operations: &[&str], group: &str, version: &str, resource: &str) -> Value {
    json!({"operations": operations, "apiGroups": [group], "apiVersions": [version], "resources": [resource]})
}

fn maps() -> Value {
    rule(&["*"], "", "v1", "configmaps")
}

#[tokio::test]
async fn a_review_shows_the_request() {
    let world = World::new().await;
    world.hook("Validating", "all", "/allow", maps(), json!({})).await;
    let uri = format!("{MAPS}?fieldManager=me");
    let body = json!({"metadata": {"name": "m"}, "data": {"a": "1"}});
    let mut made = world.does("POST", &uri, body).await.unwrap();
    let asked = world.backend.asked();
    assert_eq!(asked[0].line, "POST /allow?timeout=10s");
    let mut review = asked[0].json();
    let uid = review["request"]["uid"].take();
    assert_eq!(uid.as_str().unwrap().len(), 36);
    made["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    assert_eq!(
        review,
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": null, "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": "m", "namespace": "default", "operation": "CREATE", "dryRun": false,
            "userInfo": {"username": "jane", "uid": "u1", "groups": ["system:authenticated"]},
            "object": made, "oldObject": null,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"},
        }})
    );
    world.does("PATCH", &format!("{MAPS}/m"), json!({"data": {"b": "2"}})).await.unwrap();
    world.does("DELETE", &format!("{MAPS}/m"), Value::Null).await.unwrap();
    let asked = world.backend.asked();
    let (patched, deleted) = (&asked[0].json()["request"], &asked[1].json()["request"]);
    assert_eq!((&patched["operation"], &patched["options"]["kind"]), (&json!("UPDATE"), &json!("UpdateOptions")));
    assert_eq!(
        (&patched["oldObject"]["data"], &patched["object"]["data"]),
        (&json!({"a": "1"}), &json!({"a": "1", "b": "2"}))
    );
    assert_eq!(
        (&deleted["operation"], &deleted["object"], &deleted["oldObject"]["kind"]),
        (&json!("DELETE"), &Value::Null, &json!("ConfigMap"))
    );
    assert_eq!(deleted["options"]["kind"], "DeleteOptions");
}

#[tokio::test]
async fn a_refusal_goes_on_as_it_is() {
    let world = World::new().await;
    world.hook("Validating", "no", "/deny", maps(), json!({})).await;
    let (code, status, _) = world.ask("POST", MAPS, json!({"metadata": {"name": "m"}})).await;
    assert_eq!((code, &status["reason"], &status["code"]), (409, &json!("Busy"), &json!(409)));
    assert_eq!(status["message"], "admission webhook \"no.example.com\" denied the request: not today");
    assert_eq!(status["details"]["causes"], json!([{"field": "data"}]));
    let named = format!("{MAPS}/m");
    world
        .does("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/no", Value::Null)
        .await
        .unwrap();
    world.map("m").await.unwrap();
    world.hook("Mutating", "never", "/refuse", rule(&["DELETE"], "", "v1", "configmaps"), json!({})).await;
    let refused = "admission webhook \"never.example.com\" denied the request without explanation";
    let (code, status, _) = world.ask("DELETE", &named, Value::Null).await;
    assert_eq!((code, status["message"].as_str()), (400, Some(refused)));
    assert_eq!(world.does("DELETE", MAPS, Value::Null).await.unwrap_err(), refused);
    assert!(world.does("GET", &named, Value::Null).await.is_ok());
}

#[tokio::test]
async fn a_patch_is_put_in_shape() {
    let world = World::new().await;
    world.hook("Mutating", "ports", "/port", rule(&["CREATE"], "", "*", "services"), json!({})).await;
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"name": "a", "port": 80}]}});
    let made = world.does("POST", "/api/v1/namespaces/default/services", service).await.unwrap();
    let added = json!({"name": "added", "port": 81, "protocol": "TCP", "targetPort": 81});
    assert_eq!(made["spec"]["ports"][1], added);
    // A deletion has no object to change.
    world.hook("Mutating", "late", "/label", rule(&["DELETE"], "", "v1", "configmaps"), json!({})).await;
    world.map("m").await.unwrap();
    let why = world.does("DELETE", &format!("{MAPS}/m"), Value::Null).await.unwrap_err();
    let wanted = "Internal error occurred: admission webhook \"late.example.com\" attempted to modify the object, which is not supported for this operation";
    assert_eq!(why, wanted);
}

#[tokio::test]
async fn a_failed_call_fails_the_request_or_not() {
    let world = World::new().await;
    world.hook("Mutating", "open", "/fail", maps(), json!({"failurePolicy": "Ignore"})).await;
    world.map("a").await.unwrap();
    world.hook("Validating", "closed", "/fail", maps(), json!({})).await;
    let (code, status, _) = world.ask("POST", MAPS, json!({"metadata": {"name": "b"}})).await;
    assert_eq!((code, &status["reason"]), (500, &json!("InternalError")));
    let wanted = "Internal error occurred: failed calling webhook \"closed.example.com\": failed to call webhook: an error on the server (\"broken\") has prevented the request from succeeding";
    assert_eq!(status["message"], wanted);
    world
        .does("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/closed", Value::Null)
        .await
        .unwrap();
    let nowhere = json!({"clientConfig": {"service": {"namespace": "web", "name": "gone", "path": "/x"}}});
    world.hook("Mutating", "gone", "/", maps(), nowhere).await;
    let wanted = "Internal error occurred: failed calling webhook \"gone.example.com\": failed to call webhook: Post \"https://gone.web.svc:443/x?timeout=10s\": service \"gone\" not found";
    assert_eq!(world.map("c").await.unwrap_err(), wanted);
}

#[tokio::test]
async fn a_dry_run_calls_only_those_without_side_effects() {
    let world = World::new().await;
    world.hook("Validating", "pure", "/warn", maps(), json!({"sideEffects": "NoneOnDryRun"})).await;
    let dry = format!("{MAPS}?dryRun=All");
    let (code, _, warning) = world.ask("POST", &dry, json!({"metadata": {"name": "m"}})).await;
    assert_eq!((code, warning.as_str()), (201, "299 - \"think twice\""));
    assert_eq!(world.backend.asked()[0].json()["request"]["dryRun"], true);
    // What a server older than v1 of the configurations let in.
    let configurations = crate::rows::row("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations");
    let mut old = world.server.objects().get(configurations, "", "pure").unwrap();
    old["webhooks"][0]["sideEffects"] = "Some".into();
    world.server.objects().update(configurations, old).await.unwrap();
    let why = world.does("POST", &dry, json!({"metadata": {"name": "m"}})).await.unwrap_err();
    assert_eq!(why, "admission webhook \"pure.example.com\" does not support dry run");
}

#[tokio::test]
async fn equivalent_versions_are_converted_both_ways() {
    let world = World::new().await;
    let v2 = rule(&["CREATE"], "autoscaling", "v2", "horizontalpodautoscalers");
    world.hook("Mutating", "exact", "/deny", v2.clone(), json!({"matchPolicy": "Exact"})).await;
    world.hook("Mutating", "max", "/max", v2, json!({})).await;
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
    let body = json!({"metadata": {"name": "h"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": target}});
    let uri = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    let made = world.does("POST", uri, body).await.unwrap();
    assert_eq!((&made["apiVersion"], &made["spec"]["maxReplicas"]), (&json!("autoscaling/v1"), &json!(9)));
    assert_eq!(made["spec"]["targetCPUUtilizationPercentage"], 50);
    let asked = world.backend.asked();
    let request = &asked[0].json()["request"];
    assert_eq!((&request["kind"]["version"], &request["requestKind"]["version"]), (&json!("v2"), &json!("v1")));
    assert_eq!(
        (&request["resource"]["version"], &request["object"]["apiVersion"]),
        (&json!("v2"), &json!("autoscaling/v2"))
    );
    assert_eq!(request["object"]["spec"]["metrics"][0]["resource"]["name"], "cpu");
}

#[tokio::test]
async fn custom_versions_are_converted_both_ways() {
    let world = World::new().await;
    let of = |name: &str| {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
        json!({"name": name, "served": true, "storage": name == "v2", "schema": {"openAPIV3Schema": schema}})
    };
    let definition = json!({"metadata": {"name": "turns.example.com"}, "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"plural": "turns", "kind": "Turn"}, "versions": [of("v1"), of("v2")],
    }});
    world.does("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).await.unwrap();
    let v2 = rule(&["CREATE", "UPDATE"], "example.com", "v2", "turns");
    world.hook("Mutating", "exact", "/deny", v2.clone(), json!({"matchPolicy": "Exact"})).await;
    world.hook("Mutating", "label", "/label", v2, json!({})).await;
    let uri = "/apis/example.com/v1/namespaces/default/turns";
    let body = json!({"apiVersion": "example.com/v1", "kind": "Turn", "metadata": {"name": "t"}, "spec": {"a": 1}});
    let made = world.does("POST", uri, body).await.unwrap();
    assert_eq!((&made["apiVersion"], &made["metadata"]["labels"]["seen"]), (&json!("example.com/v1"), &json!("yes")));
    assert_eq!(made["spec"], json!({"a": 1}));
    let changed = world.does("PATCH", &format!("{uri}/t"), json!({"spec": {"a": 2}})).await.unwrap();
    assert_eq!((&changed["apiVersion"], &changed["spec"]["a"]), (&json!("example.com/v1"), &json!(2)));
    let asked = world.backend.asked();
    assert_eq!(asked.len(), 2);
    for asked in &asked {
        let request = &asked.json()["request"];
        assert_eq!(request["kind"], json!({"group": "example.com", "version": "v2", "kind": "Turn"}));
        assert_eq!((&request["requestKind"]["version"], &request["resource"]["version"]), (&json!("v1"), &json!("v2")));
        assert_eq!(request["object"]["apiVersion"], "example.com/v2");
    }
    assert_eq!(asked[1].json()["request"]["oldObject"]["apiVersion"], "example.com/v2");
}

#[tokio::test]
async fn selectors_look_at_namespaces_and_at_both_states() {
    let world = World::new().await;
    for (name, labels) in [("default", json!({})), ("guarded", json!({"guard": "on"}))] {
        let body = json!({"metadata": {"name": name, "labels": labels}});
        world.does("POST", "/api/v1/namespaces", body).await.unwrap();
    }
    let guarded = json!({"namespaceSelector": {"matchLabels": {"guard": "on"}}});
    world.hook("Validating", "guard", "/deny", maps(), guarded).await;
    world.map("free").await.unwrap();
    let there = "/api/v1/namespaces/guarded/configmaps";
    assert!(world.does("POST", there, json!({"metadata": {"name": "m"}})).await.unwrap_err().contains("not today"));
    let missing = world.does("POST", "/api/v1/namespaces/gone/configmaps", json!({"metadata": {"name": "m"}})).await;
    assert_eq!(missing.unwrap_err(), "namespaces \"gone\" not found");
    let marked = json!({"objectSelector": {"matchLabels": {"mark": "on"}}});
    world.hook("Validating", "mark", "/deny", rule(&["UPDATE"], "", "v1", "configmaps"), marked).await;
    let named = format!("{MAPS}/free");
    assert!(world.does("PATCH", &named, json!({"metadata": {"labels": {"mark": "on"}}})).await.is_err());
    world.does("PATCH", &named, json!({"data": {"c": "3"}})).await.unwrap();
}

#[tokio::test]
async fn scales_bodies_and_connections_are_shown_as_they_are() {
    let world = World::new().await;
    let deployment = json!({"metadata": {"name": "d"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    }});
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    world.does("POST", deployments, deployment).await.unwrap();
    world.hook("Mutating", "scale", "/scale", rule(&["UPDATE"], "apps", "v1", "*/scale"), json!({})).await;
    let scaled =
        world.does("PATCH", &format!("{deployments}/d/scale"), json!({"spec": {"replicas": 3}})).await.unwrap();
    assert_eq!(scaled["spec"]["replicas"], 7);
    let asked = world.backend.asked();
    let request = &asked[0].json()["request"];
    assert_eq!(request["kind"], json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}));
    assert_eq!((&request["subResource"], &request["object"]["spec"]["replicas"]), (&json!("scale"), &json!(3)));
    assert_eq!(
        (&request["oldObject"]["kind"], &request["resource"]["resource"]),
        (&json!("Scale"), &json!("deployments"))
    );
    world.hook("Validating", "evict", "/deny", rule(&["CREATE"], "", "v1", "pods/eviction"), json!({})).await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    assert!(world.does("POST", "/api/v1/namespaces/default/pods/p/eviction", eviction).await.is_err());
    assert_eq!(world.backend.asked()[0].json()["request"]["object"]["kind"], "Eviction");
    world.hook("Validating", "exec", "/deny", rule(&["CONNECT"], "", "v1", "pods/exec"), json!({})).await;
    let uri = "/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&container=c";
    assert!(world.does("POST", uri, Value::Null).await.unwrap_err().contains("not today"));
    let asked = world.backend.asked();
    let request = &asked[0].json()["request"];
    let options = json!({"kind": "PodExecOptions", "apiVersion": "v1", "command": ["sh", "-c"], "stdin": true, "stdout": true, "stderr": true, "container": "c"});
    assert_eq!(
        (&request["operation"], &request["object"], &request["name"]),
        (&json!("CONNECT"), &options, &json!("p"))
    );
}

#[tokio::test]
async fn who_changed_nothing_last_is_asked_again() {
    let world = World::new().await;
    world.hook("Mutating", "a-once", "/once", maps(), json!({})).await;
    world.hook("Mutating", "b-again", "/again", maps(), json!({"reinvocationPolicy": "IfNeeded"})).await;
    world.hook("Mutating", "c-label", "/label", maps(), json!({"reinvocationPolicy": "IfNeeded"})).await;
    let made = world.map("m").await.unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"seen": "yes"}));
    let lines: Vec<String> = world.backend.asked().into_iter().map(|asked| asked.line).collect();
    let wanted = ["/once", "/again", "/label", "/again"].map(|path| format!("POST {path}?timeout=10s"));
    assert_eq!(lines, wanted);
}

/// matchconditions/matcher_test.go and webhook/generic/webhook.go: a false skips, whatever else fails; an error follows the failurePolicy.
#[tokio::test]
async fn conditions_decide_who_is_asked() {
    let world = World::new().await;
    let conditions = |list: &[&str]| -> Value {
        let named =
            list.iter().enumerate().map(|(at, expression)| json!({"name": format!("c{at}"), "expression": expression}));
        named.collect()
    };
    let skip = conditions(&[
        "object.metadata.name != 'skip-me'",
        "request.userInfo.username == 'jane' && namespaceObject == null",
    ]);
    world.hook("Mutating", "label", "/label", maps(), json!({"matchConditions": skip})).await;
    assert_eq!(world.map("skip-me").await.unwrap()["metadata"].get("labels"), None);
    assert_eq!(world.map("me").await.unwrap()["metadata"]["labels"], json!({"seen": "yes"}));
    let broken = "object.nothing.here == 1";
    let failing = conditions(&[broken, "oldObject.x", "authorizer.path('/healthz').check('get').allowed()"]);
    let refused = json!({"matchConditions": failing});
    let uri = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let (code, _, _) = world
        .ask(
            "POST",
            uri,
            json!({"metadata": {"name": "x"}, "webhooks": [{
                "name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "rules": [maps()],
                "clientConfig": {"url": "https://web/x"}, "matchConditions": refused["matchConditions"],
            }]}),
        )
        .await;
    assert_eq!(code, 422, "a condition is a bool");
    let failing = conditions(&[broken, "oldObject.x == 2"]);
    world
        .hook("Validating", "open", "/deny", maps(), json!({"matchConditions": failing, "failurePolicy": "Ignore"}))
        .await;
    assert!(world.map("b").await.is_ok());
    world.hook("Validating", "closed", "/deny", maps(), json!({"matchConditions": failing})).await;
    let (code, status, _) = world.ask("POST", MAPS, json!({"metadata": {"name": "c"}})).await;
    assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")));
    let wanted = "configmaps \"c\" is forbidden: [expression 'object.nothing.here == 1' resulted in error: no such key: nothing, expression 'oldObject.x == 2' resulted in error: no such key: x]";
    assert_eq!(status["message"], wanted);
    world.does("DELETE", &format!("{uri}/closed"), Value::Null).await.unwrap();
    let skipped = conditions(&[broken, "request.operation == 'DELETE'"]);
    world.hook("Validating", "skips", "/deny", maps(), json!({"matchConditions": skipped})).await;
    assert!(world.map("c").await.is_ok());
}

#[tokio::test]
async fn configurations_are_out_of_webhooks_reach() {
    let world = World::new().await;
    let everything = rule(&["*"], "*", "*", "*/*");
    world.hook("Validating", "all", "/deny", everything, json!({})).await;
    assert!(world.map("m").await.is_err());
    let uri = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/all";
    world.does("DELETE", uri, Value::Null).await.unwrap();
    world.map("m").await.unwrap();
}

/// The table of predicates/rules/rules_test.go, in short.
#[test]
fn rules_match_by_every_part() {
    let asked = Rules {
        operation: "CREATE",
        group: "apps",
        version: "v1",
        resource: "deployments",
        subresource: "scale",
        name: "d",
        namespaced: true,
    };
    let all = json!({"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]});
    for (field, value, matches) in [
        ("operations", json!(["UPDATE"]), false),
        ("operations", json!(["UPDATE", "CREATE"]), true),
        ("apiGroups", json!([""]), false),
        ("apiVersions", json!(["v1beta1"]), false),
        ("resources", json!(["*"]), false),
        ("resources", json!(["deployments"]), false),
        ("resources", json!(["deployments/*"]), true),
        ("resources", json!(["*/scale"]), true),
        ("resources", json!(["pods/scale"]), false),
        ("resourceNames", json!(["c"]), false),
        ("resourceNames", json!(["c", "d"]), true),
        ("scope", json!("Cluster"), false),
        ("scope", json!("Namespaced"), true),
    ] {
        let mut rule = all.clone();
        rule[field] = value;
        assert_eq!(Rule::of(&rule).matches(&asked), matches, "{rule}");
    }
}

/// request/admissionreview_test.go.
#[test]
fn answers_are_held_against_the_review() {
    let review =
        |response: Value| json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    let check = |review: &Value, version: &str, mutating: bool| {
        review::verdict(review, version, "123", mutating).map(|verdict| verdict.patch).map_err(|why| why.to_string())
    };
    let invalid = |why: &str| Err(format!("received invalid webhook response: {why}"));
    let patch = "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2EiLCJ2YWx1ZSI6MX1d";
    assert_eq!(check(&review(Value::Null), "v1", true), invalid("webhook response was absent"));
    assert_eq!(check(&review(json!({"uid": "12"})), "v1", true), invalid("expected response.uid=\"123\", got \"12\""));
    let untyped = json!({"response": {"uid": "123", "allowed": true}});
    let wanted = "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=";
    assert_eq!(check(&untyped, "v1", true), invalid(wanted));
    assert_eq!(check(&untyped, "v1beta1", true), Ok(Value::Null));
    let lone = review(json!({"uid": "123", "allowed": true, "patch": patch}));
    assert_eq!(check(&lone, "v1", true), invalid("webhook returned response.patch but not response.patchType"));
    assert_eq!(check(&lone, "v1beta1", true).unwrap()[0]["op"], "add");
    assert_eq!(check(&lone, "v1", false), invalid("validating webhook may not return response.patch"));
    let odd = review(json!({"uid": "123", "allowed": true, "patch": patch, "patchType": "Merge"}));
    assert_eq!(check(&odd, "v1", true), Err("unsupported patch type \"Merge\"".to_owned()));
}
