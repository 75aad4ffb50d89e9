//! Binding, token requests and reviews, called as the registry calls them.

use std::sync::Arc;

use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;
use crate::authn::{ServiceAccountTokens, TokenKey};
use crate::authz::{Rbac, standard};
use crate::body::full;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::pki::PrivateKey;
use crate::request::RequestInfo;
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;
use crate::testing;

const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

async fn call(
    service: &dyn Service,
    objects: &Objects,
    identity: Identity,
    path: &str,
    body: Value,
) -> Result<Value, Status> {
    let http = Request::post(path).header("content-type", "application/json").body(full(body.to_string())).unwrap();
    let info = RequestInfo::new(http.method(), http.uri());
    let kind = row(&info.api_group, &info.api_version, &info.resource);
    let subresource = kind.subresources.iter().find(|sub| sub.name == info.subresource);
    let response = service
        .handle(Call {
            info,
            identity,
            kind,
            subresource,
            objects: objects.clone(),
            drain: crate::drain::Drain::default(),
            format: crate::negotiate::Format::PLAIN,
            http,
        })
        .await?;
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Ok(serde_json::from_slice(&bytes).unwrap())
}

async fn pod(objects: &Objects, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({"metadata": {"name": "p", "namespace": "web"}, "spec": {"serviceAccountName": "app"}});
    change(&mut pod);
    objects.create(row("", "v1", "pods"), pod).await.unwrap()
}

const BINDING: &str = "/api/v1/namespaces/web/pods/p/binding";

#[tokio::test]
async fn binding_sets_the_node_once() {
    let objects = testing::objects();
    pod(&objects, |_| {}).await;
    let body = json!({"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": "n1"}});
    let answer = call(&Bind::new(), &objects, Identity::server(), BINDING, body.clone()).await.unwrap();
    assert_eq!((&answer["status"], &answer["code"]), (&json!("Success"), &json!(201)));
    let bound = objects.get(row("", "v1", "pods"), "web", "p").unwrap();
    assert_eq!((&bound["spec"]["nodeName"], &bound["metadata"]["annotations"]["a"]), (&json!("n1"), &json!("b")));
    let condition = &bound["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("PodScheduled"), &json!("True")));
    let again = call(&Bind::new(), &objects, Identity::server(), BINDING, body).await.unwrap_err();
    assert_eq!((again.code, again.reason.as_ref()), (409, "Conflict"));
    assert_eq!(
        again.message,
        r#"Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1""#
    );
}

