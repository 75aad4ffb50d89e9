//! `apply --server-side`: conflicts and force, what was applied by the client before, lists by key, and what an ApplySet prunes.

use super::Row;

const MIGRATES: &str = "kubectl apply -f side.yaml -n side
kubectl get configmap side -n side --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager};'
kubectl apply --server-side -f side.yaml -n side
kubectl get configmap side -n side --show-managed-fields -o jsonpath='{range .metadata.managedFields[*]}{.manager} {.operation};{end}'
sed /size/d side.yaml | kubectl apply --server-side -n side -f -
kubectl get configmap side -n side -o jsonpath='{.data}'";

const PORTS: &str = "kubectl apply --server-side -f ports.yaml -n side
sed 's/name: dns-tcp/name: tcp/' ports.yaml | kubectl apply --server-side -n side -f -
kubectl get service dns -n side -o jsonpath='{range .spec.ports[*]}{.name}/{.port}/{.protocol} {end}'";

pub const ROWS: &[Row] = &[
    ("kubectl create namespace side", &["namespace/side created"]),
    ("printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: side}\\ndata:\\n  color: red\\n  size: \"1\"\\n' > side.yaml", &[]),
    // A client-side apply of before is taken over: what it owned goes when it is not applied any more. The annotation that such an apply
    // reads is kept up to date by a manager of its own.
    (
        MIGRATES,
        &["configmap/side created\nkubectl-client-side-apply;configmap/side serverside-applied\nkubectl Apply;kubectl-last-applied Apply;configmap/side serverside-applied\n{\"color\":\"red\"}"],
    ),
    ("kubectl apply --server-side -f side.yaml -n side --dry-run=server", &["configmap/side serverside-applied (server dry run)"]),
    ("kubectl diff --server-side -f side.yaml -n side || test $? = 1", &["+  size: \"1\"\n"]),
    (
        "sed s/red/blue/ side.yaml | kubectl apply --server-side --field-manager=other -n side -f - || echo refused",
        &[
            "error: Apply failed with 1 conflict: conflict with \"kubectl\": .data.color\n",
            "Please review the fields above--they currently have other managers.",
            "refused\n",
        ],
    ),
    (
        "sed s/red/blue/ side.yaml | kubectl apply --server-side --field-manager=other --force-conflicts -n side -f -",
        &["configmap/side serverside-applied"],
    ),
    (
        "kubectl apply --server-side -f side.yaml -n side || kubectl get configmap side -n side -o jsonpath='{.data.color}'",
        &["conflict with \"other\": .data.color\n", "blue"],
    ),
    (
        "kubectl create deployment side --image=nginx -n side --dry-run=client -o yaml | kubectl apply --server-side -n side -f -
         kubectl scale deployment side --replicas=2 -n side
         kubectl create deployment side --image=nginx -n side --dry-run=client -o yaml | kubectl apply --server-side -n side -f - || true",
        &["conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas"],
    ),
    (
        "printf 'apiVersion: v1\\nkind: Service\\nmetadata: {name: dns}\\nspec:\\n  ports:\\n  - {name: dns-udp, port: 53, protocol: UDP}\\n  - {name: dns-tcp, port: 53, protocol: TCP}\\n' > ports.yaml",
        &[],
    ),
    (PORTS, &["dns-udp/53/UDP tcp/53/TCP "]),
    (
        "export KUBECTL_APPLYSET=true
         kubectl create configmap kept -n side --dry-run=client -o yaml > set.yaml
         (cat set.yaml; echo ---; kubectl create configmap left -n side --dry-run=client -o yaml) |
             kubectl apply --server-side --prune --applyset=configmaps/set -n side -f -
         kubectl apply --server-side --prune --applyset=configmaps/set -n side -f set.yaml
         kubectl get configmap -n side -l applyset.kubernetes.io/part-of -o name",
        &["configmap/left serverside-applied", "configmap/left pruned\nconfigmap/kept\n"],
    ),
    ("kubectl delete namespace side --wait=false", &["deleted"]),
];
