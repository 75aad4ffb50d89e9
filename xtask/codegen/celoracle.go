package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"
	"sigs.k8s.io/yaml"
)

// celGroup is a list of expressions over the same variables.
type celGroup struct {
	Name        string         `json:"name"`
	Schema      map[string]any `json:"schema,omitempty"`
	Root        bool           `json:"root,omitempty"`
	Variables   []string       `json:"variables,omitempty"`
	Bindings    map[string]any `json:"bindings,omitempty"`
	Limit       uint64         `json:"limit,omitempty"`
	Mutation    bool           `json:"mutation,omitempty"`
	Minor       uint           `json:"minor,omitempty"`
	Expressions []string       `json:"expressions,omitempty"`
}

// celDefinition precedes the cases of a group.
type celDefinition struct {
	Definition celGroup `json:"definition"`
}

// celCase is what upstream makes of one expression.
type celCase struct {
	Group      string `json:"group"`
	Expression string `json:"expression"`
	Issues     string `json:"issues,omitempty"`
	Program    string `json:"program,omitempty"`
	Type       string `json:"type,omitempty"`
	Min        uint64 `json:"min"`
	Max        uint64 `json:"max"`
	Value      string `json:"value,omitempty"`
	Error      string `json:"error,omitempty"`
	Cost       uint64 `json:"cost"`
}

// writeCEL reads the groups of every NAME.yaml and writes NAME.jsonl beside it, and the table of functions.
func writeCEL(room string) {
	writeFunctions(filepath.Join(room, "data", "functions.tsv"))
	inputs, err := filepath.Glob(filepath.Join(room, "cases", "*.yaml"))
	check(err)
	for _, input := range inputs {
		text, err := os.ReadFile(input)
		check(err)
		converted, err := yaml.YAMLToJSON(text)
		check(err)
		var groups []celGroup
		check(utiljson.Unmarshal(converted, &groups))
		var cases []any
		for _, group := range groups {
			definition := group
			definition.Expressions = nil
			cases = append(cases, celDefinition{definition})
			for _, expression := range group.Expressions {
				cases = append(cases, group.run(expression))
			}
		}
		writeLines(strings.TrimSuffix(input, ".yaml")+".jsonl", cases)
	}
}

func (g celGroup) run(expression string) celCase {
	result := celCase{Group: g.Name, Expression: expression}
	structural, declared := g.structural()
	env := g.environment(declared)
	ast, issues := env.Compile(expression)
	if issues != nil {
		result.Issues = issues.String()
		return result
	}
	result.Type = ast.OutputType().String()
	estimator := &library.CostEstimator{SizeEstimator: sizes{declared}}
	estimate, err := env.EstimateCost(ast, estimator)
	check(err)
	result.Min, result.Max = estimate.Min, estimate.Max
	limit := g.Limit
	if limit == 0 {
		limit = math.MaxInt64
	}
	program, err := env.Program(ast, cel.CostLimit(limit), cel.CostTracking(estimator))
	if err != nil {
		result.Program = err.Error()
		return result
	}
	value, details, err := program.ContextEval(context.Background(), g.activation(structural))
	if details != nil && details.ActualCost() != nil {
		result.Cost = *details.ActualCost()
	}
	if err != nil {
		result.Error = err.Error()
		return result
	}
	result.Value = showValue(value)
	return result
}

func (g celGroup) structural() (*schema.Structural, *apiservercel.DeclType) {
	if g.Schema == nil {
		return nil, nil
	}
	text, err := utiljson.Marshal(g.Schema)
	check(err)
	var external apiextensionsv1.JSONSchemaProps
	check(utiljson.Unmarshal(text, &external))
	var internal apiextensions.JSONSchemaProps
	check(apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&external, &internal, nil))
	structural, err := schema.NewStructural(&internal)
	check(err)
	if g.Root {
		structural = model.WithTypeAndObjectMeta(structural)
	}
	return structural, model.SchemaDeclType(structural, g.Root)
}

func (g celGroup) environment(declared *apiservercel.DeclType) *cel.Env {
	minor := g.Minor
	if minor == 0 {
		minor = lastMinor
	}
	base := environment.MustBaseEnvSet(version.MajorMinor(1, minor))
	options := environment.VersionedOptions{IntroducedVersion: version.MajorMinor(1, 0)}
	if declared != nil {
		scoped := declared.MaybeAssignTypeName("selfType")
		options.DeclTypes = []*apiservercel.DeclType{scoped}
		options.EnvOptions = append(options.EnvOptions,
			cel.Variable("self", scoped.CelType()),
			cel.Variable("oldSelf", scoped.CelType()),
			cel.Variable("optionalOldSelf", cel.OptionalType(scoped.CelType())))
	}
	if g.Mutation {
		options.EnvOptions = append(options.EnvOptions, common.ResolverEnvOption(&mutation.DynamicTypeResolver{}), library.JSONPatch())
	}
	for _, variable := range g.Variables {
		name, kind, _ := strings.Cut(variable, ":")
		switch kind {
		case "request":
			options.DeclTypes = append(options.DeclTypes, plugincel.BuildRequestType())
		case "namespace":
			options.DeclTypes = append(options.DeclTypes, plugincel.BuildNamespaceType())
		}
		options.EnvOptions = append(options.EnvOptions, cel.Variable(name, variableType(kind)))
	}
	set, err := base.Extend(options)
	check(err)
	return set.NewExpressionsEnv()
}

func variableType(kind string) *cel.Type {
	switch kind {
	case "authorizer":
		return library.AuthorizerType
	case "resourceauthorizer":
		return library.ResourceCheckType
	case "request":
		return plugincel.BuildRequestType().CelType()
	case "namespace":
		return plugincel.BuildNamespaceType().CelType()
	case "int":
		return cel.IntType
	case "string":
		return cel.StringType
	case "strings":
		return cel.ListType(cel.StringType)
	}
	return cel.DynType
}

func (g celGroup) activation(structural *schema.Structural) map[string]any {
	requester := &user.DefaultInfo{Name: "alice", Groups: []string{"staff"}}
	result := map[string]any{}
	for name, value := range g.Bindings {
		result[name] = value
		if structural != nil {
			result[name] = schemacel.UnstructuredToVal(value, structural)
		}
	}
	for _, variable := range g.Variables {
		name, kind, _ := strings.Cut(variable, ":")
		switch kind {
		case "authorizer":
			result[name] = library.NewAuthorizerVal(requester, authorizer.AuthorizerFunc(authorize))
		case "resourceauthorizer":
			result[name] = library.NewResourceAuthorizerVal(requester, authorizer.AuthorizerFunc(authorize), requestResource{})
		}
	}
	return result
}

// sizes finds what a path may hold at most, as the API server does for the rules of a custom resource.
type sizes struct{ root *apiservercel.DeclType }

func (s sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	if len(element.Path()) == 0 || s.root == nil {
		return nil
	}
	current := s.root
	for _, name := range element.Path()[1:] {
		var next *apiservercel.DeclType
		if name == "@items" || name == "@values" {
			next = current.ElemType
		} else if name == "@keys" {
			next = current.KeyType
		} else if field, found := current.Fields[name]; found {
			next = field.Type
		}
		if next == nil {
			return nil
		}
		current = next
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(current.MaxElements)}
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
