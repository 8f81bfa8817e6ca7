package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// docs/settings.md names every setting, with its default and its flag.
func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ Default, Flag string }
	got := map[string]row{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`(.+?)`)? ?\\| (?:`--(.+?)`)? ?\\|").FindAllStringSubmatch(string(text), -1) {
		got[m[1]] = row{m[2], m[3]}
	}
	defaults, err := defaultValues()
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]string{}
	for name, key := range flagKeys {
		if hasFlag(newRoot(), name) {
			flags[key] = name
		}
	}
	want := map[string]row{}
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		want[key] = row{fmt.Sprint(defaults[key]), flags[key]}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("docs/settings.md (-settings +documented):\n%s", d)
	}
}

// hasFlag reports whether a command, or one below it, has the flag.
func hasFlag(c *cobra.Command, name string) bool {
	return c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil ||
		slices.ContainsFunc(c.Commands(), func(sub *cobra.Command) bool { return hasFlag(sub, name) })
}
