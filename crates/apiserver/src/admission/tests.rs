//! Plugins one by one against upstream's words, then all of them in a whole server.

use std::collections::BTreeMap;

use api::kind::Kind;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::admit::{AdmissionRequest, Draft, Operation, Reinvocation, Warnings};
use crate::body::full;
use crate::config::Config;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::pki::Pki;
use crate::request::RequestInfo;
use crate::rows::row;
use crate::server::ApiServer;
use crate::status::Status;
use crate::testing;

mod resizing;
mod topology;
mod trust;

/// One request to one plugin: mutated, then validated.
struct Ask<'a> {
    kind: &'static Kind,
    operation: Operation,
    subresource: &'a str,
    identity: Identity,
    old: Option<Value>,
    object: Value,
}

impl Ask<'_> {
    fn create(kind: &'static Kind, object: Value) -> Self {
        Self { kind, operation: Operation::Create, subresource: "", identity: Identity::server(), old: None, object }
    }

    async fn of(self, plugin: &dyn Admit) -> Result<Value, Status> {
        self.with(plugin, &Warnings::default()).await
    }

    async fn with(mut self, plugin: &dyn Admit, warnings: &Warnings) -> Result<Value, Status> {
        let (info, options) = (RequestInfo::default(), Value::Null);
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let namespace = self.object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let mut request = AdmissionRequest {
            info: &info,
            identity: &self.identity,
            operation: self.operation,
            kind: self.kind,
            subresource: self.subresource,
            namespace: &namespace,
            name: &name,
            object: Draft::new(&mut self.object),
            old: self.old.as_ref(),
            options: &options,
            dry_run: false,
            warnings,
            schema: api::schema::of(self.kind.group, self.kind.version, self.kind.kind),
            reinvocation: &Reinvocation::default(),
            around: None,
        };
        plugin.mutate(&mut request).await?;
        plugin.validate(&request).await?;
        Ok(self.object)
    }
}

fn pods() -> &'static Kind {
    row("", "v1", "pods")
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "p", "namespace": "web"}, "spec": spec})
}

