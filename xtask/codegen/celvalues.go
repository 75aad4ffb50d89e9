package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/mutation"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"
)

// showValue writes a value as text, with its type where the text alone would not tell it.
func showValue(value ref.Val) string {
	switch typed := value.(type) {
	case types.Null:
		return "null"
	case types.Bool, types.Int:
		return fmt.Sprint(typed)
	case types.Uint:
		return fmt.Sprintf("%du", typed)
	case types.Double:
		return fmt.Sprintf("double(%v)", float64(typed))
	case types.String:
		return quote(string(typed))
	case types.Bytes:
		return "bytes(" + base64.StdEncoding.EncodeToString(typed) + ")"
	case types.Duration:
		return fmt.Sprintf("duration(%d)", typed.Duration.Nanoseconds())
	case types.Timestamp:
		return "timestamp(" + typed.Time.UTC().Format(time.RFC3339Nano) + ")"
	case *types.Optional:
		if !typed.HasValue() {
			return "none"
		}
		return "some(" + showValue(typed.GetValue()) + ")"
	case *types.Type:
		return "type(" + typed.TypeName() + ")"
	case apiservercel.Quantity:
		return fmt.Sprintf("quantity(%v)", typed.AsApproximateFloat64())
	case *apiservercel.Quantity:
		return fmt.Sprintf("quantity(%v)", typed.AsApproximateFloat64())
	case apiservercel.URL:
		return "url(" + typed.URL.String() + ")"
	case apiservercel.IP:
		return "ip(" + typed.Addr.String() + ")"
	case apiservercel.CIDR:
		return "cidr(" + typed.Prefix.String() + ")"
	case apiservercel.Semver:
		return "semver(" + typed.Version.String() + ")"
	case *apiservercel.Format:
		return "format(" + typed.Name + ")"
	case apiservercel.Format:
		return "format(" + typed.Name + ")"
	}
	return showContainer(value)
}

func showContainer(value ref.Val) string {
	var parts []string
	switch typed := value.(type) {
	case *dynamic.ObjectVal:
		text, err := json.Marshal(typed.Value())
		check(err)
		names := ""
		if err := typed.CheckTypeNamesMatchFieldPathNames(); err != nil {
			names = " " + err.Error()
		}
		return "object(" + value.Type().TypeName() + " " + string(text) + names + ")"
	case *mutation.JSONPatchVal:
		text := "none"
		if typed.Val != nil {
			text = showValue(typed.Val)
		}
		return fmt.Sprintf("patch(%s %s %s %s)", typed.Op, typed.Path, typed.From, text)
	case traits.Mapper:
		for it := typed.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			if key == nil { // a field without a schema
				continue
			}
			if field := typed.Get(key); !types.IsError(field) {
				parts = append(parts, showValue(key)+": "+showValue(field))
			}
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case traits.Lister:
		for it := typed.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, showValue(it.Next()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "object(" + value.Type().TypeName() + ")"
}

func quote(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(text))
	return strings.TrimSuffix(out.String(), "\n")
}

// authorize allows "get", errs on "err", denies the rest; its reason is what was asked.
func authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	fields, _ := a.GetFieldSelector()
	labels, _ := a.GetLabelSelector()
	asked := fmt.Sprintf("%s %s %s|%s|%s|%s|%s f%d l%d", a.GetUser().GetName(), a.GetVerb(), a.GetPath(), a.GetAPIGroup(), a.GetResource(),
		a.GetSubresource(), a.GetNamespace()+"/"+a.GetName(), len(fields), len(labels))
	switch a.GetVerb() {
	case "get":
		return authorizer.DecisionAllow, asked, nil
	case "err":
		return authorizer.DecisionNoOpinion, asked, errors.New("it broke")
	}
	return authorizer.DecisionDeny, asked, nil
}

// requestResource is what authorizer.requestResource asks about.
type requestResource struct{}

func (requestResource) GetName() string { return "web" }

func (requestResource) GetNamespace() string { return "shop" }

func (requestResource) GetResource() runtimeschema.GroupVersionResource {
	return runtimeschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
}

func (requestResource) GetSubresource() string { return "" }
