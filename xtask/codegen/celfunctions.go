package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

const functionsHeader = `# Facts of the functions CEL expressions may call, written by "cargo xtask codegen". Do not edit.
# function, overload, g (global) or m (member), argument types, result type, first and last minor version (of Kubernetes 1.x)
`

// The versions whose environments are compared, oldest first.
const firstMinor, lastMinor = 28, 37

type overloadRow struct {
	text        string
	first, last uint
}

// writeFunctions prints every overload of every function with the versions that declare it, in the order in which they are tried.
func writeFunctions(path string) {
	rows := map[string][]*overloadRow{}
	seen := map[string]*overloadRow{}
	for minor := uint(lastMinor); minor >= firstMinor; minor-- {
		env, err := environment.MustBaseEnvSet(version.MajorMinor(1, minor)).NewExpressionsEnv().Extend(library.JSONPatch())
		check(err)
		for name, function := range env.Functions() {
			for _, overload := range function.OverloadDecls() {
				var arguments []string
				for _, argument := range overload.ArgTypes() {
					arguments = append(arguments, typeText(argument))
				}
				style := "g"
				if overload.IsMemberFunction() {
					style = "m"
				}
				text := strings.Join([]string{name, overload.ID(), style, strings.Join(arguments, " "), typeText(overload.ResultType())}, "\t")
				row, known := seen[text]
				if !known {
					row = &overloadRow{text: text, last: minor}
					seen[text] = row
					rows[name] = append(rows[name], row)
				}
				row.first = minor
			}
		}
	}
	file, err := os.Create(path)
	check(err)
	out := bufio.NewWriter(file)
	fmt.Fprint(out, functionsHeader)
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, row := range rows[name] {
			fmt.Fprintf(out, "%s\t%s\t%s\n", row.text, boundary(row.first, firstMinor), boundary(row.last, lastMinor))
		}
	}
	check(out.Flush())
	check(file.Close())
}

func boundary(minor, open uint) string {
	if minor == open {
		return "-"
	}
	return fmt.Sprint(minor)
}

// typeText writes a type without blanks: list<A>, map<K,V>, optional_type<A>, names of objects as they are.
func typeText(t *types.Type) string {
	name := t.TypeName()
	switch t.Kind() {
	case types.DynKind:
		return "dyn"
	case types.TypeParamKind:
		return "$" + name
	case types.TimestampKind:
		return "timestamp"
	case types.DurationKind:
		return "duration"
	}
	var parameters []string
	for _, parameter := range t.Parameters() {
		parameters = append(parameters, typeText(parameter))
	}
	if len(parameters) == 0 {
		if t.Kind() == types.StructKind || t.Kind() == types.OpaqueKind {
			return kindMark[t.Kind()] + name
		}
		return name
	}
	return name + "<" + strings.Join(parameters, ",") + ">"
}

// kindMark tells messages from opaque types, which compare differently with null.
var kindMark = map[types.Kind]string{types.StructKind: "&", types.OpaqueKind: "#"}
