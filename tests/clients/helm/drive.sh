#!/bin/sh
# drive.sh HELM: the life of a release of ./chart. It ends with 1 at the first thing that is not as it has to be.
set -eu

HELM=$1
KUBECTL=${KUBECTL:-kubectl}
CHART=$(dirname "$0")/chart
PATIENCE=${PATIENCE:-60s}

fail() {
    printf '%s\nprinted\n%s\n%s\n' "$1" "$2" "$3" >&2
    exit 1
}

# says TEXT COMMAND...: the command succeeds and prints the text.
says() {
    text=$1
    shift
    printed=$("$@" 2>&1) || fail "$*" "$printed" "and ended with $?"
    case "$printed" in
    *"$text"*) echo "ok: $*" ;;
    *) fail "$*" "$printed" "without $text" ;;
    esac
}

# of OBJECT JSONPATH VALUE: what kubectl finds there, to the letter.
of() {
    printed=$("$KUBECTL" get "$1" -n charts -o "jsonpath=$2" 2>&1) || fail "get $1" "$printed" "and ended with $?"
    [ "$printed" = "$3" ] || fail "$2 of $1" "$printed" "not $3"
    echo "ok: $1 $2"
}

# refuses TEXT COMMAND...: the command fails and prints the text.
refuses() {
    text=$1
    shift
    if printed=$("$@" 2>&1); then fail "$*" "$printed" "and succeeded"; fi
    case "$printed" in
    *"$text"*) echo "ok, refused: $*" ;;
    *) fail "$*" "$printed" "without $text" ;;
    esac
}

case $("$HELM" version --short) in
v3*) back_on_failure=--atomic ;;
*) back_on_failure=--rollback-on-failure ;;
esac

# install: definitions first, then hooks, then the objects; --wait ends when they are ready.
says 'STATUS: deployed' "$HELM" install page "$CHART" -n charts --create-namespace --wait --timeout "$PATIENCE"
says 'page says: good morning' "$HELM" get notes page -n charts
of deployment/page '{.status.readyReplicas} {.status.observedGeneration}' '1 1'
of greeting/page '{.spec.text} {.spec.words}' 'good morning ["good","morning"]'
of deployment/page '{.metadata.labels.app\.kubernetes\.io/managed-by}' 'Helm'
of deployment/page '{.metadata.annotations.meta\.helm\.sh/release-namespace}' 'charts'
of job/page-before '{.status.succeeded}' 1
says secret/sh.helm.release.v1.page.v1 "$KUBECTL" get secret -n charts -l owner=helm,status=deployed,name=page -o name
refuses 'a name that is still in use' "$HELM" install page "$CHART" -n charts

# upgrade, with its hook; the same values again change nothing.
says 'REVISION: 2' "$HELM" upgrade page "$CHART" -n charts --set replicas=2,text='good evening' --wait --timeout "$PATIENCE"
of deployment/page '{.spec.replicas} {.status.updatedReplicas}' '2 2'
of greeting/page '{.spec.text} {.spec.words}' 'good evening ["good","evening"]'
refuses 'not found' "$KUBECTL" get job/page-after -n charts
before=$("$KUBECTL" get greeting/page -n charts -o 'jsonpath={.metadata.resourceVersion}')
says 'REVISION: 3' "$HELM" upgrade page "$CHART" -n charts --reuse-values --wait --timeout "$PATIENCE"
of greeting/page '{.metadata.resourceVersion}' "$before"
says 'Phase:          Succeeded' "$HELM" test page -n charts --timeout "$PATIENCE"
says 'good evening' "$KUBECTL" logs page-test -n charts

# What the API refuses ends an upgrade; a failed one goes back by itself if asked to.
refuses 'spec.text' "$HELM" upgrade page "$CHART" -n charts --reuse-values --set text= --no-hooks
says 'failed' "$HELM" status page -n charts -o json
refuses 'failed' "$HELM" upgrade page "$CHART" -n charts --set image=nginx:none $back_on_failure --timeout 10s
says 'Rollback to' "$HELM" history page -n charts
says 'deployed' "$HELM" status page -n charts
of deployment/page '{.spec.replicas} {.spec.template.spec.containers[0].image}' '2 nginx:1.21'

# rollback to the first revision.
says 'Rollback was a success' "$HELM" rollback page 1 -n charts --wait --timeout "$PATIENCE"
of deployment/page '{.spec.replicas}' 1
of configmap/page '{.data.index\.html}' 'good morning'
says 'Rollback to 1' "$HELM" history page -n charts
says 'superseded' "$HELM" history page -n charts
says 'page' "$HELM" list -n charts --deployed -q
says 'kind: Greeting' "$HELM" get manifest page -n charts
says 'helm.sh/hook: pre-install' "$HELM" get hooks page -n charts
says 'text: good evening' "$HELM" get values page -n charts --revision 2
says 'NOTES:' "$HELM" get all page -n charts

# uninstall: the objects go, hooks and definitions stay, and so does the history if it is asked for.
says 'uninstalled' "$HELM" uninstall page -n charts --wait --keep-history --timeout "$PATIENCE"
refuses 'not found' "$KUBECTL" get deployment/page -n charts
says 'greetings' "$KUBECTL" get crd greetings.helm.example.com
says 'page-before' "$KUBECTL" get job -n charts
says 'uninstalled' "$HELM" history page -n charts
says 'Rollback was a success' "$HELM" rollback page 2 -n charts --wait --timeout "$PATIENCE"
of greeting/page '{.spec.text}' 'good evening'
says 'uninstalled' "$HELM" uninstall page -n charts --wait --timeout "$PATIENCE"
says 'No resources found' "$KUBECTL" get secret -n charts -l owner=helm
refuses 'not found' "$HELM" status page -n charts

echo "all is as it has to be with $("$HELM" version --short)"
