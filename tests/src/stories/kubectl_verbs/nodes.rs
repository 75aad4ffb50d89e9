//! Nodes: taints, cordon, drain with a DaemonSet, an emptyDir and a bare Pod in the way, uncordon.

use super::Row;

pub const ROWS: &[Row] = &[
    ("kubectl apply -f daemonset.yaml", &["daemonset.apps/fluentd-logging created"]),
    ("kubectl rollout status daemonset/fluentd-logging --timeout=60s", &["successfully rolled out"]),
    ("kubectl taint nodes node-1 gpu=true:NoSchedule", &["node/node-1 tainted"]),
    ("kubectl describe node node-1", &["Taints:             gpu=true:NoSchedule"]),
    ("kubectl taint nodes node-1 gpu=true:NoSchedule-", &["node/node-1 untainted"]),
    ("kubectl label node node-1 disk=ssd", &["node/node-1 labeled"]),
    ("kubectl cordon node-1", &["node/node-1 cordoned"]),
    ("kubectl get nodes", &["Ready,SchedulingDisabled"]),
    (
        "! kubectl drain node-1",
        &[
            "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/fluentd-logging-",
            "cannot delete Pods with local storage (use --delete-emptydir-data to override): default/two",
        ],
    ),
    (
        "kubectl drain node-1 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s",
        &["evicting pod default/nginx-deployment-", "pod/two evicted", "node/node-1 drained"],
    ),
    ("test $(kubectl get pods --field-selector=status.phase=Running -o name | wc -l) = 1", &[]),
    ("kubectl uncordon node-1", &["node/node-1 uncordoned"]),
    ("kubectl rollout status deployment/nginx-deployment --timeout=60s", &["successfully rolled out"]),
    ("kubectl delete -f deployment.yaml -f daemonset.yaml", &["daemonset.apps \"fluentd-logging\" deleted"]),
];
