package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

	"recaption/internal/ort"
	"recaption/internal/ort/library"
	"recaption/internal/ort/onnx"
	"recaption/internal/recipefile"
	"recaption/internal/scenes"
	"recaption/worker/vlm"
)

// fixLibrary fetches the runtime unless the environment names one.
func fixLibrary(ctx context.Context, w io.Writer) error {
	if os.Getenv(library.EnvLibrary) != "" {
		return nil
	}
	_, err := library.Fetch(ctx, func(line string) { fmt.Fprintln(w, line) })
	return err
}

// engineChecks look at what captions: each relies on those before it.
type engineChecks struct {
	settings settings
	model    string
	open     bool // the library is
	runs     bool // the device does
}

func (e *engineChecks) library(context.Context) finding {
	err := ort.Open("")
	if errors.Is(err, library.ErrNotFound) {
		return wrong("recaption doctor --fix fetches it; or set "+library.EnvLibrary+" to a library that is there", "%v", err)
	}
	if err != nil && os.Getenv(library.EnvLibrary) == "" {
		if _, cache := library.CacheDir(); cache != nil {
			return wrong("set HOME, or "+library.EnvCache+" to a folder for what is fetched and unpacked", "%v", err)
		}
		return wrong("recaption doctor --fix; the library must suit this machine's architecture and C library", "%v", err)
	}
	if err != nil {
		return wrong("unset "+library.EnvLibrary+", then recaption doctor --fix; the library must suit this machine's architecture and C library", "%v", err)
	}
	r, err := ort.Describe()
	if err != nil {
		return wrong("recaption doctor --fix", "%v", err)
	}
	e.open = true
	other := ""
	if r.Version != library.Version {
		other = fmt.Sprintf(" (this program is tested with %s)", library.Version)
	}
	return ok("%s%s, %s", r.Version, other, r.Path)
}

const noLibrary = "not checked, since ONNX Runtime is missing"

const (
	cudaProvider = "CUDAExecutionProvider"
	cudaRemedy   = "set " + library.EnvLibrary + " to a build with CUDA, or use --device cpu"
)

func (e *engineChecks) providers(context.Context) finding {
	if !e.open {
		return skipped(noLibrary)
	}
	r, err := ort.Describe()
	if err != nil {
		return wrong("recaption doctor --fix", "%v", err)
	}
	names := strings.Join(r.Providers, ", ")
	if strings.HasPrefix(e.settings.Engine.Device, "cuda") && !slices.Contains(r.Providers, cudaProvider) {
		return wrong(cudaRemedy,
			"%s; engine.device is %s", names, e.settings.Engine.Device)
	}
	return ok("%s", names)
}

// device runs a small graph on the device that is set.
func (e *engineChecks) device(context.Context) finding {
	if !e.open {
		return skipped(noLibrary)
	}
	d, err := ort.ParseDevice(e.settings.Engine.Device)
	if err != nil {
		return wrong("set engine.device to cpu or cuda:N", "%v", err)
	}
	if err := runsOn(d); err != nil {
		remedy := "recaption doctor --fix"
		if !d.Host() {
			remedy = "nvidia-smi must list the device, and the CUDA and cuDNN libraries that the runtime was built with must be found (LD_LIBRARY_PATH); or use --device cpu"
		}
		return wrong(remedy, "%s: %v", d, err)
	}
	e.runs = true
	found := fmt.Sprintf("%s runs", d)
	if d.Host() {
		found = fmt.Sprintf("cpu, %d cores%s", cores(), features())
		r, err := ort.Describe()
		if err == nil && slices.Contains(r.Providers, cudaProvider) {
			n := 0
			for n < 16 && runsOn(ort.CUDA(n)) == nil {
				n++
			}
			found += fmt.Sprintf("; %d cuda devices", n)
		}
	}
	return ok("%s", found)
}

// runsOn adds two numbers on a device.
func runsOn(d ort.Device) (err error) {
	g := onnx.Graph{
		Name:    "device",
		Inputs:  []onnx.Port{{Name: "a", Type: onnx.Float, Dims: []any{1}}},
		Outputs: []onnx.Port{{Name: "b", Type: onnx.Float, Dims: []any{1}}},
	}
	g.Add("Add", "b", nil, "a", "a")
	a, err := ort.New([]int64{1}, []float32{21})
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := runGraph(&g, d, ort.Feed{Name: "a", Value: a}, "b")
	if err != nil {
		return err
	}
	defer b.Close()
	v, err := ort.Data[float32](b)
	if err == nil && v[0] != 42 {
		err = fmt.Errorf("21 + 21 gives %v", v[0])
	}
	return err
}

// runGraph runs a graph with one input and one output, which comes to the host.
func runGraph(g *onnx.Graph, d ort.Device, in ort.Feed, out string) (*ort.Value, error) {
	s, err := ort.LoadBytes(g.Name, g.Marshal(), ort.Options{Device: d})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r, err := s.NewRunner()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	values, err := r.Run([]ort.Feed{in}, []ort.Fetch{{Name: out, On: ort.CPU}})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// features names the instructions that decide how fast a CPU captions.
func features() string {
	var f []string
	for _, x := range []struct {
		name string
		has  bool
	}{
		{"AVX2", cpu.X86.HasAVX2}, {"AVX-512", cpu.X86.HasAVX512F}, {"AVX-512 VNNI", cpu.X86.HasAVX512VNNI},
		{"AMX int8", cpu.X86.HasAMXInt8}, {"dot product", cpu.ARM64.HasASIMDDP}, {"i8mm", cpu.ARM64.HasI8MM},
	} {
		if x.has {
			f = append(f, x.name)
		}
	}
	if len(f) == 0 {
		return ""
	}
	return ", " + strings.Join(f, ", ")
}

// caption opens the model and captions a drawn scene with it.
func (e *engineChecks) caption(ctx context.Context) finding {
	if !e.runs {
		return skipped("not checked, since the device does not run")
	}
	dir, err := findModel(e.model)
	if err != nil {
		return wrong("--model DIR names a folder in the layout of a public ONNX repository", "%v", err)
	}
	defaults, err := recipefile.Read(dir, "")
	if err != nil {
		return wrong("mend the recipe in the model's folder", "%v", err)
	}
	var found finding
	err = withEngine(ctx, dir, e.settings, func(ctx context.Context, v *vlm.Engine) error {
		scene := scenes.Set{Seed: 1, Split: scenes.Test, World: scenes.General}.At(0)
		began := time.Now()
		p, err := v.Prepare(vlm.Request{Image: scene.PNG(), Prompt: defaults.PlainPrompt()})
		if err != nil {
			return err
		}
		c, err := v.Generate(ctx, p)
		if err != nil {
			return err
		}
		d := v.Describe()
		found = ok("%s, %s, captions a scene in %s: %q", e.model, d.Family, time.Since(began).Round(time.Millisecond), short(c.Text, 60))
		return nil
	})
	if err != nil {
		return wrong("recaption model inspect "+e.model+" shows what is there and what is wanted", "%v", err)
	}
	return found
}

// short cuts a text at a character.
func short(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most]) + "…"
}
