package recipefile

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// check holds a document against the type that it is to be decoded into, and
// names every fault by its line and key: unknown keys with the known ones, and
// values of another kind than is wanted. The decoder alone would cut 2.9 to 2,
// and speak of our types.
func check(n *yaml.Node, t reflect.Type) error {
	var c checker
	for _, doc := range n.Content {
		c.value(doc, t, "")
	}
	return errors.Join(c.faults...)
}

type checker struct{ faults []error }

func (c *checker) bad(n *yaml.Node, path, want string) {
	what := n.Value
	switch n.Kind {
	case yaml.MappingNode:
		what = "a mapping"
	case yaml.SequenceNode:
		what = "a list"
	}
	if path != "" {
		what = path + ": " + what
	}
	c.faults = append(c.faults, fmt.Errorf("line %d: %s: want %s", n.Line, what, want))
}

func (c *checker) value(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.ShortTag() == "!!null" {
		return // as if it were not there
	}
	switch t.Kind() {
	case reflect.Struct:
		c.keys(n, t, path)
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			c.bad(n, path, "a mapping, key: value")
			return
		}
		for i := 0; i < len(n.Content); i += 2 {
			c.value(n.Content[i+1], t.Elem(), below(path, n.Content[i].Value))
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.bad(n, path, "a list"+example(t.Elem()))
			return
		}
		for i, e := range n.Content {
			c.value(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.String:
		if n.Kind != yaml.ScalarNode {
			c.bad(n, path, "a text")
		}
	case reflect.Int, reflect.Int64:
		if !isWhole(n) {
			c.bad(n, path, "a whole number")
		}
	case reflect.Float64:
		if tag := n.ShortTag(); tag != "!!float" && tag != "!!int" {
			c.bad(n, path, "a number")
		}
	}
}

// keys checks a mapping whose keys are the fields of t.
func (c *checker) keys(n *yaml.Node, t reflect.Type, path string) {
	known := map[string]reflect.Type{}
	var names []string
	for f := range fields(t) {
		known[keyOf(f)] = f.Type
		names = append(names, keyOf(f))
	}
	slices.Sort(names)
	if n.Kind != yaml.MappingNode {
		c.bad(n, path, "a mapping with the keys "+strings.Join(names, ", "))
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, ok := known[key.Value]
		switch {
		case ok:
			c.value(value, field, below(path, key.Value))
		case key.ShortTag() == "!!merge":
			c.value(value, t, path)
		default:
			c.faults = append(c.faults, fmt.Errorf("line %d: unknown key %s; known: %s", key.Line, below(path, key.Value), strings.Join(names, ", ")))
		}
	}
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

// isWhole is true for 3 and for 3.0, and 1e6.
func isWhole(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!int":
		return true
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		return err == nil && f == math.Trunc(f) && math.Abs(f) <= 1<<53
	}
	return false
}

// example shows an element of a list whose elements have keys.
func example(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	var keys []string
	for f := range fields(t) {
		keys = append(keys, keyOf(f)+": …")
	}
	return " of {" + strings.Join(keys, ", ") + "}"
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
