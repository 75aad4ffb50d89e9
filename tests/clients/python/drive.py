"""The Python client against a cluster: one fact after the other. The first that does not hold ends it with 1."""

import json
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

SPACE = "python"
PATIENCE = 60


def main():
    config.load_kube_config()
    core = client.CoreV1Api()
    core.create_namespace({"metadata": {"name": SPACE}})
    for part in (versions, changes, patches, pages, watches, workloads, pod, dynamic_client, from_yaml):
        part(core)
        print("ok:", part.__name__)
    ends(core.list_namespace, lambda: core.delete_namespace(SPACE), field_selector=f"metadata.name={SPACE}")
    print("all is as it has to be")


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(status, reason, says, call, *arguments, **named):
    """The call fails with a Status of this code and reason whose message has the text."""
    try:
        call(*arguments, **named)
    except ApiException as error:
        body = json.loads(error.body)
        same((error.status, body["kind"], body["code"], body["reason"]), (status, "Status", status, reason))
        assert says in body["message"], f"{says!r} is not in {body['message']!r}"
        return body
    raise AssertionError(f"it was not refused with {reason}")


def wait_for(call, condition, *arguments, **named):
    for event in watch.Watch().stream(call, *arguments, timeout_seconds=PATIENCE, **named):
        if condition(event):
            return event["object"]
    raise AssertionError(f"waited {PATIENCE} s")


def ends(listed, deletion, *arguments, **named):
    """What is deleted goes, be it at once: the watch begins where the list was before."""
    start = listed(*arguments, **named).metadata.resource_version
    deletion()
    wait_for(listed, lambda event: event["type"] == "DELETED", *arguments, resource_version=start, **named)


def versions(_):
    assert client.VersionApi().get_code().git_version.startswith("v1."), "no version of Kubernetes"
    assert "apps" in [group.name for group in client.ApisApi().get_api_versions().groups], "no group apps"
    verbs = {resource.name: resource.verbs for resource in client.CoreV1Api().get_api_resources().resources}
    same(sorted(verbs["pods/log"]), ["get"])


def changes(core):
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one", labels={"a": "b"}), data={"key": "value"})
    dry = core.create_namespaced_config_map(SPACE, body, dry_run="All")
    assert dry.metadata.uid, "a dry run gives the object"
    made = core.create_namespaced_config_map(SPACE, body, field_manager="driver")
    same(made.metadata.managed_fields[0].manager, "driver")
    refused(409, "AlreadyExists", 'configmaps "one" already exists', core.create_namespaced_config_map, SPACE, body)
    made.data["key"] = "other"
    changed = core.replace_namespaced_config_map("one", SPACE, made)
    assert changed.metadata.resource_version != made.metadata.resource_version, "the write has a revision"
    refused(409, "Conflict", "the object has been modified", core.replace_namespaced_config_map, "one", SPACE, made)
    same(core.read_namespaced_config_map("one", SPACE).data, {"key": "other"})
    same([item.metadata.name for item in core.list_namespaced_config_map(SPACE, label_selector="a in (b,c)").items], ["one"])
    same(core.list_namespaced_config_map(SPACE, field_selector="metadata.name=two").items, [])
    wrong = {"metadata": {"name": "Bad_Name"}}
    body = refused(422, "Invalid", "a lowercase RFC 1123 subdomain", core.create_namespaced_config_map, SPACE, wrong)
    same(body["details"]["causes"][0]["field"], "metadata.name")
    same(core.delete_namespaced_config_map("one", SPACE)["status"], "Success")
    refused(404, "NotFound", 'configmaps "one" not found', core.read_namespaced_config_map, "one", SPACE)


def patches(core):
    core.create_namespaced_config_map(SPACE, {"metadata": {"name": "patched"}, "data": {"a": "1", "b": "2"}})

    def patch(body, kind, **named):
        return core.patch_namespaced_config_map("patched", SPACE, body, _content_type=kind, **named).data

    same(patch({"data": {"a": "3"}}, "application/strategic-merge-patch+json"), {"a": "3", "b": "2"})
    same(patch({"data": {"b": None}}, "application/merge-patch+json"), {"a": "3"})
    same(patch([{"op": "add", "path": "/data/c", "value": "4"}], "application/json-patch+json"), {"a": "3", "c": "4"})
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "patched"}, "data": {"c": "5"}}
    apply = "application/apply-patch+yaml"
    body = refused(409, "Conflict", ".data.c", patch, applied, apply, field_manager="driver")
    same(body["details"]["causes"][0]["reason"], "FieldManagerConflict")
    same(patch(applied, apply, field_manager="driver", force=True), {"a": "3", "c": "5"})


