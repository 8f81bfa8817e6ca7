package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// doctorOptions are the flags of recaption doctor that are not settings.
type doctorOptions struct {
	model, out, state string
	fix, json         bool
}

// finding is what one check came to.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, wrong, skipped
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"` // what to do about it
}

const (
	checkOK      = "ok"
	checkWrong   = "wrong"
	checkSkipped = "skipped"
)

func ok(format string, args ...any) finding {
	return finding{State: checkOK, Found: fmt.Sprintf(format, args...)}
}

func wrong(remedy, format string, args ...any) finding {
	return finding{State: checkWrong, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

func skipped(why string) finding { return finding{State: checkSkipped, Found: why} }

func newDoctorCommand() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check library, devices, model, store and NATS, and say what to do",
		Long: `Check what a run needs, each with a line: what was found and, where something is
wrong, what to do about it. The exit code is 3 when something is wrong.

The store and NATS are those that a run with the same --out would use. Without
--out the embedded services are started over a folder that is removed again.
--fix fetches ONNX Runtime first, by version and sha256, unless
ONNXRUNTIME_SHARED_LIBRARY_PATH names a library.`,
		Example: `  recaption doctor --fix
  recaption doctor --model ./smolvlm --device cuda:0 --out s3://captions/cc12m`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			return o.run(c, s)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.fix, "fix", false, "fetch ONNX Runtime into the cache folder")
	f.StringVar(&o.model, "model", "bundled", "model folder, or bundled")
	f.StringVar(&o.out, "out", "", "folder or s3://bucket/prefix of a run, to check its store")
	f.StringVar(&o.state, "state", "", "folder of the embedded services of that run")
	f.BoolVar(&o.json, "json", false, "print one JSON object a check")
	f.String("nats", "", "URL of a NATS server (default: an embedded one)")
	storeFlags(f)
	engineFlags(f)
	precisionFlag(f)
	return c
}

func (o doctorOptions) run(c *cobra.Command, s settings) error {
	ctx := c.Context()
	services, err := newServiceChecks(o.out, o.state, s)
	if err != nil {
		return err
	}
	defer services.close()
	if o.fix {
		if err := fixLibrary(ctx, c.ErrOrStderr()); err != nil {
			return err
		}
	}
	engine := engineChecks{settings: s, model: o.model}
	bad, all := 0, 0
	for _, check := range []struct {
		name string
		run  func(context.Context) finding
	}{
		{"onnx runtime", engine.library},
		{"providers", engine.providers},
		{"device", engine.device},
		{"int8 products", engine.integers},
		{"model", engine.caption},
		{"store", services.store},
		{"nats", services.nats},
	} {
		f := check.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.Check = check.name
		all++
		if f.State == checkWrong {
			bad++
		}
		if err := f.print(c.OutOrStdout(), o.json); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%w: %d of %d checks", errFindings, bad, all)
	}
	return nil
}

// print writes one line for the check, and one for the remedy.
func (f finding) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(f)
	}
	mark := map[string]string{checkOK: "ok", checkWrong: "WRONG", checkSkipped: "-"}[f.State]
	const indent = "                      "
	text := fmt.Sprintf("%-5s  %-14s %s\n", mark, f.Check, strings.ReplaceAll(f.Found, "\n", "\n"+indent))
	if f.Remedy != "" {
		text += fmt.Sprintf("%sto do: %s\n", indent, f.Remedy)
	}
	_, err := io.WriteString(w, text)
	return err
}
