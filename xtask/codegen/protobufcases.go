package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

const protobufHeader = "# envelope in hexadecimal, JSON; both as upstream encodes the same object\n"

// protobufObject is what every generated type can do.
type protobufObject interface {
	runtime.Object
	Unmarshal(data []byte) error
}

// writeProtobuf prints objects as upstream encodes them in protobuf and in JSON: every kind but lists with all its fields
// and with none, every kind with some of its fields, and hand-picked ones.
func writeProtobuf(directory string) {
	check(os.MkdirAll(directory, 0o755))
	var complete, sparse, picked strings.Builder
	complete.WriteString(protobufHeader)
	sparse.WriteString(protobufHeader)
	picked.WriteString(protobufHeader)
	random := rand.New(rand.NewSource(11))
	for _, row := range kinds() {
		if !strings.HasSuffix(row.gvk.Kind, "List") {
			writeProtobufCase(&complete, row, &filler{path: map[reflect.Type]bool{}})
			writeProtobufCase(&complete, row, nil)
		}
		writeProtobufCase(&sparse, row, &filler{path: map[reflect.Type]bool{}, random: random})
	}
	for _, input := range append(append([]string{}, strictInputs...), protobufInputs...) {
		object, gvk, err := clientscheme.Codecs.UniversalDeserializer().Decode([]byte(input), nil, nil)
		if err == nil {
			writeProtobufPair(&picked, kindRow{*gvk, reflect.TypeOf(object).Elem()}, object)
		}
	}
	check(os.WriteFile(filepath.Join(directory, "complete.tsv"), []byte(complete.String()), 0o644))
	check(os.WriteFile(filepath.Join(directory, "sparse.tsv"), []byte(sparse.String()), 0o644))
	check(os.WriteFile(filepath.Join(directory, "picked.tsv"), []byte(picked.String()), 0o644))
}

func writeProtobufCase(out *strings.Builder, row kindRow, filler *filler) {
	value := reflect.New(row.goType)
	if filler != nil {
		filler.fill(value.Elem())
	}
	if object, ok := value.Interface().(runtime.Object); ok {
		writeProtobufPair(out, row, object)
	}
}

// writeProtobufPair prints the bytes, and the JSON of what upstream reads from them. Kinds without protobuf are left out.
func writeProtobufPair(out *strings.Builder, row kindRow, object runtime.Object) {
	fresh, ok := reflect.New(row.goType).Interface().(protobufObject)
	if !ok {
		return
	}
	object.GetObjectKind().SetGroupVersionKind(row.gvk)
	if object.GetObjectKind().GroupVersionKind() != row.gvk {
		return // it never stands in an envelope by itself
	}
	var envelope bytes.Buffer
	check(protobuf.NewSerializer(clientscheme.Scheme, clientscheme.Scheme).Encode(object, &envelope))
	var unknown runtime.Unknown
	check(unknown.Unmarshal(envelope.Bytes()[4:]))
	check(fresh.Unmarshal(unknown.Raw))
	fresh.GetObjectKind().SetGroupVersionKind(row.gvk)
	text, err := json.Marshal(fresh)
	check(err)
	fmt.Fprintf(out, "%s\t%s\n", hex.EncodeToString(envelope.Bytes()), text)
}

var protobufInputs = []string{
	`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"z":"1","a":"2","m":""}},"data":{"k":"v","é":"ü\n"},"binaryData":{"b":"AAH/","a":""}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"app":"web"}},"spec":{"replicas":0,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"nginx","resources":{}}]}},"strategy":{}}}`,
	`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"b","args":["","-x"],"resources":{"requests":{"memory":"0.5Gi","cpu":"0.1"}}}],"priority":-5,"tolerations":[{"key":"a","tolerationSeconds":-1},{"operator":"Exists","tolerationSeconds":9223372036854775807}],"securityContext":{"runAsUser":0,"supplementalGroups":[0,300,-1]}}}`,
	`{"apiVersion":"v1","kind":"Pod","spec":{"ephemeralContainers":[{"name":"debug","image":"x","targetContainerName":"a","stdin":true}],"containers":null},"status":{"startTime":"1969-12-31T23:59:59Z","conditions":[{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-01-02T03:04:05Z"}]}}`,
	`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a","namespace":"b","resourceVersion":"7"},"spec":{"replicas":3},"status":{"replicas":2,"selector":"a=b"}}`,
	`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["a"],"expirationSeconds":3600}}`,
	`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"user":{"username":"a","extra":{"b":["c","d"],"a":[]}}}}`,
	`{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"a","groups":["b"],"extra":{"k":["v"]},"resourceAttributes":{"verb":"get","resource":"pods"}}}`,
	`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"a"},"deleteOptions":{"gracePeriodSeconds":0,"preconditions":{"uid":"u"}}}`,
	`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"a"},"target":{"kind":"Node","name":"n"}}`,
	`{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"a"},"spec":{"request":"LS0t","signerName":"x","usages":["client auth"],"extra":{"a":["b"]}}}`,
	`{"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"propagationPolicy":"Foreground","dryRun":["All"]}`,
	`{"apiVersion":"apps/v1","kind":"DeleteOptions"}`,
	`{"apiVersion":"v1","kind":"Status","status":"Failure","message":"pods \"a\" not found","reason":"NotFound","details":{"name":"a","kind":"pods"},"code":404}`,
	`{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"5","continue":"c","remainingItemCount":3},"items":[{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}]}},{"metadata":{"name":"b"},"spec":{"containers":[]}}]}`,
	`{"apiVersion":"v1","kind":"Event","metadata":{"name":"a","namespace":"b"},"involvedObject":{"kind":"Pod","name":"p"},"eventTime":"2024-01-02T03:04:05.000001Z","count":2,"series":{"count":3,"lastObservedTime":"2024-01-02T03:04:05.999999Z"}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","spec":{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}],"ports":[{"port":"web","endPort":90},{"port":80,"protocol":"TCP"}]},{}]}}`,
}
