package report

import (
	"slices"
	"strings"

	"recaption/schemas"
)

// perArm makes a row, and none where no arm has anything to say.
func perArm(rows []row, name string, arms []Arm, cell func(Arm) string) []row {
	r := row{Name: name}
	for _, a := range arms {
		r.Cells = append(r.Cells, cell(a))
	}
	if !slices.ContainsFunc(r.Cells, func(s string) bool { return s != "" }) {
		return rows
	}
	for i := range r.Cells {
		if r.Cells[i] == "" {
			r.Cells[i] = unknown
		}
	}
	return append(rows, r)
}

// setup lays the arms' recipes and trainings side by side.
func setup(arms []Arm) (rows []row) {
	trained := func(f func(Training) string) func(Arm) string {
		return func(a Arm) string {
			if a.Training == nil {
				return ""
			}
			return f(*a.Training)
		}
	}
	rows = perArm(rows, "texts", arms, func(a Arm) string { return a.About })
	rows = perArm(rows, "captions by", arms, func(a Arm) string { return a.Recipe })
	for _, f := range []struct {
		name string
		cell func(Training) string
	}{
		{"model", func(t Training) string { return t.Model }},
		{"parameters", func(t Training) string { return whole(t.Parameters) }},
		{"loss", func(t Training) string { return t.Loss }},
		{"optimizer", func(t Training) string { return t.Optimizer }},
		{"samples", func(t Training) string { return whole(int64(t.Samples)) }},
		{"batch", func(t Training) string { return whole(int64(t.Batch)) }},
		{"steps", func(t Training) string { return whole(int64(t.Steps)) }},
		{"epochs", func(t Training) string { return strings.TrimSuffix(nonZero(t.Epochs, decimal), ".0") }},
		{"pixels of a side", func(t Training) string { return whole(int64(t.Pixels)) }},
		{"context, tokens", func(t Training) string { return whole(int64(t.Context)) }},
	} {
		rows = perArm(rows, f.name, arms, trained(f.cell))
	}
	var names []string
	for _, a := range arms {
		if a.Training != nil {
			for _, s := range a.Training.Settings {
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
		}
	}
	for _, n := range names {
		rows = perArm(rows, n, arms, trained(func(t Training) string {
			for _, s := range t.Settings {
				if s.Name == n {
					return s.Value
				}
			}
			return ""
		}))
	}
	rows = perArm(rows, "time", arms, trained(func(t Training) string { return span(t.Seconds) }))
	rows = perArm(rows, "images a second", arms, trained(func(t Training) string { return nonZero(t.ImagesPerSecond, decimal) }))
	rows = perArm(rows, "peak memory", arms, trained(func(t Training) string { return size(t.PeakMemory) }))
	rows = perArm(rows, "loss at the end", arms, func(a Arm) string {
		if len(a.Curve) == 0 {
			return ""
		}
		if n := a.Curve[len(a.Curve)-1].Loss; n.finite() {
			return short(float64(n))
		}
		return "not finite"
	})
	return rows
}

func nonZero(n Number, write func(Number) string) string {
	if n == 0 {
		return ""
	}
	return write(n)
}

func textRows(arms []Arm) (rows []row) {
	of := func(f func(Texts) string) func(Arm) string {
		return func(a Arm) string {
			if a.Texts == nil {
				return ""
			}
			return f(*a.Texts)
		}
	}
	for _, f := range []struct {
		name string
		cell func(Texts) string
	}{
		{"texts", func(t Texts) string { return thousands(t.Texts) }},
		{"samples without a text", func(t Texts) string { return thousands(t.Missing) }},
		{"words, mean", func(t Texts) string { return decimal(t.Mean) }},
		{"words, median", func(t Texts) string { return thousands(int64(t.Median)) }},
		{"words, 95 % have at most", func(t Texts) string { return thousands(int64(t.P95)) }},
		{"words, longest", func(t Texts) string { return thousands(int64(t.Longest)) }},
		{"different words", func(t Texts) string { return count(t.Vocabulary) }},
		{"different texts", func(t Texts) string { return count(t.Distinct) }},
		{"captions accepted by the gate", func(t Texts) string {
			if t.Judged == 0 {
				return ""
			}
			return share(t.Accepted, t.Judged) + " of " + thousands(t.Judged)
		}},
	} {
		rows = perArm(rows, f.name, arms, of(f.cell))
	}
	return flagRows(rows, arms)
}

// flagRows adds a row for each flag that some caption has, and one for the
// others.
func flagRows(rows []row, arms []Arm) []row {
	judged := func(a Arm) bool { return a.Texts != nil && a.Texts.Judged > 0 }
	others := false
	for _, f := range schemas.Flags() {
		counts := map[string]int64{}
		for _, a := range arms {
			if !judged(a) {
				continue
			}
			for _, c := range a.Texts.Flags {
				if c.Flag == f && c.Captions > 0 {
					counts[a.Name] = c.Captions
				}
			}
		}
		if len(counts) == 0 {
			others = true
			continue
		}
		rows = perArm(rows, "with the flag "+string(f), arms, func(a Arm) string {
			if !judged(a) {
				return ""
			}
			return thousands(counts[a.Name])
		})
	}
	if !others {
		return rows
	}
	return perArm(rows, "with any other flag", arms, func(a Arm) string {
		if !judged(a) {
			return ""
		}
		return "0"
	})
}

func textLists(arms []Arm) (all []textList) {
	for _, a := range arms {
		if a.Texts == nil || a.Texts.Texts == 0 {
			continue
		}
		l := textList{Arm: a.Name}
		for _, f := range a.Texts.Openers {
			l.Openers = append(l.Openers, entry{f.Text + " …", share(f.Count, a.Texts.Texts)})
		}
		for _, f := range a.Texts.Words {
			l.Words = append(l.Words, entry{f.Text, thousands(f.Count)})
		}
		all = append(all, l)
	}
	return all
}

// where tells the machine and the programs.
func where(r Report) (rows []row) {
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, row{name, []string{value}})
		}
	}
	add("recaption", r.Program.Version)
	add("runtime", r.Program.Runtime)
	add("Go", r.Program.Go)
	add("CPU", r.Machine.CPU)
	add("cores", whole(int64(r.Machine.Cores)))
	add("memory", size(r.Machine.Memory))
	add("accelerator", r.Machine.Accelerator)
	add("system", r.Machine.System)
	return rows
}
