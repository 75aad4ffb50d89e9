//! Reading: get in all its forms, describe, events, explain, what the server serves and allows.

use super::Row;

pub const ROWS: &[Row] = &[
    (
        "kubectl apply -f deployment.yaml -f services.yaml",
        &["deployment.apps/nginx-deployment created", "service/nginx-lb created"],
    ),
    ("kubectl rollout status deployment/nginx-deployment --timeout=90s", &["successfully rolled out"]),
    ("kubectl wait --for=condition=Available deployment/nginx-deployment --timeout=30s", &["condition met"]),
    ("kubectl get deployments", &["NAME               READY   UP-TO-DATE   AVAILABLE   AGE", "3/3     3            3"]),
    ("test $(kubectl get pods -l app=nginx --no-headers | wc -l) = 3", &[]),
    ("kubectl get pods -l app=other", &["No resources found in default namespace."]),
    ("kubectl get pods --field-selector=status.phase=Running -o name", &["pod/nginx-deployment-"]),
    ("kubectl get nodes", &["STATUS", "node-1   Ready    control-plane", "v1."]),
    ("kubectl get nodes -o wide", &["INTERNAL-IP", "172.30.0.1", "OS-IMAGE", "KERNEL-VERSION", "://"]),
    (
        "kubectl get all",
        &[
            "pod/nginx-deployment-",
            "service/nginx-clusterip",
            "deployment.apps/nginx-deployment   3/3",
            "replicaset.apps/nginx-deployment-",
        ],
    ),
    ("kubectl get services", &["80:30080/TCP", "LoadBalancer", "kubernetes"]),
    ("kubectl get pods -A", &["NAMESPACE   NAME", "default     nginx-deployment-", "1/1     Running   0"]),
    ("kubectl get pods -o wide", &["NOMINATED NODE", "READINESS GATES", "node-1", "10.42.0."]),
    ("kubectl get pods --show-labels", &["LABELS", "app=nginx,pod-template-hash="]),
    ("kubectl get pods -L app", &["APP", "nginx"]),
    (
        "kubectl get deployment nginx-deployment -o yaml",
        &["apiVersion: apps/v1\n", "kind: Deployment\n", "replicas: 3\n"],
    ),
    ("kubectl get deployment nginx-deployment -o json", &["\"kind\": \"Deployment\"", "\"readyReplicas\": 3"]),
    ("kubectl get pods -o jsonpath='{.items[0].spec.containers[*].image}'", &["nginx:1.21"]),
    (
        "kubectl get pods -o custom-columns=POD:.metadata.name,IMAGE:.spec.containers[0].image",
        &["POD", "IMAGE", "nginx:1.21"],
    ),
    ("kubectl get pods --sort-by=.metadata.creationTimestamp -o go-template='{{len .items}}'", &["3"]),
    ("kubectl get deployment,service -o name", &["deployment.apps/nginx-deployment", "service/nginx-nodeport"]),
    ("kubectl get endpointslices", &["ADDRESSTYPE", "IPv4", "80", "10.42.0."]),
    ("kubectl get namespaces", &["kube-system", "Active"]),
    ("! kubectl get pod nosuch", &["Error from server (NotFound): pods \"nosuch\" not found"]),
    (
        "kubectl get events --sort-by=.lastTimestamp",
        &["LAST SEEN", "Scheduled", "Pulled", "Created", "Started", "ScalingReplicaSet", "SuccessfulCreate"],
    ),
    ("kubectl events --for deployment/nginx-deployment", &["ScalingReplicaSet"]),
    (
        "kubectl describe $(kubectl get pods -l app=nginx -o name | head -n 1)",
        &[
            "Status:           Running",
            "Node:             node-1/172.30.0.1",
            "Controlled By:  ReplicaSet/nginx-deployment-",
            "QoS Class:                   Burstable",
            "ContainersReady             True",
            "Successfully assigned default/nginx-deployment-",
            "Container started",
        ],
    ),
    ("kubectl describe svc nginx-nodeport", &["NodePort:                 <unset>  30080/TCP", "10.42.0.", ":80"]),
    (
        "kubectl describe node node-1",
        &[
            "Roles:              control-plane",
            "MemoryPressure",
            "Allocated resources:",
            "750m (",
            "Non-terminated Pods:",
        ],
    ),
    (
        "kubectl describe deployment nginx-deployment",
        &[
            "3 desired | 3 updated | 3 total | 3 available | 0 unavailable",
            "NewReplicaSet:   nginx-deployment-",
            "ScalingReplicaSet",
        ],
    ),
    ("kubectl describe namespace default", &["Status:       Active"]),
    ("kubectl cluster-info", &["Kubernetes control plane", "is running at", ":6443"]),
    ("kubectl get --raw /version", &["\"gitVersion\":\"v1."]),
    (
        "kubectl explain deployment --recursive",
        &["GROUP:      apps", "maxUnavailable\t<IntOrString>", "containers\t<[]Container>"],
    ),
    ("kubectl explain pod.spec.containers.image", &["FIELD: image <string>"]),
    ("kubectl api-resources", &["deployments", "deploy", "apps/v1", "networkpolicies", "netpol"]),
    ("kubectl api-resources --namespaced=false -o name", &["nodes", "namespaces"]),
    ("kubectl api-versions", &["apps/v1", "batch/v1", "networking.k8s.io/v1"]),
    ("kubectl auth can-i create deployments", &["yes"]),
    ("! kubectl auth can-i list secrets --as=nobody", &["no"]),
    ("kubectl auth can-i --list", &["*.*"]),
    // kubectl 1.27 knows only the review's alpha and beta, which no cluster of today serves, and says so.
    ("kubectl auth whoami 2>&1 | grep -c 'system:masters\\|enable APISelfSubjectReview feature gate'", &["1"]),
    ("! kubectl top nodes", &["Metrics API not available"]),
    ("! kubectl top pods", &["Metrics API not available"]),
    ("kubectl get --raw /healthz", &["ok"]),
];
