package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"sort"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// patchCase is a document, a patch and what upstream makes of them; an error only says that there is one.
type patchCase struct {
	Kind     string          `json:"kind,omitempty"`
	Document json.RawMessage `json:"document"`
	Patch    json.RawMessage `json:"patch"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}

type object = map[string]any

var patchStructs = map[string]any{"Pod": corev1.Pod{}, "Deployment": appsv1.Deployment{}, "Service": corev1.Service{}}

func strategicCases() []any {
	var cases []any
	for _, input := range strategicInputs {
		cases = append(cases, strategic(input[0], input[1], input[2]))
	}
	random := &randomPods{rand.New(rand.NewSource(1))}
	for len(cases) < 250 {
		document, modified := text(random.pod()), text(random.pod())
		patch, err := strategicpatch.CreateTwoWayMergePatch([]byte(document), []byte(modified), corev1.Pod{})
		check(err)
		cases = append(cases, strategic("Pod", document, string(patch)))
		cases = append(cases, strategic("Pod", document, text(random.patch())))
	}
	var stable []any
	for _, one := range cases {
		if one != nil {
			stable = append(stable, one)
		}
	}
	return stable
}

// strategic applies a patch several times: Go's maps have no order, and a case whose result depends on it says nothing.
func strategic(kind, document, patch string) any {
	var first *patchCase
	for range 60 {
		one := &patchCase{Kind: kind, Document: json.RawMessage(document), Patch: json.RawMessage(patch)}
		result, err := strategicpatch.StrategicMergePatch([]byte(document), []byte(patch), patchStructs[kind])
		if err != nil {
			one.Error = "error"
		} else {
			one.Result = result
		}
		if first != nil && (string(first.Result) != string(one.Result) || first.Error != one.Error) {
			return nil
		}
		first = one
	}
	return first
}

func jsonPatchCases() []any {
	var cases []any
	for _, input := range jsonPatchInputs {
		one := patchCase{Document: json.RawMessage(input[0]), Patch: json.RawMessage(input[1])}
		patch, err := jsonpatch.DecodePatch([]byte(input[1]))
		if err == nil {
			one.Result, err = patch.Apply([]byte(input[0]))
		}
		if err != nil {
			one.Error = err.Error()
		}
		cases = append(cases, one)
	}
	return cases
}

func mergePatchCases() []any {
	var cases []any
	for _, input := range mergePatchInputs {
		one := patchCase{Document: json.RawMessage(input[0]), Patch: json.RawMessage(input[1])}
		result, err := jsonpatch.MergePatch([]byte(input[0]), []byte(input[1]))
		if err != nil {
			one.Error = err.Error()
		} else {
			one.Result = result
		}
		cases = append(cases, one)
	}
	return cases
}

func text(value any) string {
	bytes, err := json.Marshal(value)
	check(err)
	return string(bytes)
}

// randomPods makes small Pods of few names, so that their lists overlap.
type randomPods struct{ *rand.Rand }

func (r *randomPods) some(names ...string) []string {
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:r.Intn(len(names)+1)]
}

func (r *randomPods) pod() object {
	metadata := object{"name": "p"}
	if finalizers := r.some("f/a", "f/b", "f/c"); len(finalizers) > 0 {
		metadata["finalizers"] = finalizers
	}
	if labels := r.some("l1", "l2", "l3"); len(labels) > 0 {
		metadata["labels"] = r.words(labels)
	}
	spec := object{"containers": r.containers()}
	if r.Intn(2) == 0 {
		spec["nodeSelector"] = r.words(r.some("n1", "n2"))
	}
	if r.Intn(2) == 0 {
		spec["tolerations"] = []object{{"key": r.word(), "operator": "Exists"}, {"key": r.word()}}
	}
	var volumes []object
	for _, name := range r.some("v1", "v2", "v3") {
		volume := object{"name": name}
		volume[[]string{"emptyDir", "configMap", "hostPath"}[r.Intn(3)]] = object{}
		volumes = append(volumes, volume)
	}
	if volumes != nil {
		spec["volumes"] = volumes
	}
	return object{"metadata": metadata, "spec": spec}
}

func (r *randomPods) word() string {
	return fmt.Sprintf("w%d", r.Intn(4))
}

func (r *randomPods) words(keys []string) object {
	words := object{}
	for _, key := range keys {
		words[key] = r.word()
	}
	return words
}

func (r *randomPods) containers() []object {
	containers := []object{}
	for _, name := range r.some("a", "b", "c", "d") {
		container := object{"name": name, "image": r.word()}
		if args := r.some("x", "y", "z"); len(args) > 0 {
			container["args"] = args
		}
		var env []object
		for _, name := range r.some("E", "F", "G") {
			env = append(env, object{"name": name, "value": r.word()})
		}
		if env != nil {
			container["env"] = env
		}
		if r.Intn(2) == 0 {
			container["ports"] = []object{{"containerPort": 80 + r.Intn(2)}, {"containerPort": 90 + r.Intn(2), "name": r.word()}}
		}
		containers = append(containers, container)
	}
	return containers
}

// patch is a Pod with directives and nulls strewn in.
func (r *randomPods) patch() object {
	pod := r.pod()
	spec, metadata := pod["spec"].(object), pod["metadata"].(object)
	delete(metadata, "finalizers")
	containers := spec["containers"].([]object)
	for _, container := range containers {
		switch r.Intn(8) {
		case 0:
			container["$patch"] = "delete"
		case 1:
			container["$patch"] = "replace"
		case 2:
			container["image"] = nil
		case 3:
			container["args"] = nil
		}
	}
	if r.Intn(3) == 0 {
		order := []object{}
		for _, container := range containers {
			if container["$patch"] == nil {
				order = append(order, object{"name": container["name"]})
			}
		}
		order = append(order, object{"name": "e"})
		spec["$setElementOrder/containers"] = order
	}
	if r.Intn(3) == 0 {
		metadata["$deleteFromPrimitiveList/finalizers"] = r.some("f/a", "f/b", "f/d")
	}
	if r.Intn(4) == 0 {
		spec["tolerations"] = nil
	}
	if r.Intn(4) == 0 {
		metadata["labels"] = object{"$patch": "replace", "l9": "x"}
	}
	if volumes, ok := spec["volumes"].([]object); ok && r.Intn(2) == 0 {
		for _, volume := range volumes {
			keys := []string{}
			for key := range volume {
				keys = append(keys, key)
			}
			sort.Strings(keys)
			volume["$retainKeys"] = keys
		}
	}
	return pod
}