#[tokio::test]
async fn bindings_that_cannot_be_are_refused() {
    let objects = testing::objects();
    let bind = async |body: Value| call(&Bind::new(), &objects, Identity::server(), BINDING, body).await.unwrap_err();
    let named = |mut body: Value| {
        body["metadata"]["name"] = "p".into();
        body
    };
    let target = json!({"kind": "Node", "name": "n1"});
    assert_eq!(bind(named(json!({"target": target}))).await.code, 404);
    pod(&objects, |pod| pod["spec"]["schedulingGates"] = json!([{"name": "g"}])).await;
    assert!(
        bind(named(json!({"target": target}))).await.message.ends_with("pod p has non-empty .spec.schedulingGates")
    );
    assert!(
        bind(named(json!({"metadata": {"uid": "other"}, "target": target})))
            .await
            .message
            .contains("Precondition failed: UID in precondition: other")
    );
    assert!(bind(named(json!({"target": {"kind": "Node"}}))).await.message.contains("target.name: Required value"));
    assert!(
        bind(named(json!({"target": {"kind": "Pod", "name": "x"}})))
            .await
            .message
            .contains(r#"target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>""#)
    );
}

fn tokens(objects: &Objects) -> Arc<ServiceAccountTokens> {
    let key = TokenKey::new(PrivateKey::generate(objects.env()));
    Arc::new(ServiceAccountTokens::new(vec![key], AUDIENCE.into(), vec![AUDIENCE.into()], objects.clone()))
}

const TOKEN: &str = "/api/v1/namespaces/web/serviceaccounts/app/token";

async fn account(objects: &Objects) {
    objects
        .create(row("", "v1", "serviceaccounts"), json!({"metadata": {"name": "app", "namespace": "web"}}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_requested_token_reviews_as_its_account() {
    let objects = testing::objects();
    let tokens = tokens(&objects);
    account(&objects).await;
    let stored = pod(&objects, |_| {}).await;
    let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": stored["metadata"]["uid"]});
    let service = TokenRequest::new(tokens.clone());
    let answer = call(
        &service,
        &objects,
        Identity::server(),
        TOKEN,
        json!({"spec": {"boundObjectRef": bound, "expirationSeconds": 3607}}),
    )
    .await
    .unwrap();
    assert_eq!(answer["status"]["expirationTimestamp"], "2026-11-21T13:00:07Z");
    assert_eq!(answer["spec"]["audiences"], json!([AUDIENCE]));
    let review = json!({"spec": {"token": answer["status"]["token"]}});
    let answer = call(
        &TokenReview::new(tokens, vec![AUDIENCE.into()]),
        &objects,
        Identity::server(),
        "/apis/authentication.k8s.io/v1/tokenreviews",
        review,
    )
    .await
    .unwrap();
    assert_eq!(
        (&answer["status"]["authenticated"], &answer["status"]["user"]["username"]),
        (&json!(true), &json!("system:serviceaccount:web:app"))
    );
}

#[tokio::test]
async fn token_requests_that_do_not_fit_are_refused() {
    let objects = testing::objects();
    account(&objects).await;
    let stored = pod(&objects, |pod| pod["spec"] = json!({"serviceAccountName": "other", "nodeName": "n1"})).await;
    let service = TokenRequest::new(tokens(&objects));
    let node = || Identity::new("system:node:n2", &["system:nodes"]);
    let uid = &stored["metadata"]["uid"];
    let reference = |uid: &Value| json!({"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid});
    let cases = [
        (Identity::server(), json!({"expirationSeconds": 10}), 422, "may not specify a duration less than 10 minutes"),
        (
            Identity::server(),
            json!({"boundObjectRef": reference(uid)}),
            400,
            r#"cannot bind token for serviceaccount "app" to pod running with different serviceaccount name."#,
        ),
        (
            Identity::server(),
            json!({"boundObjectRef": reference(&json!("x"))}),
            409,
            "does not match the UID in record",
        ),
        (node(), json!({}), 403, "node requested token not bound to a pod"),
        (
            node(),
            json!({"boundObjectRef": reference(&json!(""))}),
            403,
            "node requested token with a pod binding without a uid",
        ),
        (
            node(),
            json!({"boundObjectRef": reference(uid)}),
            403,
            "node requested token bound to a pod scheduled on a different node",
        ),
    ];
    for (identity, spec, code, text) in cases {
        let status = call(&service, &objects, identity, TOKEN, json!({"spec": spec})).await.unwrap_err();
        assert_eq!(status.code, code, "{status}");
        assert!(status.message.contains(text), "{status}");
    }
}

#[tokio::test]
async fn access_reviews_say_what_the_authorizers_say() {
    let objects = testing::objects();
    let rbac = Arc::new(Rbac::new(objects.clone()));
    let service = AccessReview::new(Arc::new(standard(&objects, rbac.clone())), rbac);
    let role = json!({"metadata": {"name": "r", "namespace": "web"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]});
    let binding = json!({"metadata": {"name": "b", "namespace": "web"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "jane"}]});
    let rbac = |plural| row("rbac.authorization.k8s.io", "v1", plural);
    objects.create(rbac("roles"), role).await.unwrap();
    objects.create(rbac("rolebindings"), binding).await.unwrap();
    let jane = || Identity::new("jane", &[]);
    let asked = |verb: &str| json!({"namespace": "web", "verb": verb, "resource": "pods"});
    let path = |name: &str| format!("/apis/authorization.k8s.io/v1/{name}");

    let own = call(
        &service,
        &objects,
        jane(),
        &path("selfsubjectaccessreviews"),
        json!({"spec": {"resourceAttributes": asked("get")}}),
    )
    .await
    .unwrap();
    assert_eq!(
        own["status"],
        json!({"allowed": true, "reason": r#"RBAC: allowed by RoleBinding "b/web" of Role "r" to User "jane""#})
    );
    let other = json!({"spec": {"user": "jane", "resourceAttributes": asked("delete")}});
    let other = call(&service, &objects, Identity::server(), &path("subjectaccessreviews"), other).await.unwrap();
    assert_eq!(other["status"], json!({"allowed": false}));
    let local = json!({"spec": {"user": "jane", "resourceAttributes": asked("get")}});
    let local_path = "/apis/authorization.k8s.io/v1/namespaces/web/localsubjectaccessreviews";
    assert_eq!(
        call(&service, &objects, Identity::server(), local_path, local).await.unwrap()["status"]["allowed"],
        true
    );
    let rules =
        call(&service, &objects, jane(), &path("selfsubjectrulesreviews"), json!({"spec": {"namespace": "web"}}))
            .await
            .unwrap();
    assert_eq!(rules["status"]["resourceRules"], json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]));
    let nobody = json!({"spec": {"resourceAttributes": asked("get")}});
    assert_eq!(call(&service, &objects, jane(), &path("subjectaccessreviews"), nobody).await.unwrap_err().code, 422);
    let me = call(&SelfReview, &objects, jane(), "/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({}))
        .await
        .unwrap();
    assert_eq!(me["status"]["userInfo"], json!({"username": "jane"}));
}

/// The authenticators of a server, and a token of each.
#[tokio::test]
async fn tokens_of_all_authenticators_are_reviewed() {
    use crate::authn::{Authenticators, BootstrapTokens, ServerTokens};
    use crate::pki::ServerToken;
    let objects = testing::objects();
    account(&objects).await;
    let tokens = tokens(&objects);
    let data = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let secret = json!({
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}, "type": "bootstrap.kubernetes.io/token",
        "data": {"token-id": data("abcdef"), "token-secret": data("0123456789abcdef"), "usage-bootstrap-authentication": data("true")},
    });
    objects.create(row("", "v1", "secrets"), secret).await.unwrap();
    let server_token = format!("K10{}::server:joining", "a".repeat(64));
    let server = ServerTokens::new(ServerToken::parse(&server_token).unwrap());
    let chain =
        Authenticators::new(vec![tokens.clone(), Arc::new(BootstrapTokens::new(objects.clone())), Arc::new(server)]);
    let service = TokenReview::new(Arc::new(chain), vec![AUDIENCE.into(), "other".into()]);
    let request = TokenRequest::new(tokens);
    let asked = json!({"spec": {"audiences": ["vault", AUDIENCE]}});
    let issued = call(&request, &objects, Identity::server(), TOKEN, asked).await.unwrap();
    let own = issued["status"]["token"].as_str().unwrap();
    let bootstrap = "abcdef.0123456789abcdef";
    let good: [(&str, Value, &str, Value); 5] = [
        (own, json!(null), "system:serviceaccount:web:app", json!([AUDIENCE])),
        (own, json!(["vault", "x"]), "system:serviceaccount:web:app", json!(["vault"])),
        (bootstrap, json!(null), "system:bootstrap:abcdef", json!([AUDIENCE, "other"])),
        (bootstrap, json!(["other", "x"]), "system:bootstrap:abcdef", json!(["other"])),
        (&server_token, json!(null), "system:bootstrap:server", json!([AUDIENCE, "other"])),
    ];
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = async |token: &str, audiences: &Value| {
        let body = json!({"spec": {"token": token, "audiences": audiences}});
        call(&service, &objects, Identity::server(), path, body).await.unwrap()["status"].clone()
    };
    for (token, audiences, name, found) in good {
        let status = review(token, &audiences).await;
        let seen = (&status["authenticated"], &status["user"]["username"], &status["audiences"]);
        assert_eq!(seen, (&json!(true), &json!(name), &found), "{token} for {audiences}");
    }
    for (token, audiences) in [("abcdef.0123456789abcdee", json!(null)), ("x", json!(null)), (bootstrap, json!(["x"]))]
    {
        let expected = json!({"authenticated": false, "user": {}, "error": "invalid bearer token"});
        assert_eq!(review(token, &audiences).await, expected, "{token} for {audiences}");
    }
    assert_eq!(review(own, &json!(["x"])).await["authenticated"], false);
}

/// A node may list the Pods of its own: upstream's authorizer sees that by the field selector.
#[tokio::test]
async fn access_reviews_read_selectors() {
    let objects = testing::objects();
    let rbac = Arc::new(Rbac::new(objects.clone()));
    let service = AccessReview::new(Arc::new(standard(&objects, rbac.clone())), rbac);
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let review = async |resource: Value| {
        let body =
            json!({"spec": {"user": "system:node:n1", "groups": ["system:nodes"], "resourceAttributes": resource}});
        call(&service, &objects, Identity::server(), path, body).await
    };
    let pods = |selector: Value| json!({"verb": "list", "resource": "pods", "fieldSelector": selector});
    let one = |operator: &str, values: Value| json!({"key": "spec.nodeName", "operator": operator, "values": values});
    let mine = one("In", json!(["n1"]));
    let (some, all) = (
        "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
        "spec.resourceAttributes.fieldSelector ignored due to parse error",
    );
    let cases = [
        (json!({"rawSelector": "spec.nodeName=n1"}), true, ""),
        (json!({"requirements": [mine]}), true, ""),
        (json!({"requirements": [one("In", json!(["n2"]))]}), false, ""),
        (json!({"requirements": [one("NotIn", json!(["n1"]))]}), false, ""),
        (json!({"requirements": [one("In", json!(["n1", "n2"])), mine]}), true, some),
        (json!({"requirements": [one("Exists", json!([]))]}), false, all),
        (json!({"requirements": [one("Near", json!(["n1"]))]}), false, all),
        (json!({"rawSelector": "spec.nodeName"}), false, all),
    ];
    for (selector, allowed, error) in cases {
        let status = review(pods(selector.clone())).await.unwrap()["status"].clone();
        let seen = (status["allowed"] == true, status["evaluationError"].as_str().unwrap_or_default());
        assert_eq!(seen, (allowed, error), "{selector}");
    }
    let labels = json!({"verb": "list", "resource": "pods", "labelSelector": {"requirements": [{"key": "a", "operator": "Near"}]}});
    let status = review(labels).await.unwrap()["status"].clone();
    assert_eq!(status["evaluationError"], "spec.resourceAttributes.labelSelector ignored due to parse error");
}

/// Upstream's pkg/apis/authorization/validation tests.
#[tokio::test]
async fn access_reviews_are_validated_as_upstream() {
    let objects = testing::objects();
    let rbac = Arc::new(Rbac::new(objects.clone()));
    let service = AccessReview::new(Arc::new(standard(&objects, rbac.clone())), rbac);
    let resource = "spec.resourceAttributes";
    let pods = json!({"verb": "get", "resource": "pods"});
    let selecting = |name: &str, selector: Value| json!({"user": "me", "resourceAttributes": {name: selector}});
    let both = "may not specified at the same time as requirements";
    let cases = [
        ("subjectaccessreviews", json!({"resourceAttributes": pods}), r#"spec.user: Invalid value: "": at least one of user or group must be specified"#.to_owned()),
        ("selfsubjectaccessreviews", json!({}), format!("{resource}: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified")),
        ("selfsubjectaccessreviews", json!({"resourceAttributes": pods, "nonResourceAttributes": {"path": "/x"}}), r#"spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes"#.to_owned()),
        ("subjectaccessreviews", selecting("fieldSelector", json!({})), format!("{resource}.fieldSelector.requirements: Required value: when {resource}.fieldSelector is specified, requirements or rawSelector is required")),
        ("subjectaccessreviews", selecting("labelSelector", json!({})), format!("{resource}.labelSelector.requirements: Required value: when {resource}.labelSelector is specified, requirements or rawSelector is required")),
        ("subjectaccessreviews", selecting("fieldSelector", json!({"rawSelector": "a=b", "requirements": [{"key": "k", "operator": "Near"}]})), format!(r#"{resource}.fieldSelector.rawSelector: Invalid value: "a=b": {both}"#)),
        ("subjectaccessreviews", selecting("fieldSelector", json!({"requirements": [{"operator": "Near"}]})), format!("{resource}.fieldSelector.requirements[0].key: Required value: must be specified")),
        ("subjectaccessreviews", selecting("labelSelector", json!({"requirements": [{"key": "k", "operator": "In"}]})), format!("{resource}.labelSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'")),
        ("subjectaccessreviews", selecting("labelSelector", json!({"requirements": [{"key": "k", "operator": "Exists", "values": ["a"]}]})), format!("{resource}.labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'")),
        ("namespaces/web/localsubjectaccessreviews", json!({"user": "me", "resourceAttributes": {"namespace": "other"}}), format!(r#"{resource}.namespace: Invalid value: "other": must match metadata.namespace"#)),
        ("namespaces/web/localsubjectaccessreviews", json!({"user": "me", "nonResourceAttributes": {"path": "/x"}}), r#"spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request"#.to_owned()),
    ];
    for (name, spec, expected) in cases {
        let path = format!("/apis/authorization.k8s.io/v1/{name}");
        let status = call(&service, &objects, Identity::server(), &path, json!({"spec": spec})).await.unwrap_err();
        let expected = format!(r#".authorization.k8s.io "" is invalid: {expected}"#);
        assert_eq!((status.code, status.message), (422, expected), "{name} {spec}");
    }
    let named = json!({"metadata": {"name": "x"}, "spec": {"resourceAttributes": pods}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let status = call(&service, &objects, Identity::server(), path, named).await.unwrap_err();
    assert_eq!(
        status.message,
        r#".authorization.k8s.io "" is invalid: metadata: Invalid value: {"name":"x"}: must be empty"#
    );
}

fn budget(allowed: i64, current: i64) -> Value {
    json!({
        "metadata": {"name": "b", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": current, "desiredHealthy": 2},
    })
}

fn running(ready: &str) -> Value {
    let conditions = json!([{"type": "Ready", "status": ready}]);
    json!({"metadata": {"name": "p", "labels": {"app": "web"}}, "status": {"phase": "Running", "conditions": conditions}})
}

#[test]
fn budgets_are_spent_or_refuse_in_upstreams_words() {
    use super::eviction::{Verdict, judge};
    let now = "2026-11-21T12:00:00Z";
    let mut other = budget(0, 0);
    other["spec"] = json!({});
    assert_eq!(judge(&running("True"), &[other.clone()], now).unwrap(), Verdict::Delete, "no selector has nothing");
    other["spec"]["selector"] = json!({});
    assert_eq!(judge(&running("True"), &[other], now).unwrap_err().code, 429, "an empty selector has everything");
    let Verdict::Spend(next) = judge(&running("True"), &[budget(1, 3)], now).unwrap() else { panic!("spent") };
    assert_eq!(
        (&next["status"]["disruptionsAllowed"], &next["status"]["disruptedPods"]["p"]),
        (&json!(0), &json!(now))
    );
    let refused = judge(&running("True"), &[budget(0, 2)], now).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (429, "Cannot evict pod as it would violate the pod's disruption budget.")
    );
    let cause = &refused.details.unwrap().causes[0];
    assert_eq!(
        (cause.reason.as_str(), cause.message.as_str()),
        ("DisruptionBudget", "The disruption budget b needs 2 healthy pods and has 2 currently")
    );
    let condition = json!({"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "", "observedGeneration": 1, "lastTransitionTime": now});
    assert_eq!(next["status"]["conditions"], json!([condition]), "nothing is left");
    let Verdict::Spend(next) = judge(&running("True"), &[budget(2, 4)], now).unwrap() else { panic!("spent") };
    assert_eq!(next["status"]["conditions"], Value::Null, "one is left");
    assert_eq!(
        judge(&running("False"), &[budget(0, 2)], now).unwrap(),
        Verdict::DeleteUnready("b".to_owned()),
        "an unready Pod is not counted"
    );
    assert!(judge(&running("False"), &[budget(0, 1)], now).is_err());
    assert!(judge(&running("True"), &[budget(1, 3), budget(1, 3)], now).unwrap_err().message.contains("more than one"));
    let mut stale = budget(1, 3);
    stale["metadata"]["generation"] = 2.into();
    assert_eq!(judge(&running("True"), &[stale], now).unwrap_err().code, 429);
    let mut done = running("False");
    done["status"]["phase"] = "Failed".into();
    assert_eq!(judge(&done, &[budget(0, 0)], now).unwrap(), Verdict::Delete);
}
