package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	applyconfigurations "k8s.io/client-go/applyconfigurations"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// applyStep is one write of a story about one object, and what upstream's field manager makes of it. Apply steps merge the object into the
// live one; update steps replace it.
type applyStep struct {
	Operation     string          `json:"operation"`
	Manager       string          `json:"manager"`
	Subresource   string          `json:"subresource,omitempty"`
	Force         bool            `json:"force,omitempty"`
	Object        json.RawMessage `json:"object"`
	Result        json.RawMessage `json:"result,omitempty"`
	ManagedFields any             `json:"managedFields,omitempty"`
	Conflict      string          `json:"conflict,omitempty"`
	Causes        [][2]string     `json:"causes,omitempty"`
	Error         string          `json:"error,omitempty"`
}

type applyCase struct {
	Name  string       `json:"name"`
	Group string       `json:"group"`
	Kind  string       `json:"kind"`
	Steps []*applyStep `json:"steps"`
}

type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

func applyCases() []any {
	var cases []any
	for _, input := range append(applyInputs, randomStories()...) {
		one := &applyCase{Name: input.name, Group: input.group, Kind: input.kind}
		gvk := schema.GroupVersionKind{Group: input.group, Version: "v1", Kind: input.kind}
		live, err := clientscheme.Scheme.New(gvk)
		check(err)
		for _, line := range input.steps {
			step := parseStep(line)
			live = step.run(gvk, live)
			one.Steps = append(one.Steps, step)
		}
		cases = append(cases, one)
	}
	return cases
}

// randomStories are a few writers' ways with one Pod.
func randomStories() []applyInput {
	random := &randomPods{rand.New(rand.NewSource(2))}
	var stories []applyInput
	for number := range 60 {
		story := applyInput{name: fmt.Sprintf("random Pods %d", number), kind: "Pod"}
		for range 5 {
			pod := random.pod()
			pod["apiVersion"], pod["kind"] = "v1", "Pod"
			operation := []string{"update", "apply", "apply!", "apply!"}[random.Intn(4)]
			manager := []string{"one", "two", "three"}[random.Intn(3)]
			story.steps = append(story.steps, operation+" "+manager+" "+text(pod))
		}
		stories = append(stories, story)
	}
	return stories
}

// parseStep reads `apply! kubectl status {...}`: operation (with force), manager, perhaps a subresource, object.
func parseStep(line string) *applyStep {
	head, body, _ := strings.Cut(line, "{")
	words := strings.Fields(head)
	step := &applyStep{Operation: strings.TrimSuffix(words[0], "!"), Manager: words[1], Object: json.RawMessage("{" + body)}
	step.Force = strings.HasSuffix(words[0], "!")
	if len(words) > 2 {
		step.Subresource = words[2]
	}
	return step
}

func (s *applyStep) run(gvk schema.GroupVersionKind, live runtime.Object) runtime.Object {
	var ignored map[fieldpath.APIVersion]fieldpath.Filter
	reset := "status"
	if s.Subresource == "status" {
		reset = "spec"
	}
	version := fieldpath.APIVersion(gvk.GroupVersion().String())
	ignored = map[fieldpath.APIVersion]fieldpath.Filter{version: fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie(reset)))}
	scheme := clientscheme.Scheme
	manager, err := managedfields.NewDefaultFieldManager(applyconfigurations.NewTypeConverter(scheme), scheme, noDefaults{}, scheme, gvk, gvk.GroupVersion(), s.Subresource, ignored)
	check(err)
	var result runtime.Object
	if s.Operation == "apply" {
		patch := &unstructured.Unstructured{}
		check(json.Unmarshal(s.Object, &patch.Object))
		result, err = manager.Apply(live.DeepCopyObject(), patch, s.Manager, s.Force)
	} else {
		updated := reflect.New(reflect.TypeOf(live).Elem()).Interface().(runtime.Object)
		check(json.Unmarshal(s.Object, updated))
		result, err = manager.Update(live.DeepCopyObject(), updated, s.Manager)
	}
	if err != nil {
		s.describe(err)
		return live
	}
	s.show(result)
	// The server gives every stored object a uid, by which updates and creations are told apart.
	accessor, err := meta.Accessor(result)
	check(err)
	accessor.SetUID("1")
	return result
}

func (s *applyStep) describe(err error) {
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Reason != metav1.StatusReasonConflict {
		s.Error = err.Error()
		return
	}
	s.Conflict = status.ErrStatus.Message
	for _, cause := range status.ErrStatus.Details.Causes {
		s.Causes = append(s.Causes, [2]string{cause.Field, cause.Message})
	}
	sort.Slice(s.Causes, func(i, j int) bool { return fmt.Sprint(s.Causes[i]) < fmt.Sprint(s.Causes[j]) })
}

// show notes the result with its managers apart and without times.
func (s *applyStep) show(result runtime.Object) {
	shown := result.DeepCopyObject()
	accessor, err := meta.Accessor(shown)
	check(err)
	entries := accessor.GetManagedFields()
	sort.Slice(entries, func(i, j int) bool { return identity(entries[i]) < identity(entries[j]) })
	for i := range entries {
		entries[i].Time = nil
	}
	s.ManagedFields = entries
	accessor.SetManagedFields(nil)
	s.Result, err = json.Marshal(shown)
	check(err)
}

func identity(entry metav1.ManagedFieldsEntry) string {
	return strings.Join([]string{string(entry.Operation), entry.Manager, entry.APIVersion, entry.Subresource}, " ")
}
