package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where the modules keep the structural schemas of their apply configurations.
var structureFiles = map[string]string{
	"k8s.io/client-go":               "applyconfigurations/internal/internal.go",
	"k8s.io/apiextensions-apiserver": "pkg/client/applyconfiguration/internal/internal.go",
	"k8s.io/kube-aggregator":         "pkg/client/applyconfiguration/internal/internal.go",
}

type structure map[string]typeDefinition

type typeDefinition struct {
	Name string   `json:"name"`
	Map  *mapType `json:"map"`
}

type mapType struct {
	Fields              []fieldDefinition `json:"fields"`
	ElementRelationship string            `json:"elementRelationship"`
}

type fieldDefinition struct {
	Name    string          `json:"name"`
	Type    fieldType       `json:"type"`
	Default json.RawMessage `json:"default"`
}

type fieldType struct {
	List *struct {
		ElementRelationship string   `json:"elementRelationship"`
		Keys                []string `json:"keys"`
	} `json:"list"`
	Map                 *mapType `json:"map"`
	ElementRelationship string   `json:"elementRelationship"`
}

// facts are what the structural schema adds to a Go field.
type facts struct {
	listType    string
	keys        []string
	defaultJSON string
}

func loadStructure() structure {
	types := structure{}
	for module, file := range structureFiles {
		directory, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		check(err)
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), file))
		check(err)
		_, rest, found := strings.Cut(string(source), "typed.YAMLObject(`")
		text, _, closed := strings.Cut(rest, "`)")
		if !found || !closed {
			fail("no schema in " + file)
		}
		var document struct {
			Types []typeDefinition `json:"types"`
		}
		check(yaml.Unmarshal([]byte(text), &document))
		for _, definition := range document.Types {
			types[definition.Name] = definition
		}
	}
	return types
}

func (s structure) atomic(name string) string {
	if definition := s[name]; definition.Map != nil && definition.Map.ElementRelationship == "atomic" {
		return "atomic"
	}
	return ""
}

func (s structure) field(owner, name string) facts {
	definition := s[owner]
	if definition.Map == nil {
		return facts{}
	}
	for _, field := range definition.Map.Fields {
		if field.Name == name {
			return facts{listType: field.Type.listType(), keys: field.Type.keys(), defaultJSON: field.defaultJSON()}
		}
	}
	return facts{}
}

func (t fieldType) listType() string {
	switch {
	case t.List != nil && t.List.ElementRelationship == "associative" && len(t.List.Keys) == 0:
		return "set"
	case t.List != nil && t.List.ElementRelationship == "associative":
		return "map"
	case t.List != nil:
		return t.List.ElementRelationship
	case t.Map != nil && t.Map.ElementRelationship != "separable":
		return t.Map.ElementRelationship
	}
	return t.ElementRelationship
}

func (t fieldType) keys() []string {
	if t.List == nil {
		return nil
	}
	return t.List.Keys
}

// Zero values say no more than the flags do.
func (f fieldDefinition) defaultJSON() string {
	text := string(f.Default)
	switch text {
	case `""`, "0", "false", "{}", "null":
		return ""
	}
	return text
}
