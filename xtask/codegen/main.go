// Command codegen prints the field table of every kind the server knows: facts about the published Go types (field names, kinds of
// value, JSON and protobuf tags, strategic-merge tags) joined with the list types of client-go's apply configurations; no prose. It also prints what
// upstream's decoder makes of sample objects, the expected side of the schema engine's tests.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

const header = `# Facts of the Kubernetes API types, written by "cargo xtask codegen". Do not edit.
# kind rows:  K, group, version, kind, type
# type rows:  T, type, list type when the whole object is atomic
# field rows: (empty), JSON name, kind of value, flags, server-side-apply list type, its keys, strategic-merge strategy, its key,
#             protobuf number (outer/inner for inlined structs), default as JSON
# flags: p pointer, o omitempty, z omitzero
`

func main() {
	if len(os.Args) != 4 {
		fail("usage: codegen TABLE CASES_DIRECTORY CEL_ROOM")
	}
	writeTable(os.Args[1])
	writeCases(os.Args[2])
	writeCEL(os.Args[3])
}

func writeTable(path string) {
	file, err := os.Create(path)
	check(err)
	out := bufio.NewWriter(file)
	fmt.Fprint(out, header)

	table := newTable(loadStructure())
	for _, row := range kinds() {
		fmt.Fprintf(out, "K\t%s\t%s\t%s\t%s\n", row.gvk.Group, row.gvk.Version, row.gvk.Kind, table.reference(row.goType))
	}
	table.write(out)
	check(out.Flush())
	check(file.Close())
}

type kindRow struct {
	gvk    schema.GroupVersionKind
	goType reflect.Type
}

var stableVersion = regexp.MustCompile(`^v[0-9]+$`)

// kinds lists what is registered in a stable version; meta's own kinds stand under meta.k8s.io once, not in every group.
func kinds() []kindRow {
	scheme := runtime.NewScheme()
	check(clientscheme.AddToScheme(scheme))
	check(apiextensionsv1.AddToScheme(scheme))
	check(apiregistrationv1.AddToScheme(scheme))
	check(admissionv1.AddToScheme(scheme))
	check(apidiscoveryv2.AddToScheme(scheme))
	metaPackage := reflect.TypeOf(metav1.Status{}).PkgPath()

	var rows []kindRow
	for gvk, goType := range scheme.AllKnownTypes() {
		if goType.PkgPath() != metaPackage && stableVersion.MatchString(gvk.Version) {
			rows = append(rows, kindRow{gvk, goType})
		}
	}
	for _, object := range []any{
		metav1.APIGroup{}, metav1.APIGroupList{}, metav1.APIResourceList{}, metav1.APIVersions{}, metav1.CreateOptions{},
		metav1.DeleteOptions{}, metav1.GetOptions{}, metav1.List{}, metav1.ListOptions{}, metav1.PartialObjectMetadata{},
		metav1.PartialObjectMetadataList{}, metav1.PatchOptions{}, metav1.Status{}, metav1.UpdateOptions{}, metav1.WatchEvent{},
	} {
		goType := reflect.TypeOf(object)
		rows = append(rows, kindRow{metav1.SchemeGroupVersion.WithKind(goType.Name()), goType})
	}
	sort.Slice(rows, func(i, j int) bool { return key(rows[i]) < key(rows[j]) })
	return rows
}

func key(row kindRow) string {
	return strings.Join([]string{row.gvk.Group, row.gvk.Version, row.gvk.Kind}, "\t")
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "codegen: "+message)
	os.Exit(1)
}
