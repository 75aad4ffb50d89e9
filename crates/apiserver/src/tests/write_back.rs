//! Operators and Terraform read an object and write the same back, over and over: in protobuf as in JSON nothing may change by that.

use http::Method;
use serde_json::Value;

use super::support::server;
use super::wire::ask;
use crate::negotiate::{JSON, PROTOBUF};

/// One YAML document per line: the path and the object.
const OBJECTS: &[(&str, &str)] = &[
    ("/api/v1/namespaces/d/configmaps", "{data: {a: b}, binaryData: {c: AAH/}}"),
    ("/api/v1/namespaces/d/secrets", "{stringData: {a: b}, type: Opaque}"),
    (
        "/api/v1/namespaces/d/services",
        "{spec: {type: ExternalName, externalName: a.b, ports: [{port: 80, targetPort: web}]}}",
    ),
    (
        "/api/v1/namespaces/d/persistentvolumeclaims",
        "{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1.5Gi}}}}",
    ),
    (
        "/api/v1/namespaces/d/pods",
        "{spec: {containers: [{name: c, image: i, resources: {limits: {cpu: 0.5}}, livenessProbe: {httpGet: {port: web}}}], tolerations: [{operator: Exists}]}}",
    ),
    ("/api/v1/namespaces/d/serviceaccounts", "{automountServiceAccountToken: false}"),
    ("/api/v1/namespaces/d/resourcequotas", "{spec: {hard: {pods: 10, requests.cpu: 1500m}}}"),
    ("/api/v1/namespaces/d/limitranges", "{spec: {limits: [{type: Container, default: {cpu: 100m}}]}}"),
    (
        "/apis/apps/v1/namespaces/d/deployments",
        "{spec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}",
    ),
    (
        "/apis/apps/v1/namespaces/d/statefulsets",
        "{spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}, volumeClaimTemplates: [{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}",
    ),
    (
        "/apis/apps/v1/namespaces/d/daemonsets",
        "{spec: {selector: {matchLabels: {a: b}}, updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}",
    ),
    (
        "/apis/batch/v1/namespaces/d/jobs",
        "{spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}",
    ),
    (
        "/apis/batch/v1/namespaces/d/cronjobs",
        "{spec: {schedule: '* * * * *', suspend: true, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}",
    ),
    (
        "/apis/autoscaling/v1/namespaces/d/horizontalpodautoscalers",
        "{spec: {maxReplicas: 3, targetCPUUtilizationPercentage: 60, scaleTargetRef: {kind: Deployment, name: w, apiVersion: apps/v1}}}",
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/d/networkpolicies",
        "{spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: web}, {port: 80, endPort: 90}]}, {}]}}",
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/d/ingresses",
        "{spec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}}",
    ),
    ("/apis/policy/v1/namespaces/d/poddisruptionbudgets", "{spec: {minAvailable: 50%, selector: {}}}"),
    (
        "/apis/rbac.authorization.k8s.io/v1/namespaces/d/roles",
        "{rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]}",
    ),
    (
        "/apis/coordination.k8s.io/v1/namespaces/d/leases",
        "{spec: {holderIdentity: a, leaseDurationSeconds: 15, renewTime: '2024-01-02T03:04:05.000006Z'}}",
    ),
    ("/apis/storage.k8s.io/v1/storageclasses", "{provisioner: a.b/c, allowVolumeExpansion: true, parameters: {x: z}}"),
    ("/apis/scheduling.k8s.io/v1/priorityclasses", "{value: -7}"),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "{metadata: {name: things.a.b}, spec: {group: a.b, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, additionalProperties: {type: string, enum: [a, 7]}, default: {k: a}}, list: {type: array, items: {type: integer, minimum: 0.5}}}}}}]}}",
    ),
];

const TIMES: usize = 100;

#[tokio::test]
async fn what_is_read_and_written_back_moves_nothing() {
    let server = server();
    assert!(OBJECTS.len() >= 20, "only {} kinds", OBJECTS.len());
    for (collection, text) in OBJECTS {
        let (mut object, _) =
            api::decode::yaml(text.as_bytes()).unwrap_or_else(|error| panic!("{collection}: {error}"));
        if object["metadata"]["name"].is_null() {
            object["metadata"]["name"] = "x".into();
        }
        let (code, created) = ask(&server, Method::POST, collection, JSON, Some(&object)).await;
        assert_eq!(code, 201, "{collection}: {created}");
        let path = format!("{collection}/{}", created["metadata"]["name"].as_str().unwrap_or_default());
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        for media_type in [PROTOBUF, JSON].into_iter().cycle().take(TIMES) {
            let (_, read) = ask(&server, Method::GET, &path, media_type, None).await;
            let (code, written) = ask(&server, Method::PUT, &path, media_type, Some(&read)).await;
            assert_eq!((code, version(&written)), (200, version(&created)), "{path} in {media_type}: {written}");
        }
    }
}
