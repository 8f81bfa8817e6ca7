package vlm

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// A Description is what is known of a model. Family, Files, Preprocessing and
// Generation are what a recipe digests: they decide the text, and nothing else
// here does.
type Description struct {
	Family        string         `json:"family"`
	Files         []File         `json:"files"` // those that are used, sorted by path
	Preprocessing map[string]any `json:"preprocessing"`
	Generation    map[string]any `json:"generation"` // by the names of generation_config.json

	Prompt  PromptFacts `json:"prompt"`
	Graphs  []Graph     `json:"graphs"`
	Runtime ort.Runtime `json:"runtime"`
	Device  string      `json:"device"`
	Lanes   int         `json:"lanes"`
	Threads int         `json:"threads"`
	Batch   int         `json:"batch_size"`
	// Problem is why the engine refuses the model; empty where it does not.
	Problem string `json:"problem,omitempty"`
}

// PromptFacts say what a prompt must look like.
type PromptFacts struct {
	ImageToken  string `json:"image_token"`
	ImageTokens int    `json:"image_tokens"` // in the place of that one
	// Template is "raw" where prompts are taken as they are, and "chat" where
	// the model has a chat template, which the caller must have applied.
	Template     string  `json:"template"`
	MaxPositions int     `json:"max_positions,omitempty"`
	StopIDs      []int32 `json:"stop_ids"`
	Vocabulary   int     `json:"vocabulary"` // of the tokenizer
}

// A Graph is one of the model's graphs, as its file declares it.
type Graph struct {
	Role      string         `json:"role"`
	File      string         `json:"file"`
	Inputs    []string       `json:"inputs"`
	Outputs   []string       `json:"outputs"`
	Operators map[string]int `json:"operators"`
	// DependsOnBatch is set where activations are quantised over all rows, so
	// that a caption depends on what else is in its batch.
	DependsOnBatch bool `json:"depends_on_batch,omitempty"`
}

// Describe says what the engine runs and how.
func (e *Engine) Describe() Description {
	gen := e.gen.Map()
	if e.gen.maxLength > 0 {
		gen["max_length"] = e.gen.maxLength
	}
	gen["eos_token_id"], gen["pad_token_id"] = slices.Clone(e.stop), e.pad
	d := Description{
		Family:        e.model.ModelType,
		Files:         slices.Clone(e.files),
		Preprocessing: e.family.describe(),
		Generation:    gen,
		Device:        e.graphs.decoder.Device().String(),
		Lanes:         e.cfg.Lanes,
		Threads:       e.cfg.Threads,
		Batch:         e.cfg.BatchSize,
		Prompt:        e.promptFacts(),
	}
	for _, g := range []struct {
		role string
		s    *ort.Session
	}{{visionGraph, e.graphs.vision}, {embedGraph, e.graphs.embed}, {decoderGraph, e.graphs.decoder}} {
		d.Graphs = append(d.Graphs, describeGraph(g.role, g.s, e.graphs.ops[g.role]))
	}
	d.Runtime, _ = ort.Describe() // an engine has an open runtime
	return d
}

func (e *Engine) promptFacts() PromptFacts {
	facts := PromptFacts{MaxPositions: e.model.Text.MaxPositions, StopIDs: slices.Clone(e.stop), Vocabulary: e.tok.VocabSize()}
	facts.ImageToken, facts.ImageTokens, facts.Template = e.family.prompt()
	return facts
}

func describeGraph(role string, s *ort.Session, ops map[string]int) Graph {
	g := Graph{Role: role, File: s.Name(), Operators: maps.Clone(ops), DependsOnBatch: dependsOnBatch(ops)}
	for _, p := range s.Inputs() {
		g.Inputs = append(g.Inputs, p.String())
	}
	for _, p := range s.Outputs() {
		g.Outputs = append(g.Outputs, p.String())
	}
	return g
}

// Inspect describes the model in dir, also one that the engine refuses: then
// what can be read is there, and Problem says why. Its error is for folders that
// hold no model at all, and for a runtime that can't be opened.
func Inspect(dir string, cfg Config) (Description, error) {
	e, err := Open(dir, cfg)
	if err == nil {
		defer e.Close()
		return e.Describe(), nil
	}
	if !errors.Is(err, ErrModel) {
		var runtime *ort.Error
		if !errors.As(err, &runtime) {
			return Description{}, err
		}
	}
	return inspectRefused(dir, cfg, err)
}

// inspectRefused reads what there is of a model that can't be opened.
func inspectRefused(dir string, cfg Config, problem error) (Description, error) {
	f := &folder{dir: dir}
	var c modelConfig
	found, err := f.json("config.json", &c)
	if err != nil || !found {
		return Description{}, problem
	}
	d := Description{Family: c.ModelType, Problem: problem.Error(), Device: cfg.Device}
	for _, name := range []string{"generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json"} {
		if _, err := f.read(name); err != nil {
			return d, err
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "onnx", "*.onnx"))
	if err != nil {
		return d, err
	}
	for _, path := range paths {
		rel := "onnx/" + filepath.Base(path)
		f.use(rel)
		if err := f.external(rel); err != nil {
			return d, err
		}
		d.Graphs = append(d.Graphs, inspectGraph(path))
	}
	if d.Files, err = f.files(); err != nil {
		return d, err
	}
	d.Runtime, err = ort.Describe()
	return d, err
}

// inspectGraph reads one graph; where it can't be loaded, that stands in the
// place of its inputs.
func inspectGraph(path string) Graph {
	base := filepath.Base(path)
	ops, err := onnx.Ops(path)
	if err != nil {
		return Graph{File: base, Inputs: []string{err.Error()}}
	}
	s, err := ort.Load(path, ort.Options{IntraThreads: 1, Optimization: ort.OptimizeNone})
	if err != nil {
		return Graph{File: base, Operators: ops, Inputs: []string{fmt.Sprintf("can't be loaded: %v", err)}}
	}
	defer s.Close()
	return describeGraph("", s, ops)
}
