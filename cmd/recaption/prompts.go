package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"recaption/coordinator"
	"recaption/schemas"
	"recaption/shards"
)

// ownVariables are those of a prompt that are no fields of the context.
var ownVariables = []string{"alt_text", "key"}

// warnOfVariables tells of each variable that is spelled almost as one that
// samples have. It may be a field of their context all the same.
func warnOfVariables(log *slog.Logger, variables []string) {
	for _, v := range variables {
		near := nearest(v, ownVariables)
		if far := changes(v, near); far > 0 && 4*far <= len(near) {
			log.Warn("a prompt of the recipe has a variable that is perhaps misspelt", "variable", v, "known", near)
		}
	}
}

// checkPrompts says which variables samples lack where a run had no prompt for
// them. It is an error when no sample got one.
func checkPrompts(ctx context.Context, st shards.Store, run coordinator.Run, p coordinator.Progress, variables []string, log *slog.Logger) error {
	without := p.Reasons[schemas.ReasonNoPrompt]
	if without == 0 {
		return nil
	}
	has, looked, err := someVariables(ctx, st, revisionOf(run))
	if err != nil {
		return err
	}
	var missing []string
	for _, v := range variables {
		if has[v] < looked {
			missing = append(missing, fmt.Sprintf("{%s} (%d)", v, has[v]))
		}
	}
	var there []string
	for _, v := range slices.Sorted(maps.Keys(has)) {
		there = append(there, fmt.Sprintf("{%s} (%d)", v, has[v]))
	}
	text := fmt.Sprintf("of the first %s, so many have what the prompts want: %s; and these are there: %s; mend the prompt, or add one without variables",
		counted(looked, "sample"), strings.Join(missing, ", "), strings.Join(there, ", "))
	if without < p.Rows-unusable(p) {
		log.Warn("samples lack a variable of every prompt", "samples", without, "why", text)
		return nil
	}
	return fmt.Errorf("%w: no sample got a prompt: %s", errFindings, text)
}

// unusable counts the rows that no prompt was wanted for.
func unusable(p coordinator.Progress) int {
	return p.Statuses[schemas.RowUnusable] + p.Statuses[schemas.RowUnreachable] + p.Statuses[schemas.RowWithdrawn]
}

// someVariables counts who of a revision's first samples has which variable,
// blank ones aside.
func someVariables(ctx context.Context, st shards.Store, r revision) (has map[string]int, looked int, err error) {
	has = map[string]int{}
	for v, err := range firstSamples(ctx, st, r) {
		if err != nil {
			return nil, 0, err
		}
		looked++
		for _, name := range variablesOf(v) {
			has[name]++
		}
	}
	return has, looked, nil
}

// variablesOf names the variables that a prompt can use of a sample.
func variablesOf(s schemas.Sample) []string {
	names := append([]string(nil), ownVariables...)
	var fields map[string]json.RawMessage
	if json.Unmarshal(s.Context, &fields) == nil {
		names = append(names, slices.Collect(maps.Keys(fields))...)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		one := schemas.Recipe{Prompts: []schemas.Prompt{{Name: "it", Text: "{" + name + "}"}}, InputLimit: 1}
		_, ok := one.Render(s, nil)
		return !ok
	})
}
