#!/bin/sh
# drive.sh KUSTOMIZE: two overlays built and applied. It ends with 1 at the first thing that is not as it has to be. It changes copies.
set -eu

KUSTOMIZE=$1
KUBECTL=${KUBECTL:-kubectl}
PLACE=$(mktemp -d)
trap 'rm -rf "$PLACE"' EXIT
cp -r "$(dirname "$0")/base" "$(dirname "$0")/test" "$(dirname "$0")/production" "$PLACE"
cd "$PLACE"

fail() {
    printf '%s\nprinted\n%s\n%s\n' "$1" "$2" "$3" >&2
    exit 1
}

# says TEXT COMMAND: the shell's command succeeds and prints the text.
says() {
    printed=$(eval "$2" 2>&1) || fail "$2" "$printed" "and ended with $?"
    case "$printed" in
    *"$1"*) echo "ok: $2" ;;
    *) fail "$2" "$printed" "without $1" ;;
    esac
}

# of NAMESPACE OBJECT JSONPATH VALUE: what kubectl finds there, to the letter.
of() {
    printed=$("$KUBECTL" get -n "$1" "$2" -o "jsonpath=$3" 2>&1) || fail "get $2" "$printed" "and ended with $?"
    [ "$printed" = "$4" ] || fail "$3 of $2" "$printed" "not $4"
    echo "ok: $2 $3"
}

build() { "$KUSTOMIZE" build "$1"; }

page() { build "$1" | sed -n 's/^  name: \(.*page-.*\)/\1/p'; }

apply="$KUBECTL apply -n test -f - --prune -l app=site --prune-allowlist=core/v1/ConfigMap"

# What is built is applied as it is, and has changed nothing when it is applied again.
says 'deployment.apps/site created' "build test | $KUBECTL apply -f -"
says 'successfully rolled out' "$KUBECTL rollout status -n test deployment/site --timeout=60s"
of test deployment/site '{.spec.template.spec.containers[0].image}' nginx:1.21
of test deployment/site '{.spec.template.spec.volumes[0].configMap.name}' "$(page test)"
of test service/site '{.spec.selector}' '{"app":"site"}'
says 'deployment.apps/site unchanged' "build test | $KUBECTL apply -f -"
says 'deployment.apps/site serverside-applied' "build test | $KUBECTL apply --server-side --force-conflicts -f -"
says '' "build test | $KUBECTL diff -f -"

# A changed file gives a new name, the Deployment rolls to it, and what has the old name is pruned.
old=$(page test)
echo 'the next page' > base/index.html
new=$(page test)
[ "$old" != "$new" ] || fail 'a changed page' "$new" 'is named as before'
says "configmap/$old pruned" "build test | $apply"
says 'successfully rolled out' "$KUBECTL rollout status -n test deployment/site --timeout=60s"
of test configmap '{.items[?(@.metadata.labels.app=="site")].metadata.name}' "$new"

# The other overlay by kubectl's own kustomize.
says 'namespace/production created' "$KUBECTL create namespace production"
says 'deployment.apps/big-site created' "$KUBECTL apply -k production"
says 'successfully rolled out' "$KUBECTL rollout status -n production deployment/big-site --timeout=60s"
of production deployment/big-site '{.status.readyReplicas} {.spec.template.spec.containers[0].image}' '2 nginx:1.22'
of production service/big-site '{.spec.ports[0].port} {.spec.ports[0].targetPort}' '8080 80'
of production "configmap/$(page production)" '{.data.note\.txt}' 'of production'
says secret "$KUBECTL exec -n production deployment/big-site -- sh -c 'echo \$KEY'"
says 'deployment.apps/big-site unchanged' "build production | $KUBECTL apply -f -"
says 'deployment.apps/big-site configured (server dry run)' \
    "sed -i 's/count: 2/count: 1/' production/kustomization.yaml; $KUBECTL apply -k production --dry-run=server"
says 'service "big-site" deleted' "$KUBECTL delete -k production"
says 'namespace "test" deleted' "build test | $KUBECTL delete -f - --timeout=60s"

echo "all is as it has to be with $("$KUSTOMIZE" version)"
