package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

// writeCases prints what upstream makes of objects: the expected side of the schema engine's tests.
func writeCases(directory string) {
	writeQuantities(filepath.Join(directory, "quantity.tsv"))
	writeYAML(filepath.Join(directory, "yaml.tsv"))
	writeLines(filepath.Join(directory, "objects.jsonl"), objectCases())
	writeLines(filepath.Join(directory, "strict.jsonl"), strictCases())
	writeLines(filepath.Join(directory, "strategic.jsonl"), strategicCases())
	writeLines(filepath.Join(directory, "jsonpatch.jsonl"), jsonPatchCases())
	writeLines(filepath.Join(directory, "mergepatch.jsonl"), mergePatchCases())
	writeProtobuf(filepath.Join(directory, "protobuf"))
	writeLines(filepath.Join(directory, "apply.jsonl"), applyCases())
}

func writeLines(path string, lines []any) {
	file, err := os.Create(path)
	check(err)
	out := bufio.NewWriter(file)
	for _, line := range lines {
		text, err := json.Marshal(line)
		check(err)
		fmt.Fprintln(out, string(text))
	}
	check(out.Flush())
	check(file.Close())
}

// objectCase is an object with every field set, and one with none, as upstream encodes them.
type objectCase struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Full    any    `json:"full"`
	Zero    any    `json:"zero"`
}

func objectCases() []any {
	var cases []any
	for _, row := range kinds() {
		if strings.HasSuffix(row.gvk.Kind, "List") {
			continue
		}
		filler := filler{path: map[reflect.Type]bool{}}
		full := reflect.New(row.goType)
		filler.fill(full.Elem())
		cases = append(cases, objectCase{row.gvk.Group, row.gvk.Version, row.gvk.Kind, full.Interface(), reflect.New(row.goType).Interface()})
	}
	return cases
}

// filler sets every field to something, or with random set two of three; a type inside itself stays empty.
type filler struct {
	path   map[reflect.Type]bool
	count  int
	random *rand.Rand
}

func (f *filler) fill(value reflect.Value) {
	f.count++
	switch target := value.Addr().Interface().(type) {
	case *resource.Quantity:
		*target = resource.MustParse([]string{"1500m", "64Mi", "3"}[f.count%3])
		return
	case *intstr.IntOrString:
		*target = []intstr.IntOrString{intstr.FromInt32(8080), intstr.FromString("25%")}[f.count%2]
		return
	case *metav1.Time:
		*target = metav1.NewTime(time.Unix(1700000000, 0).UTC())
		return
	case *metav1.MicroTime:
		*target = metav1.NewMicroTime(time.Unix(1700000000, 123456000).UTC())
		return
	case *metav1.FieldsV1:
		*target = metav1.FieldsV1{Raw: []byte(`{"f:spec":{".":{}}}`)}
		return
	case *runtime.RawExtension:
		*target = runtime.RawExtension{Raw: []byte(`{"apiVersion":"v1","kind":"Raw"}`)}
		return
	}
	if value.Kind() != reflect.Struct && f.random != nil && f.random.Intn(3) == 0 {
		return
	}
	switch value.Kind() {
	case reflect.String:
		value.SetString(fmt.Sprintf("s%d", f.count))
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		value.SetInt(int64(f.count))
	case reflect.Float64:
		value.SetFloat(1.5)
	case reflect.Pointer:
		if f.path[value.Type().Elem()] {
			return
		}
		value.Set(reflect.New(value.Type().Elem()))
		f.fill(value.Elem())
	case reflect.Slice:
		f.fillSlice(value)
	case reflect.Map:
		f.fillMap(value)
	case reflect.Struct:
		f.fillStruct(value)
	}
}

func (f *filler) fillSlice(value reflect.Value) {
	if value.Type().Elem().Kind() == reflect.Uint8 {
		if value.Type().Name() == "" {
			value.SetBytes([]byte("bytes"))
		}
		return
	}
	if f.path[value.Type().Elem()] {
		return
	}
	list := reflect.MakeSlice(value.Type(), 1, 1)
	f.fill(list.Index(0))
	value.Set(list)
}

func (f *filler) fillMap(value reflect.Value) {
	if f.path[value.Type().Elem()] {
		return
	}
	element := reflect.New(value.Type().Elem()).Elem()
	f.fill(element)
	if element.Kind() == reflect.Slice && element.IsNil() {
		element.Set(reflect.MakeSlice(element.Type(), 0, 0)) // what JSON can say
	}
	entries := reflect.MakeMap(value.Type())
	entries.SetMapIndex(reflect.ValueOf("k").Convert(value.Type().Key()), element)
	value.Set(entries)
}

func (f *filler) fillStruct(value reflect.Value) {
	goType := value.Type()
	if f.path[goType] {
		return
	}
	switch goType.Name() {
	case "JSON":
		value.FieldByName("Raw").SetBytes([]byte(`{"a":[1,null]}`))
		return
	case "JSONSchemaPropsOrBool":
		value.FieldByName("Allows").SetBool(true)
		return
	case "JSONSchemaPropsOrStringArray":
		value.FieldByName("Property").Set(reflect.ValueOf([]string{"a"}))
		return
	}
	f.path[goType] = true
	defer delete(f.path, goType)
	for i := range goType.NumField() {
		if field := goType.Field(i); field.IsExported() {
			f.fill(value.Field(i))
		}
	}
}

