//! Addresses, operation ids and words are upstream's (kubernetes api/openapi-spec).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn v3(group: &str, version: &str) -> Value {
    serde_json::from_slice(&v3_group(group, version).expect("served").plain()).expect("JSON")
}

#[test]
fn the_index_leads_to_every_group() {
    let index = v3_index();
    let apps = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
    assert!(apps.starts_with("/openapi/v3/apis/apps/v1?hash="), "{apps}");
    assert!(index["paths"]["api/v1"].is_object());
    assert_eq!(apps.split_once("hash=").unwrap().1, v3_group("apps", "v1").unwrap().etag);
    assert!(v3_group("apps", "v2").is_none());
}

#[test]
fn operations_have_upstreams_ids() {
    let apps = v3("apps", "v1");
    let base = "/apis/apps/v1/namespaces/{namespace}/deployments";
    let expected = [
        (base.to_owned(), "get", "listAppsV1NamespacedDeployment", "list"),
        (base.to_owned(), "post", "createAppsV1NamespacedDeployment", "post"),
        (base.to_owned(), "delete", "deleteAppsV1CollectionNamespacedDeployment", "deletecollection"),
        (format!("{base}/{{name}}"), "get", "readAppsV1NamespacedDeployment", "get"),
        (format!("{base}/{{name}}"), "put", "replaceAppsV1NamespacedDeployment", "put"),
        (format!("{base}/{{name}}"), "patch", "patchAppsV1NamespacedDeployment", "patch"),
        (format!("{base}/{{name}}"), "delete", "deleteAppsV1NamespacedDeployment", "delete"),
        (format!("{base}/{{name}}/status"), "put", "replaceAppsV1NamespacedDeploymentStatus", "put"),
        (format!("{base}/{{name}}/scale"), "get", "readAppsV1NamespacedDeploymentScale", "get"),
        ("/apis/apps/v1/deployments".to_owned(), "get", "listAppsV1DeploymentForAllNamespaces", "list"),
    ];
    for (path, method, id, action) in expected {
        let operation = &apps["paths"][&path][method];
        assert_eq!(operation["operationId"], id);
        assert_eq!(operation["x-kubernetes-action"], action, "{id}");
        assert_eq!(operation["tags"], json!(["apps_v1"]), "{id}");
    }
    assert_eq!(apps["paths"]["/apis/apps/v1/"]["get"]["operationId"], "getAppsV1APIResources");
    let core = v3("", "v1");
    let ids = [
        ("/api/v1/namespaces/{namespace}/pods/{name}/exec", "post", "connectCoreV1PostNamespacedPodExec"),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}",
            "get",
            "connectCoreV1GetNamespacedPodProxyWithPath",
        ),
        ("/api/v1/namespaces/{namespace}/pods/{name}/log", "get", "readCoreV1NamespacedPodLog"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/binding", "post", "createCoreV1NamespacedPodBinding"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/eviction", "post", "createCoreV1NamespacedPodEviction"),
        (
            "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            "post",
            "createCoreV1NamespacedServiceAccountToken",
        ),
        ("/api/v1/namespaces/{name}/finalize", "put", "replaceCoreV1NamespaceFinalize"),
        ("/api/v1/nodes/{name}", "get", "readCoreV1Node"),
    ];
    for (path, method, id) in ids {
        assert_eq!(core["paths"][path][method]["operationId"], id);
    }
    let rbac = v3("rbac.authorization.k8s.io", "v1");
    let operation = &rbac["paths"]["/apis/rbac.authorization.k8s.io/v1/clusterroles"]["get"];
    assert_eq!(
        (&operation["operationId"], &operation["tags"]),
        (&json!("listRbacAuthorizationV1ClusterRole"), &json!(["rbacAuthorization_v1"]))
    );
}

#[test]
fn kubectl_finds_field_validation_on_patches() {
    let apps = v3("apps", "v1");
    let patch = &apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "apps", "version": "v1", "kind": "Deployment"})
    );
    let names: Vec<&str> = patch["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    let media: Vec<&String> = patch["requestBody"]["content"].as_object().unwrap().keys().collect();
    assert!(media.iter().any(|media| *media == "application/strategic-merge-patch+json"), "{media:?}");
}

#[test]
fn schemas_carry_upstreams_extensions() {
    let apps = v3("apps", "v1");
    let schemas = &apps["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(
        deployment["x-kubernetes-group-version-kind"],
        json!([{"group": "apps", "version": "v1", "kind": "Deployment"}])
    );
    assert_eq!(
        deployment["properties"]["spec"]["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"
    );
    assert!(deployment["properties"]["spec"]["description"].is_string());
    assert_eq!(deployment.get("required"), None);
    assert_eq!(schemas["io.k8s.api.apps.v1.DeploymentSpec"]["required"], json!(["selector", "template"]));
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(
        (&containers["x-kubernetes-patch-strategy"], &containers["x-kubernetes-patch-merge-key"]),
        (&json!("merge"), &json!("name"))
    );
    let volumes = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["volumes"];
    assert_eq!(volumes["x-kubernetes-patch-strategy"], "merge,retainKeys");
    let port = &schemas["io.k8s.api.core.v1.ContainerPort"];
    assert_eq!(port["required"], json!(["containerPort"]));
    assert_eq!(port["properties"]["protocol"]["default"], "TCP");
    assert_eq!(port["properties"]["containerPort"]["format"], "int32");
    assert_eq!(
        schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]["oneOf"],
        json!([{"type": "string"}, {"type": "number"}])
    );
    assert_eq!(schemas["io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"]["x-kubernetes-map-type"], "atomic");
    assert!(schemas["io.k8s.api.autoscaling.v1.Scale"].is_object());
    assert!(schemas["io.k8s.api.apps.v1.DeploymentList"].is_object());
    assert!(schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Patch"].is_object());
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_kind_is_described() {
    for group in GROUPS.iter() {
        let document = v3(group.group, group.version);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{}/{}: {reference}", group.group, group.version);
        }
    }
    let document: Value = serde_json::from_slice(&v2_json().plain()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "v2: {reference}");
    }
    for kind in kinds::ALL {
        let id = schema::of(kind.group, kind.version, kind.kind).and_then(|schema| schema.type_id()).expect(kind.kind);
        let name = components::full_name(schema::table().get(id));
        assert!(document["definitions"][&name]["description"].is_string(), "{name} has no description");
    }
}

#[test]
fn operation_ids_are_unique() {
    let document: Value = serde_json::from_slice(&v2_json().plain()).unwrap();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values().filter_map(|operation| operation["operationId"].as_str()) {
            assert!(seen.insert(operation.to_owned()), "{operation} at {path} again");
        }
    }
    assert!(seen.len() > 500, "{}", seen.len());
}
