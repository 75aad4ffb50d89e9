package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// writeQuantities prints how upstream reads and writes quantities: the hand-picked ones, and some at random.
func writeQuantities(path string) {
	var out strings.Builder
	out.WriteString("# input, text as upstream writes it, canonical text, value, milli value (resource.Quantity); an error stands alone\n")
	random := rand.New(rand.NewSource(7))
	inputs := quantityInputs
	for range 700 {
		inputs = append(inputs, randomQuantity(random))
	}
	for _, input := range inputs {
		quantity, err := resource.ParseQuantity(input)
		if err != nil {
			fmt.Fprintf(&out, "%s\terror: %v\n", input, err)
			continue
		}
		written, err := json.Marshal(quantity)
		check(err)
		canonical := quantity.DeepCopy()
		number, suffix := canonical.CanonicalizeBytes(nil)
		fmt.Fprintf(&out, "%s\t%s\t%s%s\t%d\t%d\n", input, strings.Trim(string(written), `"`), number, suffix, quantity.Value(), quantity.MilliValue())
	}
	check(os.WriteFile(path, []byte(out.String()), 0o644))
}

var quantitySuffixes = strings.Split(",n,u,m,k,M,G,T,P,E,Ki,Mi,Gi,Ti,Pi,Ei,e3,E2,e-2,e-4,e0", ",")

func randomQuantity(random *rand.Rand) string {
	digits := func(count int) string {
		var text strings.Builder
		for range count {
			text.WriteByte("0123456789000"[random.Intn(13)])
		}
		return text.String()
	}
	text := []string{"-", "+", "", "", "", ""}[random.Intn(6)] + digits(random.Intn(12)+1)
	if random.Intn(3) == 0 {
		text += "." + digits(random.Intn(7))
	}
	return text + quantitySuffixes[random.Intn(len(quantitySuffixes))]
}

// writeYAML prints what YAML means to upstream.
func writeYAML(path string) {
	var out strings.Builder
	out.WriteString("# YAML as a string literal, JSON or the error of YAMLToJSON (sigs.k8s.io/yaml), the error of YAMLToJSONStrict where only that fails\n")
	oneLine := func(err error) string { return strings.ReplaceAll(err.Error(), "\n", "\\n") }
	for _, input := range yamlInputs {
		result, strict := "", ""
		if bytes, err := yaml.YAMLToJSON([]byte(input)); err != nil {
			result = "error: " + oneLine(err)
		} else {
			result = string(bytes)
			if _, err := yaml.YAMLToJSONStrict([]byte(input)); err != nil {
				strict = oneLine(err)
			}
		}
		fmt.Fprintf(&out, "%q\t%s\t%s\n", input, result, strict)
	}
	check(os.WriteFile(path, []byte(out.String()), 0o644))
}