// strictCase is a text, what upstream's strict decoder says of it, and what it encodes after decoding.
type strictCase struct {
	Input  string          `json:"input"`
	Output json.RawMessage `json:"output,omitempty"`
	Error  string          `json:"error,omitempty"`
	Strict []string        `json:"strict,omitempty"`
}

func strictCases() []any {
	serializer := jsonserializer.NewSerializerWithOptions(
		jsonserializer.DefaultMetaFactory, clientscheme.Scheme, clientscheme.Scheme, jsonserializer.SerializerOptions{Strict: true})
	var cases []any
	for _, input := range strictInputs {
		result := strictCase{Input: input}
		object, _, err := serializer.Decode([]byte(input), nil, nil)
		if strict, ok := runtime.AsStrictDecodingError(err); ok {
			for _, problem := range strict.Errors() {
				result.Strict = append(result.Strict, problem.Error())
			}
		} else if err != nil {
			result.Error = err.Error()
		}
		if object != nil && result.Error == "" {
			output, err := json.Marshal(object)
			check(err)
			result.Output = output
		}
		cases = append(cases, result)
	}
	return cases
}

var strictInputs = []string{
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":"3"}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":3,"replica":1,"template":{"spec":{"containers":[{"name":"a","imagee":"b","image":"c"}]}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":3,"replicas":4,"selector":null}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":3000000000}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":1.5}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0,"paused":false,"minReadySeconds":0}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"metadata":{"labels":{"a":"","b":null}},"spec":{"containers":[{"name":"a","env":[{"name":"X","value":""}]},null]}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":[]}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":{"name":"a"}}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":5}]}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":1}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":["a"]}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"finalizers":[],"annotations":{},"creationTimestamp":null}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"creationTimestamp":"2024-01-02T03:04:05+02:00","deletionTimestamp":"0001-01-01T00:00:00Z"}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"creationTimestamp":"2024-01-02T03:04:05.678Z"}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"creationTimestamp":"yesterday"}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"creationTimestamp":5}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"strategy":{"rollingUpdate":{"maxSurge":1.5}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"strategy":{"rollingUpdate":{}}}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":0.5,"memory":"1024Mi","x":null},"limits":{"cpu":1}}}]}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"half"}}}]}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","ports":[{"containerPort":"80"}]}]}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","configMap":{"name":"c","defaultMode":256}},{"name":"d","emptyDir":{"sizeLimit":"1.5Gi"}}]}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"terminationGracePeriodSeconds":0,"hostNetwork":false,"nodeSelector":{},"tolerations":[],"securityContext":{},"priority":0}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"hostNetwork":"yes"}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","env":[{"name":"c","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}],"livenessProbe":{"httpGet":{"path":"/"}}}]}}`,
	`{"apiVersion":"v1","kind":"Pod","status":{"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"a","state":{"running":{}}}]}}`,
	`{"apiVersion":"v1","kind":"Secret","data":{"a":"aGVsbG8=","c":""},"stringData":{"d":"e"}}`,
	`{"apiVersion":"v1","kind":"Secret","data":{"a":"aGVs\nbG8="}}`,
	`{"apiVersion":"v1","kind":"Secret","data":{"a":"not base64!"}}`,
	`{"apiVersion":"v1","kind":"Secret","data":{"a":5}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":true}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","Data":{"a":"b"},"immutable":null}`,
	`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b","a":"c"},"extra":1}`,
	`{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80},{"port":81,"targetPort":"web"},{"port":82,"targetPort":8080}]}}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"}}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","rules":[{"verbs":["get"],"resources":[]}]}`,
	`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","spec":{"minAvailable":0}}`,
	`{"apiVersion":"apps/v1","kind":"DaemonSet"}`,
	`{"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"volumeClaimTemplates":[{"metadata":{"name":"d"},"spec":{"resources":{"requests":{"storage":"1000Mi"}}}}]}}`,
	`{"apiVersion":"batch/v1","kind":"CronJob","spec":{"schedule":"* * * * *","suspend":false}}`,
	`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"renewTime":"2024-01-02T03:04:05.000000Z","leaseDurationSeconds":40}}`,
	`{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4"],"conditions":{"ready":true}}],"ports":[{}]}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","spec":{"podSelector":{},"ingress":[{}],"policyTypes":["Ingress"]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","spec":{"rules":[{"host":"a","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"s","port":{"number":80}}}}]}}]}}`,
	`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"a"},"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}}`,
	`{"apiVersion":"apps/v1","kind":"ControllerRevision","data":{"spec":{"x":null,"y":{}}},"revision":2}`,
	`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","x":null}]}`,
	`{"apiVersion":"v1","kind":"Pod","metadata":{"managedFields":[{"manager":"a","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:a":{}}}],"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"y","controller":true}]}}`,
	`{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","provisioner":"x","allowVolumeExpansion":false,"mountOptions":[]}`,
	`{"apiVersion":"v1","kind":"Node","spec":{"unschedulable":false,"podCIDRs":["10.0.0.0/24"]},"status":{"capacity":{"cpu":"4","memory":"8000000Ki"}}}`,
	`{"apiVersion":"v1","kind":"PersistentVolume","spec":{"capacity":{"storage":"1Gi"},"hostPath":{"path":"/x"},"accessModes":["ReadWriteOnce"]}}`,
}
