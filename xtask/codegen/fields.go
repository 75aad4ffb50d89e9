package main

import (
	"bufio"
	"fmt"
	"reflect"
	"sort"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Types whose JSON is not what their Go fields say.
var special = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):                            "quantity",
	reflect.TypeOf(intstr.IntOrString{}):                           "intorstring",
	reflect.TypeOf(metav1.Time{}):                                  "time",
	reflect.TypeOf(metav1.MicroTime{}):                             "microtime",
	reflect.TypeOf(metav1.Duration{}):                              "duration",
	reflect.TypeOf(metav1.FieldsV1{}):                              "fieldsv1",
	reflect.TypeOf(runtime.RawExtension{}):                         "rawextension",
	reflect.TypeOf(apiextensionsv1.JSON{}):                         "json",
	reflect.TypeOf(apiextensionsv1.JSONSchemaPropsOrArray{}):       "schemaorarray",
	reflect.TypeOf(apiextensionsv1.JSONSchemaPropsOrBool{}):        "schemaorbool",
	reflect.TypeOf(apiextensionsv1.JSONSchemaPropsOrStringArray{}): "schemaorstrings",
}

type table struct {
	structure structure
	seen      map[string]reflect.Type
	queue     []reflect.Type
}

func newTable(structure structure) *table {
	return &table{structure: structure, seen: map[string]reflect.Type{}}
}

// reference names a struct type and queues it for writing.
func (t *table) reference(goType reflect.Type) string {
	name := modelName(goType)
	if known, ok := t.seen[name]; ok {
		if known != goType {
			fail("two types are called " + name)
		}
	} else {
		t.seen[name] = goType
		t.queue = append(t.queue, goType)
	}
	return strings.TrimPrefix(name, "io.k8s.")
}

func modelName(goType reflect.Type) string {
	if named, ok := reflect.New(goType).Interface().(interface{ OpenAPIModelName() string }); ok {
		return named.OpenAPIModelName()
	}
	path := strings.TrimPrefix(goType.PkgPath(), "k8s.io/")
	return "io.k8s." + strings.ReplaceAll(path, "/", ".") + "." + goType.Name()
}

// write prints every type reachable from the queue, sorted by name.
func (t *table) write(out *bufio.Writer) {
	blocks := map[string]string{}
	for len(t.queue) > 0 {
		goType := t.queue[0]
		t.queue = t.queue[1:]
		name := modelName(goType)
		var block strings.Builder
		fmt.Fprintf(&block, "T\t%s\t%s\n", strings.TrimPrefix(name, "io.k8s."), t.structure.atomic(name))
		t.writeFields(&block, name, goType, "/", map[string]bool{})
		blocks[name] = block.String()
	}
	names := make([]string, 0, len(blocks))
	for name := range blocks {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprint(out, blocks[name])
	}
}

func (t *table) writeFields(block *strings.Builder, owner string, goType reflect.Type, outer string, written map[string]bool) {
	for i := range goType.NumField() {
		field := goType.Field(i)
		tag, hasTag := field.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		number := join(outer, protobufNumber(field))
		inlined := strings.Contains(options, "inline") || field.Anonymous && name == ""
		switch {
		case inlined:
			t.writeFields(block, owner, indirect(field.Type), number, written)
			continue
		case !hasTag || name == "-" || name == "":
			continue
		case written[name]:
			fail(owner + " has the field " + name + " twice")
		}
		written[name] = true
		flags := ""
		if field.Type.Kind() == reflect.Pointer {
			flags += "p"
		}
		if strings.Contains(options, "omitempty") {
			flags += "o"
		}
		if strings.Contains(options, "omitzero") {
			flags += "z"
		}
		facts := t.structure.field(owner, name)
		columns := []string{"", name, t.value(field.Type), flags, facts.listType, strings.Join(facts.keys, ","),
			field.Tag.Get("patchStrategy"), field.Tag.Get("patchMergeKey"), number, facts.defaultJSON}
		block.WriteString(strings.TrimRight(strings.Join(columns, "\t"), "\t") + "\n")
	}
}

// join makes "2/1" of an inlined struct's number and its field's; TypeMeta has no number and is not encoded at all.
func join(outer, number string) string {
	switch {
	case outer == "/":
		return number
	case outer == "" || number == "":
		return ""
	}
	return outer + "/" + number
}

func protobufNumber(field reflect.StructField) string {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

func indirect(goType reflect.Type) reflect.Type {
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	return goType
}

// value is the kind of value of a Go type, as the table spells it.
func (t *table) value(goType reflect.Type) string {
	goType = indirect(goType)
	if kind, ok := special[goType]; ok {
		return kind
	}
	switch goType.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32:
		return "int32"
	case reflect.Int64, reflect.Int:
		return "int64"
	case reflect.Float64:
		return "float"
	case reflect.Struct:
		return t.reference(goType)
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		if goType.Name() != "" && goType.Elem().Kind() == reflect.String {
			return "strings" // a message of its own in protobuf
		}
		return "list<" + t.value(goType.Elem()) + ">"
	case reflect.Map:
		return "map<" + t.value(goType.Elem()) + ">"
	}
	fail("no kind of value for " + goType.String())
	return ""
}
