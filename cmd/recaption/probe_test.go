package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/trainer/probe"
)

const (
	probeModel    = "../../trainer/probe/testdata/clip"
	probeSuites   = "../../trainer/probe/testdata/suites"
	probePictures = "../../trainer/probe/testdata/pictures"
)

// runProbe runs the command in this process.
func runProbe(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := newProbeCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.PersistentFlags().String("config", "", "")
	var out strings.Builder
	c.SetOut(&out)
	c.SetArgs(args)
	t.Setenv("RECAPTION_LOG_LEVEL", "error")
	err := c.ExecuteContext(t.Context())
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), exitCode(err)
}

func TestProbeExitCodes(t *testing.T) {
	suite := func(name string) []string {
		return []string{"--model", probeModel, "--suite", name, "--data", filepath.Join(probeSuites, name), "--images", probePictures}
	}
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"whole suite", suite("winoground"), exitOK, "winoground  group"},
		{"pictures missing", suite("sugarcrepe"), exitFindings, "1 pictures of sugarcrepe are missing: absent.jpg"},
		{"no model", []string{"--suite", "scenes"}, exitUsage, "--model: want the folder"},
		{"model is not there", []string{"--model", "nowhere"}, exitUsage, "--model nowhere: no such folder"},
		{"suite", []string{"--model", probeModel, "--suite", "imagenet"}, exitUsage, "want one of scenes, sugarcrepe"},
		{"no data", []string{"--model", probeModel, "--suite", "coco"}, exitUsage, "--suite coco: want --data"},
		{"data for scenes", []string{"--model", probeModel, "--data", "x"}, exitUsage, "leave out --data"},
		{"families", []string{"--model", probeModel, "--families", "0"}, exitUsage, "0 families"},
		{"data is not there", []string{"--model", probeModel, "--suite", "coco", "--data", "nowhere", "--images", "."}, exitFailed, "nowhere: no such file"},
		{"not a model", []string{"--model", probeSuites, "--families", "1"}, exitFailed, "config.json: found no such file"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			out, code := runProbe(t, c.args...)
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, c.code, c.want, out)
			}
		})
	}
}

func TestProbeScenes(t *testing.T) {
	out, code := runProbe(t, "--model", probeModel, "--families", "12", "--json")
	if code != exitOK {
		t.Fatal(out)
	}
	var r probe.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{probe.AttributeSwap, probe.RelationFlip, probe.RoleSwap, probe.WordOrder} {
		if f := r.Figure(name, probe.Accuracy); f == nil || f.Asked != 48 || len(f.Won)+len(f.Lost) == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if again, _ := runProbe(t, "--model", probeModel, "--families", "12", "--json"); again != out {
		t.Error(cmp.Diff(out, again))
	}
}