def pages(core):
    for number in range(5):
        core.create_namespaced_secret(SPACE, {"metadata": {"name": f"page-{number}"}, "stringData": {"n": str(number)}})
    names, token = [], None
    while token != "":
        page = core.list_namespaced_secret(SPACE, limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    same(names, [f"page-{number}" for number in range(5)])
    same(core.delete_collection_namespaced_secret(SPACE).kind, "SecretList")
    same(core.list_namespaced_secret(SPACE).items, [])


def watches(core):
    start = core.list_namespaced_config_map(SPACE).metadata.resource_version

    def write():
        core.create_namespaced_config_map(SPACE, {"metadata": {"name": "watched", "labels": {"w": "1"}}})
        core.patch_namespaced_config_map("watched", SPACE, {"metadata": {"labels": {"w": "2"}}})
        core.delete_namespaced_config_map("watched", SPACE)

    def heard(resource_version, selector):
        call = core.list_namespaced_config_map
        named = {"resource_version": resource_version, "label_selector": selector, "timeout_seconds": 3}
        return [event["type"] for event in watch.Watch().stream(call, SPACE, **named)]

    writer = threading.Thread(target=write)
    writer.start()
    same(heard(start, "w"), ["ADDED", "MODIFIED", "DELETED"])
    writer.join()
    # Again from the same revision, by what is not live any more; the object leaves this selector with its change.
    same(heard(start, "w=1"), ["ADDED", "DELETED"])


def workloads(_):
    apps = client.AppsV1Api()
    container = client.V1Container(name="sleeper", image="busybox:1.36", command=["sleep", "1000"])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "sleeper"}),
        spec=client.V1PodSpec(containers=[container], termination_grace_period_seconds=0),
    )
    spec = client.V1DeploymentSpec(replicas=1, selector={"matchLabels": {"app": "sleeper"}}, template=template)
    apps.create_namespaced_deployment(SPACE, client.V1Deployment(metadata={"name": "sleeper"}, spec=spec))
    call, named = apps.list_namespaced_deployment, {"field_selector": "metadata.name=sleeper"}
    wait_for(call, lambda event: event["object"].status.available_replicas == 1, SPACE, **named)
    same(apps.read_namespaced_deployment_scale("sleeper", SPACE).status.selector, "app=sleeper")
    apps.patch_namespaced_deployment_scale("sleeper", SPACE, {"spec": {"replicas": 2}})
    wait_for(call, lambda event: event["object"].status.available_replicas == 2, SPACE, **named)
    delete = apps.delete_namespaced_deployment
    ends(call, lambda: delete("sleeper", SPACE, propagation_policy="Foreground"), SPACE, **named)


def pod(core):
    command = ["sh", "-c", "echo first; echo second; exec sleep 1000"]
    container = {"name": "main", "image": "busybox:1.36", "command": command}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    core.create_namespaced_pod(SPACE, {"metadata": {"name": "shell"}, "spec": spec})
    named = {"field_selector": "metadata.name=shell"}
    wait_for(core.list_namespaced_pod, lambda event: event["object"].status.phase == "Running", SPACE, **named)
    followed = watch.Watch().stream(core.read_namespaced_pod_log, "shell", SPACE)
    same([next(followed), next(followed)], ["first", "second"])
    same(core.read_namespaced_pod_log("shell", SPACE, tail_lines=1), "second\n")

    call = core.connect_get_namespaced_pod_exec
    said = stream(call, "shell", SPACE, command=["sh", "-c", "echo out; echo err >&2"], stdout=True, stderr=True)
    same(sorted(said.split()), ["err", "out"])
    command = ["sh", "-c", "read line; echo heard $line; exit 3"]
    shell = stream(call, "shell", SPACE, command=command, stdin=True, stdout=True, stderr=True, _preload_content=False)
    shell.write_stdin("you\n")
    same(shell.readline_stdout(timeout=PATIENCE), "heard you")
    shell.run_forever(timeout=PATIENCE)
    same(shell.returncode, 3)
    ends(core.list_namespaced_pod, lambda: core.delete_namespaced_pod("shell", SPACE), SPACE, **named)


DEFINITION = {
    "metadata": {"name": "snakes.python.example.com"},
    "spec": {
        "group": "python.example.com",
        "scope": "Namespaced",
        "names": {"plural": "snakes", "kind": "Snake"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"length": {"type": "integer", "maximum": 10}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


def dynamic_client(_):
    extensions = client.ApiextensionsV1Api()
    extensions.create_custom_resource_definition(DEFINITION)
    named = {"field_selector": "metadata.name=snakes.python.example.com"}
    ready = lambda event: any(c.type == "Established" and c.status == "True" for c in event["object"].status.conditions or [])
    wait_for(extensions.list_custom_resource_definition, ready, **named)
    snakes = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="python.example.com/v1", kind="Snake")
    body = {"apiVersion": "python.example.com/v1", "kind": "Snake", "metadata": {"name": "kaa"}, "spec": {"length": 9}}
    made = snakes.create(body=body, namespace=SPACE)
    same(made.spec.length, 9)
    body["spec"]["length"] = 7
    same(snakes.server_side_apply(body=body, namespace=SPACE, field_manager="driver", force_conflicts=True).spec.length, 7)
    body["spec"]["length"] = 11
    refused(422, "Invalid", "should be less than or equal to 10", snakes.server_side_apply, body=body, namespace=SPACE, field_manager="driver", force_conflicts=True)
    same(snakes.status.patch(body={"status": {"hungry": True}}, name="kaa", namespace=SPACE, content_type="application/merge-patch+json").status.hungry, True)
    same([item.metadata.name for item in snakes.get(namespace=SPACE).items], ["kaa"])
    snakes.delete(name="kaa", namespace=SPACE)
    gone = [event["type"] for event in snakes.watch(namespace=SPACE, resource_version=made.metadata.resourceVersion, timeout=3)]
    same(gone, ["MODIFIED", "MODIFIED", "DELETED"])
    extensions.delete_custom_resource_definition("snakes.python.example.com")


def from_yaml(core):
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"made-{n}", "namespace": SPACE}} for n in range(2)
    ]
    utils.create_from_yaml(client.ApiClient(), yaml_objects=objects)
    same(len(core.list_namespaced_config_map(SPACE, field_selector="metadata.name=made-1").items), 1)


main()