#[tokio::test]
async fn nothing_is_made_where_there_is_no_namespace_or_it_is_going_away() {
    let objects = testing::objects();
    let plugin = namespace_lifecycle::NamespaceLifecycle::new(objects.clone());
    let missing = Ask::create(pods(), pod(json!({}))).of(&plugin).await.unwrap_err();
    assert_eq!((missing.code, missing.message.as_str()), (404, r#"namespaces "web" not found"#));
    let namespaces = row("", "v1", "namespaces");
    objects.create(namespaces, json!({"metadata": {"name": "web"}})).await.unwrap();
    assert!(Ask::create(pods(), pod(json!({}))).of(&plugin).await.is_ok());
    objects.update(namespaces, json!({"metadata": {"name": "web"}, "status": {"phase": "Terminating"}})).await.unwrap();
    let refused = Ask::create(pods(), pod(json!({}))).of(&plugin).await.unwrap_err();
    assert_eq!(
        refused.message,
        r#"pods "p" is forbidden: unable to create new content in namespace web because it is being terminated"#
    );
    assert_eq!(refused.details.unwrap().causes[0].reason, "NamespaceTerminating");
    let object = json!({"metadata": {"name": "kube-system"}});
    let delete = Ask { operation: Operation::Delete, ..Ask::create(namespaces, object) };
    let refused = delete.of(&plugin).await.unwrap_err();
    assert_eq!(refused.message, r#"namespaces "kube-system" is forbidden: this namespace may not be deleted"#);
}

#[tokio::test]
async fn pods_get_a_token_where_clients_look_for_it() {
    let objects = testing::objects();
    let plugin = service_account::ServiceAccount::new(objects.clone());
    let containers = json!({"containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}]});
    let refused = Ask::create(pods(), pod(containers.clone())).of(&plugin).await.unwrap_err();
    assert_eq!(
        refused.message,
        r#"pods "p" is forbidden: error looking up service account web/default: serviceaccount "default" not found"#
    );
    let accounts = row("", "v1", "serviceaccounts");
    let account = json!({"metadata": {"name": "default", "namespace": "web"}, "imagePullSecrets": [{"name": "pull"}]});
    objects.create(accounts, account).await.unwrap();
    let admitted = Ask::create(pods(), pod(containers)).of(&plugin).await.unwrap();
    let spec = &admitted["spec"];
    assert_eq!((&spec["serviceAccountName"], &spec["serviceAccount"]), (&json!("default"), &json!("default")));
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    let volume = &spec["volumes"][0];
    let name = volume["name"].as_str().unwrap();
    assert!(name.starts_with("kube-api-access-") && name.len() == "kube-api-access-".len() + 5, "{name}");
    let kinds: Vec<&String> = volume["projected"]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|source| source.as_object().unwrap().keys())
        .collect();
    assert_eq!(kinds, ["serviceAccountToken", "configMap", "downwardAPI"]);
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], name);
    assert_eq!(spec["containers"][1]["volumeMounts"].as_array().unwrap().len(), 1, "a place that is taken stays");
    let none = json!({"automountServiceAccountToken": false, "containers": [{"name": "a"}]});
    let admitted = Ask::create(pods(), pod(none)).of(&plugin).await.unwrap();
    assert!(admitted["spec"].get("volumes").is_none());
}

#[tokio::test]
async fn classes_become_numbers() {
    let objects = testing::objects();
    let plugin = priority::Priority::new(objects.clone());
    let admit = async |spec: Value| Ask::create(pods(), pod(spec)).of(&plugin).await;
    let plain = admit(json!({})).await.unwrap();
    assert_eq!(plain["spec"], json!({"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}));
    let missing = admit(json!({"priorityClassName": "high"})).await.unwrap_err();
    assert_eq!(missing.message, r#"pods "p" is forbidden: no PriorityClass with name high was found"#);
    let classes = row("scheduling.k8s.io", "v1", "priorityclasses");
    let class = |name: &str, value: i64, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default});
    objects.create(classes, class("high", 1000, false)).await.unwrap();
    assert_eq!(admit(json!({"priorityClassName": "high"})).await.unwrap()["spec"]["priority"], 1000);
    let refused = admit(json!({"priorityClassName": "high", "priority": 5})).await.unwrap_err();
    assert!(
        refused.message.contains("the integer value of priority (5) must not be provided in pod spec"),
        "{refused}"
    );
    objects.create(classes, class("usual", 7, true)).await.unwrap();
    assert_eq!(admit(json!({})).await.unwrap()["spec"]["priorityClassName"], "usual");
    let second = Ask::create(classes, class("other", 8, true)).of(&plugin).await.unwrap_err();
    assert!(second.message.ends_with("PriorityClass usual is already marked as default. Only one default can exist"));
}

#[tokio::test]
async fn tolerations_taints_and_finalizers_are_added_once() {
    let plugin = default_toleration_seconds::DefaultTolerationSeconds;
    let once = Ask::create(pods(), pod(json!({}))).of(&plugin).await.unwrap();
    assert_eq!(once["spec"]["tolerations"].as_array().unwrap().len(), 2);
    assert_eq!(Ask::create(pods(), once.clone()).of(&plugin).await.unwrap(), once);
    let all = json!({"tolerations": [{"operator": "Exists"}]});
    assert_eq!(Ask::create(pods(), pod(all.clone())).of(&plugin).await.unwrap()["spec"], all);

    let nodes = row("", "v1", "nodes");
    let node = json!({"metadata": {"name": "n1"}});
    let tainted = Ask::create(nodes, node).of(&taint_nodes::TaintNodesByCondition).await.unwrap();
    assert_eq!(tainted["spec"]["taints"], json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]));
    let claims = row("", "v1", "persistentvolumeclaims");
    let claim =
        Ask::create(claims, json!({"metadata": {"name": "c"}})).of(&storage_protection::StorageObjectInUseProtection);
    assert_eq!(claim.await.unwrap()["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
}

#[tokio::test]
async fn nodes_write_what_is_theirs() {
    let objects = testing::objects();
    let plugin = node_restriction::NodeRestriction::new(objects.clone());
    let nodes = row("", "v1", "nodes");
    let stored = objects.create(nodes, json!({"metadata": {"name": "n1"}})).await.unwrap();
    let ask = async |kind, operation, subresource: &str, object: Value, old: Option<Value>| {
        let identity = Identity::new("system:node:n1", &["system:nodes"]);
        let answer = Ask { kind, operation, subresource, identity, old, object }.of(&plugin).await;
        answer.err().map(|status| status.message)
    };
    let (create, update) = (Operation::Create, Operation::Update);
    let node = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
    assert_eq!(
        ask(nodes, create, "", node("n1", json!({"kubernetes.io/hostname": "n1", "mine": "x"})), None).await,
        None
    );
    let other = ask(nodes, create, "", node("n2", json!({})), None).await.unwrap();
    assert!(other.ends_with(r#"node "n1" is not allowed to modify node "n2""#), "{other}");
    let labels = json!({"node-restriction.kubernetes.io/a": "b", "kubernetes.io/x": "y"});
    let forbidden = ask(nodes, create, "", node("n1", labels), None).await.unwrap();
    assert!(
        forbidden
            .ends_with("not allowed to set the following labels: kubernetes.io/x, node-restriction.kubernetes.io/a"),
        "{forbidden}"
    );
    let tainted = json!({"metadata": {"name": "n1"}, "spec": {"taints": [{"key": "a"}]}});
    assert!(
        ask(nodes, update, "", tainted, Some(node("n1", json!({}))))
            .await
            .unwrap()
            .ends_with("is not allowed to modify taints")
    );
    let ranges = |range: &str| json!({"metadata": {"name": "n1"}, "spec": {"podCIDR": range, "podCIDRs": [range]}});
    let set = ask(nodes, create, "", ranges("10.42.0.0/16"), None).await.unwrap();
    assert!(set.ends_with(r#"node "n1" is not allowed to set podCIDRs"#), "{set}");
    let changed = ask(nodes, update, "", ranges("10.42.0.0/24"), Some(node("n1", json!({})))).await.unwrap();
    assert!(changed.ends_with(r#"node "n1" is not allowed to modify podCIDRs"#), "{changed}");
    assert_eq!(ask(nodes, update, "", ranges("10.42.0.0/24"), Some(ranges("10.42.0.0/24"))).await, None);

    let bound = |node: &str| pod(json!({"nodeName": node}));
    assert_eq!(ask(pods(), update, "status", bound("n1"), Some(bound("n1"))).await, None);
    let foreign = ask(pods(), update, "status", bound("n2"), Some(bound("n2"))).await.unwrap();
    assert!(foreign.ends_with("can only update pod status for pods with spec.nodeName set to itself"), "{foreign}");
    assert!(ask(pods(), create, "", bound("n1"), None).await.unwrap().contains("can only create mirror pods"));
    let mut mirror = bound("n1");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    mirror["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "controller": true, "uid": stored["metadata"]["uid"]}]);
    assert_eq!(ask(pods(), create, "", mirror.clone(), None).await, None);
    mirror["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    assert!(
        ask(pods(), create, "", mirror, None).await.unwrap().ends_with("can not create pods that reference secrets")
    );
    let leases = row("coordination.k8s.io", "v1", "leases");
    let lease = |namespace: &str, name: &str| json!({"metadata": {"name": name, "namespace": namespace}});
    assert_eq!(ask(leases, create, "", lease("kube-node-lease", "n1"), None).await, None);
    assert!(ask(leases, create, "", lease("kube-node-lease", "n2"), None).await.is_some());
    assert!(ask(leases, create, "", lease("web", "n1"), None).await.is_some());
}

/// A whole server, bootstrapped.
async fn whole_server() -> (ApiServer, Pki, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.advertise_address = std::net::Ipv4Addr::new(192, 0, 2, 1).into();
    let objects = testing::objects();
    let pki = Pki::open(&objects.store, &config, objects.env()).await.unwrap();
    let server = crate::assemble(config, Kinds::new(api::kinds::ALL), objects, &pki).unwrap();
    let service = server.service(Identity::server());
    crate::bootstrap::run(service, server.objects(), server.config(), &pki).await.unwrap();
    (server, pki, folder)
}

async fn send(server: &ApiServer, identity: Identity, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(full(if body.is_null() { String::new() } else { body.to_string() })).unwrap();
    let response = server.service(identity).oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A page that is text.
async fn text(server: &ApiServer, path: &str) -> (u16, String) {
    let request = Request::get(path).body(full("")).unwrap();
    let response = server.service(Identity::server()).oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    (code, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn a_fresh_cluster_has_its_objects_and_a_second_start_changes_nothing() {
    let (server, pki, _folder) = whole_server().await;
    let admin = || Identity::new("system:admin", &["system:masters"]);
    let get = async |path: &str| send(&server, admin(), Method::GET, path, Value::Null).await;
    for path in [
        "/api/v1/namespaces/kube-node-lease",
        "/api/v1/namespaces/default/services/kubernetes",
        "/api/v1/namespaces/default/endpoints/kubernetes",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
        "/apis/networking.k8s.io/v1/servicecidrs/kubernetes",
        "/apis/networking.k8s.io/v1/ipaddresses/10.43.0.1",
        "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
        "/api/v1/namespaces/kube-public/configmaps/cluster-info",
        "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/catch-all",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin",
        "/.well-known/openid-configuration",
        "/openid/v1/jwks",
    ] {
        let (code, body) = get(path).await;
        assert_eq!(code, 200, "{path}: {body}");
    }
    let revision = server.objects().revision();
    crate::bootstrap::run(server.service(Identity::server()), server.objects(), server.config(), &pki).await.unwrap();
    let changed: BTreeMap<String, u64> = server
        .objects()
        .snapshot()
        .range("/registry/")
        .filter(|item| item.revision > revision)
        .map(|item| (item.key.to_string(), item.revision))
        .collect();
    assert!(changed.is_empty(), "a second start writes {changed:?}");
}

#[tokio::test]
async fn users_get_what_their_roles_say_and_cannot_give_themselves_more() {
    let (server, ..) = whole_server().await;
    let admin = || Identity::new("system:admin", &["system:masters"]);
    let jane = || Identity::new("jane", &["system:authenticated"]);
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let binding = |name: &str, role: &str| {
        json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
        })
    };
    let pods = "/api/v1/namespaces/default/pods";
    assert_eq!(send(&server, jane(), Method::GET, pods, Value::Null).await.0, 403);
    let (code, body) = send(&server, admin(), Method::POST, bindings, binding("jane", "admin")).await;
    assert_eq!(code, 201, "{body}");
    assert_eq!(send(&server, jane(), Method::GET, pods, Value::Null).await.0, 200);
    assert_eq!(send(&server, jane(), Method::POST, bindings, binding("more", "edit")).await.0, 201);
    let (code, body) = send(&server, jane(), Method::POST, bindings, binding("root", "cluster-admin")).await;
    assert_eq!(code, 403, "{body}");
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("is attempting to grant RBAC permissions not currently held:"), "{message}");
    assert_eq!(send(&server, Identity::anonymous(), Method::GET, "/version", Value::Null).await.0, 200);
    assert_eq!(send(&server, Identity::anonymous(), Method::GET, "/api", Value::Null).await.0, 403);
}

#[tokio::test]
async fn the_whole_bootstrap_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let objects = testing::objects();
    let config = Config::new(folder.path());
    let pki = Pki::open(&objects.store, &config, objects.env()).await.unwrap();
    let server = crate::assemble(config, Kinds::new(api::kinds::ALL), objects, &pki).unwrap();
    let before = server.objects().revision();
    crate::bootstrap::run(server.service(Identity::server()), server.objects(), server.config(), &pki).await.unwrap();
    let made = server.objects().snapshot().range("/registry/").count() as u64;
    assert!(made > 170, "{made}");
    // Work, not time, which is the machine's: one write an object, and one request or two.
    let writes = server.objects().revision() - before;
    assert!(writes <= made, "{writes} writes of {made} objects");
    let (_, metrics) = text(&server, "/metrics").await;
    let counted = metrics.lines().filter(|line| line.starts_with("apiserver_request_total{"));
    let requests: u64 = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    assert!(requests <= 2 * made, "{requests} requests for {made} objects");
}

#[test]
fn pods_are_held_against_the_standards() {
    let cases = testing::yaml(include_str!("../../cases/pod_security.yaml"));
    for case in cases.as_array().unwrap() {
        let level = pod_security::Level::known(case["level"].as_str().unwrap()).unwrap();
        let found = pod_security::violations(level, &json!({}), &case["spec"]);
        assert_eq!(found, case["then"].as_str().unwrap(), "{case}");
    }
}

#[tokio::test]
async fn namespaces_say_which_standard_holds() {
    let objects = testing::objects();
    let plugin = pod_security::PodSecurity::new(objects.clone());
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/enforce-version": "v1.30"});
    objects.create(row("", "v1", "namespaces"), json!({"metadata": {"name": "web", "labels": labels}})).await.unwrap();
    let host = json!({"hostNetwork": true, "containers": [{"name": "a"}]});
    let refused = Ask::create(pods(), pod(host.clone())).of(&plugin).await.unwrap_err();
    let expected =
        r#"pods "p" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)"#;
    assert_eq!(refused.message, expected);
    assert!(Ask::create(pods(), pod(json!({"containers": [{"name": "a"}]}))).of(&plugin).await.is_ok());
    let mut other = pod(host);
    other["metadata"]["namespace"] = "free".into();
    assert!(Ask::create(pods(), other).of(&plugin).await.is_ok(), "no label, no rule");
}

#[tokio::test]
async fn a_stricter_level_names_the_pods_that_do_not_meet_it() {
    let objects = testing::objects();
    let plugin = pod_security::PodSecurity::new(objects.clone());
    let namespaces = row("", "v1", "namespaces");
    let labelled = |labels: Value| json!({"metadata": {"name": "web", "labels": labels}});
    let level = |level: &str| labelled(json!({"pod-security.kubernetes.io/enforce": level}));
    for (name, spec) in [
        ("b", json!({"hostNetwork": true, "containers": [{"name": "a"}]})),
        ("a", json!({"hostNetwork": true, "containers": [{"name": "a"}]})),
        ("c", json!({"hostPID": true, "containers": [{"name": "a", "securityContext": {"privileged": true}}]})),
        ("fine", json!({"containers": [{"name": "a"}]})),
    ] {
        let pod = json!({"metadata": {"name": name, "namespace": "web"}, "spec": spec});
        objects.create(pods(), pod).await.unwrap();
    }
    let change = async |old: Value, new: Value| {
        let warnings = Warnings::default();
        let ask = Ask { operation: Operation::Update, old: Some(old), ..Ask::create(namespaces, new) };
        ask.with(&plugin, &warnings).await.map(|_| warnings.take())
    };
    let expected = [
        r#"existing pods in namespace "web" violate the new PodSecurity enforce level "baseline:latest""#,
        "a (and 1 other pod): host namespaces",
        "c: host namespaces, privileged",
    ];
    assert_eq!(change(level("privileged"), level("baseline")).await.unwrap(), expected);
    assert_eq!(change(level("restricted"), level("baseline")).await.unwrap(), [""; 0], "it became laxer");
    assert_eq!(change(level("baseline"), level("baseline")).await.unwrap(), [""; 0], "nothing changed");
    let refused = change(level("baseline"), level("strict")).await.unwrap_err();
    let wrong = "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted";
    assert_eq!(refused.message, format!("Namespace \"web\" is invalid: {wrong}"));
    assert!(change(level("strict"), level("strict")).await.is_ok(), "it was wrong before");
}

#[tokio::test]
async fn workloads_are_warned_of_what_is_enforced() {
    let objects = testing::objects();
    let plugin = pod_security::PodSecurity::new(objects.clone());
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    objects.create(row("", "v1", "namespaces"), json!({"metadata": {"name": "web", "labels": labels}})).await.unwrap();
    let template = json!({"spec": {"hostNetwork": true, "containers": [{"name": "a"}]}});
    let deployment = json!({"metadata": {"name": "d", "namespace": "web"}, "spec": {"template": template}});
    let warnings = Warnings::default();
    Ask::create(row("apps", "v1", "deployments"), deployment).with(&plugin, &warnings).await.unwrap();
    let expected = r#"would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)"#;
    assert_eq!(warnings.take(), [expected]);
}

#[tokio::test]
async fn limit_ranges_fill_in_and_refuse() {
    let objects = testing::objects();
    let plugin = limit_ranger::LimitRanger::new(objects.clone());
    let container = json!({
        "type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"},
        "min": {"cpu": "50m"}, "max": {"memory": "1Gi"}, "maxLimitRequestRatio": {"cpu": "10"},
    });
    let range = json!({"metadata": {"name": "r", "namespace": "web"}, "spec": {"limits": [container]}});
    objects.create(row("", "v1", "limitranges"), range).await.unwrap();
    let admit = async |resources: Value| {
        Ask::create(pods(), pod(json!({"containers": [{"name": "a", "resources": resources}]}))).of(&plugin).await
    };
    let filled = admit(json!({"limits": {"memory": "1Gi"}})).await.unwrap();
    let expected = json!({"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "100m"}});
    assert_eq!(filled["spec"]["containers"][0]["resources"], expected);
    let note = "LimitRanger plugin set: cpu request for container a; cpu limit for container a";
    assert_eq!(filled["metadata"]["annotations"]["kubernetes.io/limit-ranger"], note);
    for (resources, why) in [
        (json!({"limits": {"memory": "2Gi"}}), "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
        (json!({"limits": {}}), "maximum memory usage per Container is 1Gi, but no limit is specified"),
        (
            json!({"limits": {"memory": "1Gi"}, "requests": {"cpu": "10m"}}),
            "[minimum cpu usage per Container is 50m, but request is 10m, cpu max limit to request ratio per Container is 10, but provided ratio is 50.000000]",
        ),
    ] {
        let refused = admit(resources).await.unwrap_err();
        assert_eq!(refused.message, format!("pods \"p\" is forbidden: {why}"));
    }
}

#[tokio::test]
async fn quotas_are_charged_until_they_are_full() {
    let objects = testing::objects();
    let plugin = resource_quota::ResourceQuota::new(objects.clone());
    let quotas = row("", "v1", "resourcequotas");
    let quota = json!({
        "metadata": {"name": "q", "namespace": "web"},
        "status": {"hard": {"pods": "2", "requests.cpu": "1", "count/secrets": "1"}, "used": {"pods": "0", "requests.cpu": "0"}},
    });
    objects.create(quotas, quota).await.unwrap();
    let admit = async |cpu: &str| {
        let spec = json!({"containers": [{"name": "a", "resources": {"requests": {"cpu": cpu}}}]});
        Ask::create(pods(), pod(spec)).of(&plugin).await.map_err(|status| status.message)
    };
    assert!(admit("600m").await.is_ok());
    let used = objects.get(quotas, "web", "q").unwrap()["status"]["used"].clone();
    assert_eq!(used, json!({"pods": "1", "requests.cpu": "600m"}));
    let full = r#"pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"#;
    assert_eq!(admit("600m").await.unwrap_err(), full);
    assert!(admit("400m").await.is_ok());
    let full = r#"pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"#;
    assert_eq!(admit("0").await.unwrap_err(), full);
    let silent = Ask::create(pods(), pod(json!({"containers": [{"name": "a"}]}))).of(&plugin).await.unwrap_err();
    assert_eq!(silent.message, r#"pods "p" is forbidden: failed quota: q: must specify requests.cpu for: a"#);
    let secrets = row("", "v1", "secrets");
    let secret = || json!({"metadata": {"name": "s", "namespace": "web"}});
    assert!(Ask::create(secrets, secret()).of(&plugin).await.is_ok());
    let full = Ask::create(secrets, secret()).of(&plugin).await.unwrap_err();
    assert!(
        full.message.ends_with(
            "exceeded quota: q, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1"
        ),
        "{full}"
    );
}

#[tokio::test]
async fn classes_that_are_default_are_filled_in() {
    let objects = testing::objects();
    let plugin = default_class::DefaultClass::storage(objects.clone());
    let claims = row("", "v1", "persistentvolumeclaims");
    let claim = |spec: Value| json!({"metadata": {"name": "c", "namespace": "web"}, "spec": spec});
    assert_eq!(Ask::create(claims, claim(json!({}))).of(&plugin).await.unwrap()["spec"], json!({}));
    let class =
        json!({"metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}});
    objects.create(row("storage.k8s.io", "v1", "storageclasses"), class).await.unwrap();
    assert_eq!(Ask::create(claims, claim(json!({}))).of(&plugin).await.unwrap()["spec"]["storageClassName"], "local");
    let none = json!({"storageClassName": ""});
    assert_eq!(Ask::create(claims, claim(none.clone())).of(&plugin).await.unwrap()["spec"], none, "none is a choice");
}
